//! A unix socket or a device file, as a transport.

use std::borrow::ToOwned as _;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::Transport;

/// xenstored's socket in the control domain.
pub const SOCKET: &str = "/run/xenstored/socket";

/// Linux's device, in every domain.
pub const DEVICE: &str = "/dev/xen/xenbus";

/// The variable that names a socket or device to use instead, as libxenstore's.
const VARIABLE: &str = "XENSTORED_PATH";

/// xenstored over a file descriptor: its socket, or Linux's device. It is closed when dropped.
#[derive(Debug)]
pub struct Descriptor {
    descriptor: OwnedFd,
}

/// Why a [`Descriptor`] failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum DescriptorError {
    /// It cannot be opened.
    Open {
        /// The socket or device.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A system call failed.
    System(io::Error),
    /// xenstored has closed the connection.
    Closed,
}

/// Opens what there is: the path in the variable `XENSTORED_PATH`, or xenstored's [`SOCKET`], or the
/// [`DEVICE`].
///
/// # Errors
///
/// [`DescriptorError::Open`] for the last of them.
pub fn open() -> Result<Descriptor, DescriptorError> {
    match std::env::var_os(VARIABLE) {
        Some(path) => Descriptor::open(path),
        None => Descriptor::open(SOCKET).or_else(|_| Descriptor::open(DEVICE)),
    }
}

impl Descriptor {
    /// Connects to the socket or opens the device at `path`.
    ///
    /// # Errors
    ///
    /// [`DescriptorError::Open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DescriptorError> {
        let path = path.as_ref();
        let open = || -> io::Result<OwnedFd> {
            let kind = FileType::from_raw_mode(rustix::fs::stat(path)?.st_mode);
            if kind == FileType::Socket {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                return Ok(stream.into());
            }
            let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
            Ok(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?)
        };
        let descriptor =
            open().map_err(|error| DescriptorError::Open { path: path.to_owned(), error })?;
        Ok(Self { descriptor })
    }
}

impl From<UnixStream> for Descriptor {
    fn from(stream: UnixStream) -> Self {
        // If this fails, calls block instead, which the transport allows.
        let _ = stream.set_nonblocking(true);
        Self { descriptor: stream.into() }
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Transport for Descriptor {
    type Error = DescriptorError;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, DescriptorError> {
        match retry_on_intr(|| rustix::io::write(&self.descriptor, bytes)) {
            Err(Errno::AGAIN) => Ok(0),
            Err(Errno::PIPE) => Err(DescriptorError::Closed),
            result => result.map_err(|errno| DescriptorError::System(errno.into())),
        }
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, DescriptorError> {
        if into.is_empty() {
            return Ok(0);
        }
        match retry_on_intr(|| rustix::io::read(&self.descriptor, &mut *into)) {
            Ok(0) | Err(Errno::CONNRESET) => Err(DescriptorError::Closed),
            Err(Errno::AGAIN) => Ok(0),
            result => result.map_err(|errno| DescriptorError::System(errno.into())),
        }
    }

    fn wait(&mut self, sending: bool, timeout: Option<Duration>) -> Result<bool, DescriptorError> {
        let flags = if sending { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut descriptors = [PollFd::new(&self.descriptor, flags)];
        // A timeout that does not fit is longer than any program runs.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut descriptors, timeout.as_ref()) {
            // Returning early is allowed.
            Err(Errno::INTR) => Ok(true),
            Ok(ready) => Ok(ready > 0),
            Err(errno) => Err(DescriptorError::System(errno.into())),
        }
    }
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, error } => write!(
                f,
                "{}: {error}; is xenstored running, or is this a Xen domain?",
                path.display()
            ),
            Self::System(error) => error.fmt(f),
            Self::Closed => f.write_str("xenstored has closed the connection"),
        }
    }
}

impl std::error::Error for DescriptorError {}
