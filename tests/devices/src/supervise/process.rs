//! What a supervised process has open and mapped, as the real kernel tells below `/proc`.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::unistd::Pid;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// One opening of a device: all descriptors and mappings that came of it have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileId {
    /// A memory file, by inode.
    Memory(u64),
    /// An event file, by the number the kernel gave it.
    Event(u64),
}

/// A mapping of a memory file.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<u64>,
    /// Offset of the first byte in the file.
    pub(crate) offset: u64,
    /// None for what is no memory file.
    pub(crate) file: Option<FileId>,
}

/// A process, stopped while it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) Pid);

impl Process {
    fn at(self, what: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{what}", self.0))
    }

    /// What a descriptor refers to, if that can be a device of ours.
    pub(crate) fn file(self, descriptor: u64) -> Option<FileId> {
        let descriptor = i32::try_from(descriptor).ok()?;
        let link = self.at(&format!("fd/{descriptor}"));
        let target = fs::read_link(&link).ok()?;
        let target = target.to_str()?;
        if target.starts_with("/memfd:") {
            return Some(FileId::Memory(fs::metadata(link).ok()?.ino()));
        }
        self.info(descriptor, "eventfd-id")?.parse().ok().map(FileId::Event)
    }

    /// The flags of an open descriptor, as `fcntl` gives them and with O_CLOEXEC.
    pub(crate) fn flags(self, descriptor: u64) -> Option<i32> {
        i32::from_str_radix(&self.info(i32::try_from(descriptor).ok()?, "flags")?, 8).ok()
    }

    fn info(self, descriptor: i32, key: &str) -> Option<String> {
        let text = fs::read_to_string(self.at(&format!("fdinfo/{descriptor}"))).ok()?;
        pairs(&text).find(|(one, _)| *one == key).map(|(_, value)| value.to_owned())
    }

    /// Every open descriptor.
    pub(crate) fn descriptors(self) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(self.at("fd")) else { return Vec::new() };
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
    }

    /// Every mapping, in order of addresses.
    pub(crate) fn mappings(self) -> Vec<Mapping> {
        let text = fs::read_to_string(self.at("maps")).unwrap_or_default();
        text.lines().filter_map(mapping).collect()
    }

    /// The first of its threads, by which the whole is known.
    fn leader(self) -> Option<i32> {
        let text = fs::read_to_string(self.at("status")).ok()?;
        pairs(&text).find(|(key, _)| *key == "Tgid")?.1.parse().ok()
    }

    /// A descriptor of the process, as one of this process.
    pub(crate) fn take(self, descriptor: u64) -> rustix::io::Result<File> {
        let pid = self.leader().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(rustix::io::Errno::SRCH)?;
        let descriptor = i32::try_from(descriptor).map_err(|_| rustix::io::Errno::BADF)?;
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty()).map(File::from)
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key, value.trim()))
}

/// A line of `/proc/PID/maps`.
fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let hexadecimal = |word| u64::from_str_radix(word, 16).ok();
    let offset = hexadecimal(words.nth(1)?)?;
    let inode = words.nth(1)?.parse().ok()?;
    let memory = words.next().is_some_and(|path| path.starts_with("/memfd:"));
    let file = memory.then_some(FileId::Memory(inode));
    Some(Mapping { addresses: hexadecimal(start)?..hexadecimal(end)?, offset, file })
}
