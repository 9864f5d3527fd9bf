//! The devices, one file each, with the answers of Linux's drivers.

mod copy;
mod dmabuf;
mod eventfds;
mod evtchn;
mod gntalloc;
mod gntdev;
mod hypercall;
mod hypercalls;
mod model;
mod ports;
mod privcmd;

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::rc::Rc;

use nix::errno::Errno;

use super::peers::Grants;
use super::process::{FileId, Mapping, Process};
use super::state::{Held, State};
use super::thread::{Struct, Thread};

pub(crate) use dmabuf::{Dmabuf, Exports};
pub(crate) use model::Servers;
pub(crate) use ports::Ports;

/// A device in `/dev/xen`, or a dma-buf that gntdev exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Device {
    /// Maps pages that other domains granted.
    Gntdev,
    /// Shares pages.
    Gntalloc,
    /// Hypercalls, and memory of other domains.
    Privcmd,
    /// Memory for the buffers of hypercalls.
    Hypercall,
    /// Event channels.
    Evtchn,
    /// A buffer exported by gntdev.
    Dmabuf,
}

impl Device {
    /// Those that have a file.
    const FILES: [Self; 5] =
        [Self::Gntdev, Self::Gntalloc, Self::Privcmd, Self::Hypercall, Self::Evtchn];

    /// The device at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let name = path.strip_prefix("/dev/xen/")?;
        Self::FILES.into_iter().find(|device| device.name() == name)
    }

    /// The device whose link in sysfs this is.
    pub(crate) fn linked_from(path: &str) -> Option<Self> {
        let minor: u64 = path.strip_prefix("/sys/dev/char/10:")?.parse().ok()?;
        Self::FILES.into_iter().find(|device| device.minor() == Some(minor))
    }

    /// Its minor number; the major one is 10, of miscellaneous devices.
    pub(crate) fn minor(self) -> Option<u64> {
        /// The first that no device of Linux's has.
        const FIRST: u64 = 40;
        let place = Self::FILES.iter().position(|device| *device == self)?;
        Some(FIRST + place as u64)
    }

    /// The name of its file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gntdev => "gntdev",
            Self::Gntalloc => "gntalloc",
            Self::Privcmd => "privcmd",
            Self::Hypercall => "hypercall",
            Self::Evtchn => "evtchn",
            Self::Dmabuf => "dmabuf",
        }
    }

    /// The name of a request in Linux's headers, without `IOCTL_` and the device.
    pub(crate) fn request(self, number: u32) -> Option<&'static str> {
        let names = match self {
            Self::Gntdev => gntdev::request::NAMES,
            Self::Gntalloc => gntalloc::request::NAMES,
            Self::Privcmd => privcmd::request::NAMES,
            Self::Evtchn => evtchn::request::NAMES,
            Self::Hypercall | Self::Dmabuf => &[],
        };
        names.iter().find(|(of, _)| *of == number).map(|(_, name)| *name)
    }

    /// A device that has just been opened.
    pub(crate) fn driver(self) -> Box<dyn Driver> {
        match self {
            Self::Gntdev => Box::new(gntdev::Gntdev::default()),
            Self::Gntalloc => Box::new(gntalloc::Gntalloc::default()),
            Self::Privcmd => Box::new(privcmd::Privcmd::default()),
            Self::Evtchn => Box::new(evtchn::Evtchn::default()),
            Self::Hypercall => Box::new(hypercall::Hypercall::default()),
            Self::Dmabuf => Box::new(Dmabuf),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What all open devices share: other domains, and tables of the kernel.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) grants: Grants,
    pub(crate) ports: Ports,
    pub(crate) exports: Exports,
    pub(crate) servers: Servers,
    /// Pages that gntalloc shares.
    pub(crate) shared: u32,
}

/// The open device that a driver answers for, and the calling thread.
pub(crate) struct Context<'a> {
    pub(crate) machine: &'a mut Machine,
    pub(crate) thread: Thread,
    pub(crate) process: Process,
    pub(crate) id: FileId,
    /// The contents of its mappings.
    pub(crate) file: &'a Rc<File>,
}

impl Context<'_> {
    pub(crate) fn at(&self, address: u64) -> Struct {
        Struct { thread: self.thread, address }
    }
}

/// The reply to an ioctl.
#[derive(Debug)]
pub(crate) enum Reply {
    /// This result.
    Value(i64),
    /// A descriptor of a new dma-buf of so many pages, which is written to an address.
    Export { pages: u32, to: Struct },
}

/// What a program wants to map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) offset: u64,
    pub(crate) pages: u64,
    pub(crate) shared: bool,
    pub(crate) writable: bool,
}

/// What a program wants to read or write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data {
    pub(crate) descriptor: u64,
    pub(crate) address: u64,
    pub(crate) size: u64,
}

/// The driver of one open device.
pub(crate) trait Driver: fmt::Debug {
    fn ioctl(&mut self, _: &mut Context<'_>, _: u32, _: u64) -> Result<Reply, Errno> {
        Err(Errno::ENOTTY)
    }

    /// The offset in the file for what is wanted.
    fn mmap(&mut self, _: &mut Context<'_>, _: Wanted) -> Result<u64, Errno> {
        Err(Errno::ENODEV)
    }

    fn read(&mut self, _: &mut Context<'_>, _: Data) -> Result<i64, Errno> {
        Err(Errno::EINVAL)
    }

    fn write(&mut self, _: &mut Context<'_>, _: Data) -> Result<i64, Errno> {
        Err(Errno::EINVAL)
    }

    /// Frees what is no longer used: these ranges of the file are mapped, in any process.
    fn look(&mut self, _: &mut Machine, _: &Rc<File>, _mapped: &[Range<u64>]) {}

    /// Frees everything: the last descriptor and the last mapping are gone.
    fn release(&mut self, machine: &mut Machine, file: &Rc<File>) {
        self.look(machine, file, &[]);
    }

    /// What it holds besides descriptors and mappings.
    fn held(&self, _: FileId, _: &Machine) -> Vec<(Held, usize)> {
        Vec::new()
    }
}

/// The mapping that Linux finds for an address: the first that ends past it.
pub(crate) fn area_at(process: Process, address: u64) -> Option<Mapping> {
    process.mappings().into_iter().find(|mapping| mapping.addresses.end > address)
}

pub(crate) fn overlaps(mapped: &[Range<u64>], range: &Range<u64>) -> bool {
    mapped.iter().any(|one| one.start < range.end && range.start < one.end)
}

impl State {
    pub(crate) fn extend(&mut self, held: impl IntoIterator<Item = (Held, usize)>) {
        held.into_iter().for_each(|(kind, count)| self.add(kind, count));
    }
}

/// Requests of one device, by the letter, number and size of argument that encode them. Few have a
/// direction, as bits 14 and 15 of the size.
macro_rules! requests {
    ($($name:ident = $letter:literal, $number:literal, $size:expr;)*) => {
        /// Numbers of the device's requests.
        pub(crate) mod request {
            $(pub(crate) const $name: u32 = ($size) << 16 | ($letter as u32) << 8 | $number;)*
            pub(crate) const NAMES: &[(u32, &str)] = &[$(($name, stringify!($name))),*];
        }
    };
}
use requests;
