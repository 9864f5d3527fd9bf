//! What a supervised process has open and mapped, according to `/proc`.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::unistd::Pid;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// One open file description of a device: the same for all its descriptors and mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileId {
    /// A memory file, by inode.
    Memory(u64),
    /// An eventfd, by the kernel's id.
    Event(u64),
}

/// A mapping of a memory file.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<u64>,
    /// Offset of the first byte in the file.
    pub(crate) offset: u64,
    /// `None` if it is not a memory file.
    pub(crate) file: Option<FileId>,
}

/// A process, which is stopped meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) Pid);

impl Process {
    fn at(self, what: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{what}", self.0))
    }

    /// The file of a descriptor, if it can be a device of this crate.
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

    /// The flags of an open descriptor, as `fcntl` returns them, with O_CLOEXEC.
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

    /// The first of its threads, whose number is that of the process.
    fn leader(self) -> Option<i32> {
        let text = fs::read_to_string(self.at("status")).ok()?;
        pairs(&text).find(|(key, _)| *key == "Tgid")?.1.parse().ok()
    }

    /// A duplicate, in this process, of a descriptor of the other.
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
