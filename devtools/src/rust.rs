//! Rust's targets.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::answer;

/// Whether a target's core library is installed, by rustup or a distribution's package.
#[must_use]
pub fn has_target(target: &str) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let directory =
        answer(Command::new(rustc).args(["--print", "target-libdir", "--target", target]));
    let is_core = |name: OsString| name.to_string_lossy().starts_with("libcore-");
    directory.is_some_and(|directory| {
        Path::new(&directory).read_dir().is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| is_core(file.file_name())))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_a_core_library_and_nonsense_has_none() {
        let version = answer(Command::new("rustc").arg("-vV")).expect("rustc compiled this");
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        assert!(has_target(host.expect("rustc names its host")));
        assert!(!has_target("xen-abi-no-such-target"));
    }
}
