//! System calls in readable form.

use std::borrow::Cow;
use std::fmt;

use nix::errno::Errno;
use nix::libc;

use super::device::Device;
use super::kernel::FIONBIO;
use super::process::{FileId, Process};
use super::state::Held;
use super::thread::{SystemCall, Thread};

/// A system call that a program made within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// Its name: `"ioctl"`; or its number, if this crate has no name for it.
    pub name: Cow<'static, str>,
    /// The device it was about: by descriptor, path, or the mapping at an address.
    pub device: Option<Device>,
    /// The request of an ioctl or fcntl: `"MAP_GRANT_REF"`.
    pub request: Option<&'static str>,
    /// What the program received.
    pub result: Result<i64, Errno>,
    /// Whether that was an injected fault.
    pub failed: bool,
}

impl Call {
    /// Whether it is this call of a device: by name, or for an ioctl or fcntl by request.
    #[must_use]
    pub fn is(&self, device: Device, name: &str) -> bool {
        self.device == Some(device) && self.request.unwrap_or(&self.name) == name
    }

    /// What it releases: what is still held if it fails, whatever the program does.
    #[must_use]
    pub fn releases(&self) -> &'static [Held] {
        match (&*self.name, self.device, self.request) {
            ("munmap", Some(Device::Gntalloc), _) => &[Held::MappedPage, Held::SharedPage],
            ("munmap", _, _) => &[Held::MappedPage],
            (_, Some(Device::Gntdev), Some("UNMAP_GRANT_REF")) => &[Held::Index],
            (_, Some(Device::Gntdev), Some("DMABUF_IMP_RELEASE")) => &[Held::Import],
            (_, Some(Device::Gntalloc), Some("DEALLOC_GREF")) => &[Held::SharedPage],
            (_, Some(Device::Evtchn), Some("UNBIND")) => &[Held::Port],
            // The same request assigns and deassigns.
            (_, Some(Device::Privcmd), Some("IRQFD")) => &[Held::Eventfd],
            // The frames that an eventfd needs stay mapped as well.
            (_, Some(Device::Privcmd), Some("IOEVENTFD")) => &[Held::Eventfd, Held::MappedPage],
            _ => &[],
        }
    }

    /// The call without its result: `ioctl(gntdev, MAP_GRANT_REF)`.
    #[must_use]
    pub fn signature(&self) -> String {
        let arguments: Vec<_> =
            self.device.iter().map(|device| device.name()).chain(self.request).collect();
        format!("{}({})", self.name, arguments.join(", "))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ", self.signature())?;
        match self.result {
            Ok(value) => write!(f, "{value}")?,
            Err(errno) => write!(f, "{errno:?}")?,
        }
        f.write_str(if self.failed { " (a fault)" } else { "" })
    }
}

/// The call that a program is about to make; the result follows later.
pub(crate) fn describe(
    thread: Thread,
    call: SystemCall,
    device: impl Fn(FileId) -> Option<Device>,
) -> Call {
    let process = Process(thread.0);
    let [first, second, ..] = call.arguments;
    let descriptor = |number| process.file(number).and_then(&device);
    let about = match call.number {
        libc::SYS_open => thread.path(first).as_deref().and_then(Device::at),
        libc::SYS_openat => thread.path(second).as_deref().and_then(Device::at),
        libc::SYS_mmap => descriptor(call.arguments[4]),
        libc::SYS_munmap | libc::SYS_mremap | libc::SYS_madvise | libc::SYS_mprotect => {
            let mappings = process.mappings();
            let mut at = mappings.iter().filter(|mapping| mapping.addresses.contains(&first));
            at.next().and_then(|mapping| mapping.file).and_then(&device)
        }
        _ => descriptor(first),
    };
    let request = match call.number {
        // The kernel takes the low 32 bits.
        libc::SYS_ioctl if second as u32 == FIONBIO => Some("FIONBIO"),
        libc::SYS_ioctl => about.and_then(|device| device.request(second as u32)),
        libc::SYS_fcntl => fcntl(second as i32),
        _ => None,
    };
    Call { name: name(call.number), device: about, request, result: Ok(0), failed: false }
}

fn fcntl(command: i32) -> Option<&'static str> {
    Some(match command {
        libc::F_DUPFD_CLOEXEC => "F_DUPFD_CLOEXEC",
        libc::F_GETFD => "F_GETFD",
        libc::F_GETFL => "F_GETFL",
        libc::F_SETFL => "F_SETFL",
        _ => return None,
    })
}

/// Names of the calls of programs under test.
macro_rules! names {
    ($($name:ident: $number:ident,)*) => {
        fn name(number: i64) -> Cow<'static, str> {
            Cow::Borrowed(match number {
                $(libc::$number => stringify!($name),)*
                number => return Cow::Owned(format!("call_{number}")),
            })
        }
    };
}

names! {
    access: SYS_access,
    brk: SYS_brk,
    clock_gettime: SYS_clock_gettime,
    clock_nanosleep: SYS_clock_nanosleep,
    close: SYS_close,
    dup: SYS_dup,
    dup2: SYS_dup2,
    dup3: SYS_dup3,
    epoll_create1: SYS_epoll_create1,
    epoll_ctl: SYS_epoll_ctl,
    epoll_wait: SYS_epoll_wait,
    eventfd2: SYS_eventfd2,
    fcntl: SYS_fcntl,
    fstat: SYS_fstat,
    ftruncate: SYS_ftruncate,
    futex: SYS_futex,
    getpid: SYS_getpid,
    getrandom: SYS_getrandom,
    ioctl: SYS_ioctl,
    lseek: SYS_lseek,
    madvise: SYS_madvise,
    memfd_create: SYS_memfd_create,
    mmap: SYS_mmap,
    mprotect: SYS_mprotect,
    mremap: SYS_mremap,
    munmap: SYS_munmap,
    nanosleep: SYS_nanosleep,
    newfstatat: SYS_newfstatat,
    open: SYS_open,
    openat: SYS_openat,
    poll: SYS_poll,
    ppoll: SYS_ppoll,
    prctl: SYS_prctl,
    read: SYS_read,
    readlink: SYS_readlink,
    readlinkat: SYS_readlinkat,
    rt_sigaction: SYS_rt_sigaction,
    rt_sigprocmask: SYS_rt_sigprocmask,
    sched_yield: SYS_sched_yield,
    stat: SYS_stat,
    statx: SYS_statx,
    write: SYS_write,
}
