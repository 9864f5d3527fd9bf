//! Which system this is.

use std::fs;
use std::process::Command;

use crate::process;

/// The distribution, as far as `setup` cares.
pub(super) struct Distribution {
    /// What it calls itself.
    pub(super) name: String,
    /// Whether packages by Debian's names come through apt-get.
    pub(super) has_apt: bool,
}

impl Distribution {
    /// Reads os-release and tries apt-get.
    pub(super) fn detect() -> Self {
        let text = ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .unwrap_or_default();
        let mut found = Self::parse(&text);
        found.has_apt &= process::succeeds(Command::new("apt-get").arg("--version"));
        found
    }

    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        let ids = format!("{} {}", value("ID"), value("ID_LIKE"));
        let has_apt = ids.split_whitespace().any(|id| id == "debian" || id == "ubuntu");
        let name = value("PRETTY_NAME");
        let name = if name.is_empty() { std::env::consts::OS.to_owned() } else { name };
        Self { name, has_apt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_children_have_apt() {
        let of = |text| Distribution::parse(text).has_apt;
        assert!(of("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"));
        assert!(of("ID=ubuntu\nID_LIKE=debian\n"));
        assert!(of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!of("ID=fedora\n"));
        assert!(!of(""));
        assert_eq!(Distribution::parse("NAME=x\nPRETTY_NAME='An OS 3'\n").name, "An OS 3");
    }
}
