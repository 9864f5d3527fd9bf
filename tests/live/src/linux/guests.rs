//! Our own kernel in domains that Linux starts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Work;
use crate::{Error, Mode, Row};

/// What starts them, and waits for them.
const RUN: &str = include_str!("guests");

/// Has Linux start a domain for each command line. They are to be through within `limit`; files of this
/// boot are made in `place`.
pub(crate) fn guests(
    row: Row,
    kernel: &Path,
    arguments: &[String],
    limit: Duration,
    place: &Path,
) -> Result<Work, Error> {
    let mut files = vec![("run".to_owned(), RUN.to_owned())];
    let mut names = Vec::new();
    for (domid, arguments) in row.guests().zip(arguments) {
        let name = format!("domain-{domid}");
        files.push((format!("{name}.cfg"), config(row, domid, &name, arguments)));
        names.push(name);
    }
    let commands = match row.mode {
        // They run beside what Linux does, and for as long as that wants.
        Mode::Linux => {
            names.iter().map(|name| format!("xl create -q /guests/{name}.cfg")).collect()
        }
        _ => vec![format!("/guests/run {} {}", limit.as_secs(), names.join(" "))],
    };
    let mut work = Work { commands, toolstack: true, ..Work::default() };
    work.files.push(("guests/kernel".to_owned(), kernel.to_owned()));
    for (name, text) in files {
        let path = place.join(&name);
        fs::write(&path, text).map_err(Error::file(&path))?;
        work.files.push((format!("guests/{name}"), path));
    }
    Ok(work)
}

/// What xl is told about a domain.
fn config(row: Row, domid: u16, name: &str, arguments: &str) -> String {
    let mode = row.mode_of(domid);
    let mut text = format!("name = \"{name}\"\ntype = \"{mode}\"\nmemory = 32\n");
    text += &format!("kernel = \"/guests/kernel\"\nextra = \"{arguments}\"\n");
    for event in ["poweroff", "reboot", "watchdog", "crash"] {
        text += &format!("on_{event} = \"destroy\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arch;

    #[test]
    fn every_other_domain_is_of_the_other_kind() {
        let place = tempfile::tempdir().unwrap();
        let row = Row { release: "4.20", arch: Arch::X86_64, mode: Mode::Pvh, domains: 3 };
        let arguments = ["me=1", "me=2", "me=3"].map(str::to_owned);
        let limit = Duration::from_secs(9);
        let work = guests(row, Path::new("kernel"), &arguments, limit, place.path()).unwrap();
        assert_eq!(work.commands, ["/guests/run 9 domain-1 domain-2 domain-3"]);
        for (domid, mode) in [(1, "pvh"), (2, "pv"), (3, "pvh")] {
            let config = place.path().join(format!("domain-{domid}.cfg"));
            let config = fs::read_to_string(config).unwrap();
            for line in [format!("type = \"{mode}\""), format!("extra = \"me={domid}\"")] {
                assert!(config.lines().any(|own| own == line), "no {line} in: {config}");
            }
        }
    }
}
