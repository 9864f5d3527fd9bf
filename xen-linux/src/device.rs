//! An open device and its ioctls.

#![allow(unsafe_code, reason = "the only module that issues ioctls")]

use std::ffi::{c_long, c_ulong, c_void};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use rustix::fs::{CWD, Dev, FileType, Mode, OFlags, fstat, major, minor, openat, readlinkat};
use rustix::io::{Errno, retry_on_intr};
use xen_ops::Failed;

use crate::fork::generation;
use crate::{Cause, Error};

/// A device below `/dev`, by its path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceName(pub(crate) &'static str);

/// The major number of the kernel's miscellaneous devices, which all of Xen's are.
const MISC_MAJOR: u32 = 10;

/// Whether the miscellaneous device with this minor number is the one with this name.
fn is_registered(minor: u32, DeviceName(path): DeviceName) -> Result<bool, Error> {
    let name = path.strip_prefix("/dev/").unwrap_or(path);
    // The link leads to the device's directory, in whose name the kernel has `!` for `/`.
    let link = format!("/sys/dev/char/{MISC_MAJOR}:{minor}");
    match retry_on_intr(|| readlinkat(CWD, &link, Vec::new())) {
        Ok(target) => {
            let directory = target.to_bytes().rsplit(|&byte| byte == b'/').next();
            return Ok(directory == Some(name.replace('/', "!").as_bytes()));
        }
        Err(Errno::NOENT | Errno::ACCESS) => {}
        Err(errno) => return Err(Error::errno("readlinkat")(errno)),
    }
    // Without sysfs: lines of a minor number and a name.
    let list = Path::new("/proc/misc");
    let text = std::fs::read_to_string(list)
        .map_err(|error| Error::open(list)(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    Ok(is_listed(minor, name, &text))
}

/// Whether this text of `/proc/misc` lists the device.
fn is_listed(minor: u32, name: &str, text: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().is_some_and(|word| word.parse() == Ok(minor)) && words.next() == Some(name)
    })
}

/// Whether a file of this type and device number is a miscellaneous device.
fn is_misc(kind: FileType, number: Dev) -> bool {
    kind == FileType::CharacterDevice && major(number) == MISC_MAJOR
}

/// An open device. Clones share the descriptor, which is closed with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    descriptor: OwnedFd,
    /// The process that may use the descriptor.
    generation: u64,
}

