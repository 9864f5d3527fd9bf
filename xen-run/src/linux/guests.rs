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
    /// The contents of its disks, `xvda` and so on, up to [`MAX_DISKS`]. Of what it writes to them nothing is kept.
    pub disks: Vec<PathBuf>,
}

/// How many disks a domain can have.
pub const MAX_DISKS: usize = 26;

/// Bytes of a sector, of which a disk has a whole number.
const SECTOR: u64 = 512;

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
        let mut device = 0;
        for (index, guest) in guests.iter().enumerate() {
            if guest.disks.len() > MAX_DISKS {
                return Err(Error::TooManyDisks { count: guest.disks.len(), most: MAX_DISKS });
            }
            let first = guests.iter().position(|other| other.kernel == guest.kernel);
            let kernel = format!("kernel-{}", first.unwrap_or(index));
            files.push((format!("{}.cfg", guest.name), guest.config(&kernel, device)));
            device += guest.disks.len();
            if first == Some(index) {
                self.files.push((format!("guests/{kernel}"), guest.kernel.clone()));
            }
        }
        for (name, text) in files {
            let path = place.join(&name);
            fs::write(&path, text).map_err(Error::file(&path))?;
            self.files.push((format!("guests/{name}"), path));
        }
        let attach = self.disks(guests, place)?;
        let names: Vec<_> = guests.iter().map(|guest| guest.name.as_str()).collect();
        match limit {
            Some(limit) => {
                let seconds = limit.as_secs();
                self.commands.extend(attach);
                self.commands.push(format!("/guests/run {seconds} {}", names.join(" ")));
            }
            None => {
                let create = |name: &&str| format!("xl create -q /guests/{name}.cfg");
                self.commands.splice(0..0, attach.into_iter().chain(names.iter().map(create)));
            }
        }
        Ok(())
    }

    /// Adds the disks' files, and returns the commands that make block devices of them.
    fn disks(&mut self, guests: &[Guest], place: &Path) -> Result<Vec<String>, Error> {
        let mut commands = Vec::new();
        for guest in guests {
            for (disk, letter) in guest.disks.iter().zip('a'..='z') {
                let name = format!("{}-xvd{letter}", guest.name);
                let path = place.join(&name);
                fs::copy(disk, &path).map_err(Error::file(disk))?;
                let file = fs::OpenOptions::new().write(true).open(&path);
                let file = file.map_err(Error::file(&path))?;
                let length = file.metadata().map_err(Error::file(&path))?.len();
                let length = length.max(1).next_multiple_of(SECTOR);
                file.set_len(length).map_err(Error::file(&path))?;
                self.files.push((format!("guests/{name}"), path));
                commands.push(format!("losetup /dev/loop{} /guests/{name}", commands.len()));
            }
        }
        if !commands.is_empty() {
            let load = format!("insmod /modules/loop.ko max_loop={}", commands.len());
            commands.splice(0..0, [load, "insmod /modules/xen-blkback.ko".to_owned()]);
        }
        Ok(commands)
    }
}

impl Guest {
    /// What xl is told about it. The first of its disks is the block device `device`.
    fn config(&self, kernel: &str, device: usize) -> String {
        let Self { name, kind, vcpus, arguments, disks, .. } = self;
        let arguments = arguments.replace('\\', "\\\\").replace('"', "\\\"");
        let mut text = format!("name = \"{name}\"\ntype = \"{kind}\"\nmemory = 32\n");
        text += &format!("vcpus = {vcpus}\n");
        text += &format!("kernel = \"/guests/{kernel}\"\nextra = \"{arguments}\"\n");
        let disk = |(index, letter)| format!("\"phy:/dev/loop{},xvd{letter},w\"", device + index);
        let disks: Vec<_> = (0..disks.len()).zip('a'..='z').map(disk).collect();
        text += &format!("disk = [{}]\n", disks.join(", "));
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
        Guest {
            name: name.to_owned(),
            kind,
            vcpus: 2,
            kernel: "kernel".into(),
            arguments,
            disks: Vec::new(),
        }
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
    fn disks_are_whole_sectors_and_block_devices_before_their_domains_start() {
        let place = tempfile::tempdir().unwrap();
        let content = place.path().join("content");
        fs::write(&content, [7; 513]).unwrap();
        let with = |name, count| Guest {
            disks: vec![content.clone(); count],
            ..guest(name, GuestKind::Pvh)
        };
        let mut work = Work::default();
        let guests = [with("a", 1), with("b", 2)];
        work.start(&guests, None, place.path()).unwrap();
        let commands: Vec<_> = work.commands.iter().map(String::as_str).collect();
        assert_eq!(
            commands,
            [
                "insmod /modules/loop.ko max_loop=3",
                "insmod /modules/xen-blkback.ko",
                "losetup /dev/loop0 /guests/a-xvda",
                "losetup /dev/loop1 /guests/b-xvda",
                "losetup /dev/loop2 /guests/b-xvdb",
                "xl create -q /guests/a.cfg",
                "xl create -q /guests/b.cfg",
            ]
        );
        let disk = fs::read(place.path().join("b-xvdb")).unwrap();
        assert_eq!((disk.len(), &disk[..513], &disk[513..]), (1024, &[7; 513][..], &[0; 511][..]));
        let config = fs::read_to_string(place.path().join("b.cfg")).unwrap();
        let line = r#"disk = ["phy:/dev/loop1,xvda,w", "phy:/dev/loop2,xvdb,w"]"#;
        assert!(config.lines().any(|own| own == line), "{config}");
        let error = Work::default().start(&[with("c", 27)], None, place.path()).unwrap_err();
        assert!(error.to_string().contains("27"), "{error}");
    }

    #[test]
    fn domains_run_beside_the_other_commands() {
        let place = tempfile::tempdir().unwrap();
        let mut work = Work { commands: vec!["true".to_owned()], ..Work::default() };
        work.start(&[guest("a", GuestKind::Pv)], None, place.path()).unwrap();
        assert_eq!(work.commands, ["xl create -q /guests/a.cfg", "true"]);
    }
}
