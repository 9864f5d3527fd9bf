//! Domains that Linux starts with xl.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Work;
use crate::Error;

/// What starts them, and waits for them.
const RUN: &str = include_str!("guests");

/// The kind of a domain that xl starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// Paravirtualised.
    Pv,
    /// Translated.
    Pvh,
}

/// A domain that xl starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its name, a plain word.
    pub name: String,
    /// Its kind.
    pub kind: GuestKind,
    /// How many vCPUs it has.
    pub vcpus: u16,
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its kernel's command line.
    pub arguments: String,
}

impl fmt::Display for GuestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pv => "pv",
            Self::Pvh => "pvh",
        })
    }
}

impl Work {
    /// Has Linux start domains, of which files are made in `place`: before the other commands, which then
    /// run beside them, or with `limit` as the last command, which waits until all of them have ended
    /// and shows what they wrote.
    pub(crate) fn start(
        &mut self,
        guests: &[Guest],
        limit: Option<Duration>,
        place: &Path,
    ) -> Result<(), Error> {
        if guests.is_empty() {
            return Ok(());
        }
        self.toolstack = true;
        let mut files = vec![("run".to_owned(), RUN.to_owned())];
        for (index, guest) in guests.iter().enumerate() {
            let first = guests.iter().position(|other| other.kernel == guest.kernel);
            let kernel = format!("kernel-{}", first.unwrap_or(index));
            files.push((format!("{}.cfg", guest.name), guest.config(&kernel)));
            if first == Some(index) {
                self.files.push((format!("guests/{kernel}"), guest.kernel.clone()));
            }
        }
        for (name, text) in files {
            let path = place.join(&name);
            fs::write(&path, text).map_err(Error::file(&path))?;
            self.files.push((format!("guests/{name}"), path));
        }
        let names: Vec<_> = guests.iter().map(|guest| guest.name.as_str()).collect();
        match limit {
            Some(limit) => {
                let seconds = limit.as_secs();
                self.commands.push(format!("/guests/run {seconds} {}", names.join(" ")));
            }
            None => {
                let create = |name: &&str| format!("xl create -q /guests/{name}.cfg");
                self.commands.splice(0..0, names.iter().map(create));
            }
        }
        Ok(())
    }
}

impl Guest {
    /// What xl is told about it.
    fn config(&self, kernel: &str) -> String {
        let Self { name, kind, vcpus, arguments, .. } = self;
        let arguments = arguments.replace('\\', "\\\\").replace('"', "\\\"");
        let mut text = format!("name = \"{name}\"\ntype = \"{kind}\"\nmemory = 32\n");
        text += &format!("vcpus = {vcpus}\n");
        text += &format!("kernel = \"/guests/{kernel}\"\nextra = \"{arguments}\"\n");
        for event in ["poweroff", "reboot", "watchdog", "crash"] {
            text += &format!("on_{event} = \"destroy\"\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(name: &str, kind: GuestKind) -> Guest {
        let arguments = format!("name={name} \"quoted\"");
        Guest { name: name.to_owned(), kind, vcpus: 2, kernel: "kernel".into(), arguments }
    }

    #[test]
    fn each_domain_has_its_configuration_and_one_kernel_is_given_once() {
        let place = tempfile::tempdir().unwrap();
        let guests = [guest("a", GuestKind::Pvh), guest("b", GuestKind::Pv)];
        let mut work = Work { commands: vec!["true".to_owned()], ..Work::default() };
        work.start(&guests, Some(Duration::from_secs(9)), place.path()).unwrap();
        assert_eq!(work.commands, ["true", "/guests/run 9 a b"]);
        assert!(work.toolstack);
        let names: Vec<_> = work.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["guests/kernel-0", "guests/run", "guests/a.cfg", "guests/b.cfg"]);
        for (name, kind) in [("a", "pvh"), ("b", "pv")] {
            let config = fs::read_to_string(place.path().join(format!("{name}.cfg"))).unwrap();
            let extra = format!("extra = \"name={name} \\\"quoted\\\"\"");
            for line in [format!("type = \"{kind}\""), extra, "vcpus = 2".to_owned()] {
                assert!(config.lines().any(|own| own == line), "no {line} in: {config}");
            }
        }
    }

    #[test]
    fn domains_run_beside_the_other_commands() {
        let place = tempfile::tempdir().unwrap();
        let mut work = Work { commands: vec!["true".to_owned()], ..Work::default() };
        work.start(&[guest("a", GuestKind::Pv)], None, place.path()).unwrap();
        assert_eq!(work.commands, ["xl create -q /guests/a.cfg", "true"]);
    }
}