impl Device {
    /// Opens `path` for reading and writing, to be closed by `exec`.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let descriptor = retry_on_intr(|| openat(CWD, path, flags, Mode::empty()));
        Ok(Self::new(descriptor.map_err(Error::open(path))?)?)
    }

    /// A device that the caller has opened.
    pub(crate) fn new(descriptor: OwnedFd) -> Result<Self, Failed<Error, OwnedFd>> {
        match generation() {
            Ok(generation) => Ok(Self { shared: Arc::new(Shared { descriptor, generation }) }),
            Err(error) => Err(Failed::returning(error, descriptor)),
        }
    }

    /// Checks that the descriptor is one of this device, by the name that its driver registered: whatever
    /// the path, and before any ioctl, which another device could take for one of its own.
    pub(crate) fn check_is(&self, name: DeviceName) -> Result<(), Error> {
        let stat = fstat(self).map_err(Error::errno("fstat"))?;
        let is_misc = is_misc(FileType::from_raw_mode(stat.st_mode), stat.st_rdev);
        if is_misc && is_registered(minor(stat.st_rdev), name)? {
            return Ok(());
        }
        Err(Error::new(name.0, Cause::Unsupported))
    }

    /// The descriptor, unless clones share it.
    pub(crate) fn into_fd(self) -> Option<OwnedFd> {
        Arc::into_inner(self.shared).map(|shared| shared.descriptor)
    }

    /// Whether this process opened the device, not a parent of it.
    pub(crate) fn is_own(&self) -> bool {
        generation().is_ok_and(|generation| generation == self.shared.generation)
    }

    /// [`Cause::Forked`] unless this process opened the device.
    pub(crate) fn check_own(&self, operation: &'static str) -> Result<(), Error> {
        if self.is_own() { Ok(()) } else { Err(Error::new(operation, Cause::Forked)) }
    }

    /// Issues an ioctl whose argument is a structure that the kernel reads and writes, and returns the
    /// kernel's result, which is as wide as a register. An error has the kernel's number, EINTR too; ENOTTY
    /// is [`Cause::Unsupported`].
    ///
    /// # Safety
    ///
    /// The ioctl takes a `T`, or a structure that begins with one, and every address in it is valid for
    /// what the kernel does there.
    pub(crate) unsafe fn ioctl<T: ?Sized>(
        &self,
        operation: &'static str,
        opcode: u32,
        argument: *mut T,
    ) -> Result<c_long, Error> {
        self.check_own(operation)?;
        let descriptor = self.shared.descriptor.as_raw_fd();
        let (opcode, argument) = (c_ulong::from(opcode), argument.cast::<c_void>());
        // Not the C library's `ioctl`, nor rustix's: their results are an `int`.
        // SAFETY: the arguments are those of the system call; the rest is the caller's promise.
        match unsafe { libc::syscall(libc::SYS_ioctl, descriptor, opcode, argument) } {
            -1 => {
                let errno = Errno::from_io_error(&std::io::Error::last_os_error());
                let errno = errno.unwrap_or(Errno::IO);
                Err(Error::errno(operation)(errno))
                    .map_err(Error::instead(Errno::NOTTY, Cause::Unsupported))
            }
            result => Ok(result),
        }
    }

    /// Issues an [`ioctl`](Self::ioctl) again whenever a signal interrupts it: for operations that have
    /// done nothing then.
    ///
    /// # Safety
    ///
    /// As for [`ioctl`](Self::ioctl).
    pub(crate) unsafe fn ioctl_again<T: ?Sized>(
        &self,
        operation: &'static str,
        opcode: u32,
        argument: *mut T,
    ) -> Result<c_long, Error> {
        loop {
            // SAFETY: the caller's promise.
            let result = unsafe { self.ioctl(operation, opcode, argument) };
            if !result.as_ref().is_err_and(|error| error.as_errno() == Some(Errno::INTR)) {
                return result;
            }
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.descriptor.as_fd()
    }
}

/// Does `step`, which releases something, and does it once more if it fails: the reason may have passed.
/// Not if the error number is one of `gone`: then the device does not have it, and another thread may
/// already have got the same number.
pub(crate) fn release_twice(
    step: impl Fn() -> Result<(), Error>,
    gone: &[Errno],
) -> Result<(), Error> {
    step().or_else(|error| match error.as_errno() {
        Some(errno) if gone.contains(&errno) => Err(error),
        _ => step(),
    })
}

/// Makes a handle of a descriptor that the caller has opened, if `checked` accepts the device. If not,
/// the descriptor is returned.
pub(crate) fn from_fd<T>(
    descriptor: OwnedFd,
    checked: impl FnOnce(Device) -> Result<T, Error>,
) -> Result<T, Failed<Error, OwnedFd>> {
    let device = Device::new(descriptor)?;
    let clone = device.clone();
    checked(device).map_err(|error| Failed { error, returned: clone.into_fd() })
}

/// For ioctls without an argument.
pub(crate) const NOTHING: *mut c_void = ptr::null_mut();

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;
    use crate::testing::{in_child, memory};

    /// An ioctl that no device has.
    fn ioctl(device: &Device) -> Result<c_long, Error> {
        // SAFETY: no device takes it, with whatever argument.
        unsafe { device.ioctl_again("IOCTL", 0, NOTHING) }
    }

    /// Whatever there is on a Linux, of every kind of file.
    #[test]
    fn another_file_is_not_taken_for_the_device() {
        let name = DeviceName("/dev/xen/hypercall");
        let refused = Err(Error::new(name.0, Cause::Unsupported));
        let (device, _) = memory("not-a-device", 4096);
        assert_eq!(device.check_is(name), refused);
        let mut count = 0;
        for path in ["/dev/zero", "/dev/urandom", "/dev/kvm", "/dev/net/tun", "/dev/fuse", "/"] {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let Ok(descriptor) = openat(CWD, path, flags, Mode::empty()) else { continue };
            assert_eq!(Device::new(descriptor).unwrap().check_is(name), refused, "{path}");
            count += 1;
        }
        assert!(count >= 3);
        let epoll = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC);
        assert_eq!(Device::new(epoll.unwrap()).unwrap().check_is(name), refused);
    }

    /// The names of the machine that runs the test.
    #[test]
    fn a_device_is_known_by_its_name() {
        let Ok(text) = std::fs::read_to_string("/proc/misc") else { return };
        for line in text.lines() {
            let (minor, name) = line.trim().split_once(' ').unwrap();
            let path: &'static str = format!("/dev/{name}").leak();
            assert_eq!(is_registered(minor.parse().unwrap(), DeviceName(path)), Ok(true), "{line}");
            assert_eq!(is_registered(255, DeviceName(path)), Ok(false), "{line}");
        }
    }

    #[test]
    fn a_device_is_listed_with_its_number_and_its_name() {
        let text = " 57 xen/privcmd\n 58 xen/gntdev\n";
        assert!(is_listed(58, "xen/gntdev", text));
        for (minor, name) in [(57, "xen/gntdev"), (58, "xen"), (5, "xen/gntdev")] {
            assert!(!is_listed(minor, name, text), "{minor} {name}");
        }
    }

    #[test]
    fn a_miscellaneous_device_has_its_type_and_its_number() {
        let number = |major| rustix::fs::makedev(major, 58);
        assert!(is_misc(FileType::CharacterDevice, number(MISC_MAJOR)));
        assert!(!is_misc(FileType::CharacterDevice, number(MISC_MAJOR + 1)));
        assert!(!is_misc(FileType::BlockDevice, number(MISC_MAJOR)));
    }

    #[test]
    fn an_ioctl_of_another_device_is_unsupported() {
        let (device, _) = memory("other-device", 0);
        assert_eq!(ioctl(&device), Err(Error::new("IOCTL", Cause::Unsupported)));
    }

    #[test]
    fn a_child_cannot_use_the_device() {
        let (device, _) = memory("child-device", 0);
        let clone = device.clone();
        in_child(|| {
            for device in [device, clone] {
                assert_eq!(ioctl(&device), Err(Error::new("IOCTL", Cause::Forked)));
            }
            let (own, _) = memory("own-device", 0);
            assert_eq!(ioctl(&own), Err(Error::new("IOCTL", Cause::Unsupported)));
        });
    }

    #[test]
    fn clones_share_the_descriptor() {
        let (device, _) = memory("clones", 0);
        let clone = device.clone();
        assert_eq!(device.as_fd().as_raw_fd(), clone.as_fd().as_raw_fd());
        drop(device);
        assert_eq!(ioctl(&clone), Err(Error::new("IOCTL", Cause::Unsupported)));
    }

    #[test]
    fn an_open_device_is_closed_by_exec() {
        let device = Device::open(Path::new("/dev/null")).unwrap();
        let flags = rustix::io::fcntl_getfd(&device).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }

    #[test]
    fn a_descriptor_that_is_not_accepted_is_returned() {
        let (device, file) = memory("returned", 0);
        let number = file.as_raw_fd();
        let error = Error::new("IOCTL", Cause::Unsupported);
        let refuse = |_: Device| Err::<(), _>(Error::new("IOCTL", Cause::Unsupported));
        let failed = from_fd(file.into(), refuse).unwrap_err();
        assert_eq!(failed.error, error);
        assert_eq!(failed.returned.unwrap().as_raw_fd(), number);
        // One that is shared by then stays with the other owner.
        let other = device.clone();
        assert!(device.into_fd().is_none());
        assert!(other.into_fd().is_some());
    }
}
