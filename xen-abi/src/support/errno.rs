//! Error numbers with their meaning.

use core::fmt;

use crate::support::newtypes::newtype;

newtype! {
    /// An error number of Xen's, positive. Hypercalls return it negated. Values that Xen does not
    /// define are kept.
    ///
    /// `enum xen_errno` of [`errno.h`](crate::errno). The numbers are Xen's own and do not depend on the
    /// guest's operating system.
    pub struct Errno(pub u32);
    named
}

impl Errno {
    /// The error that a hypercall's result is, or `None` for a success.
    ///
    /// ```
    /// # use xen_abi::Errno;
    /// assert_eq!(Errno::from_result(-14).unwrap().name(), Some("EFAULT"));
    /// assert_eq!(Errno::from_result(3), None);
    /// ```
    #[must_use]
    pub const fn from_result(result: isize) -> Option<Self> {
        // Xen's numbers are small: a result below them is an address or a count.
        if -4096 < result && result < 0 { Some(Self(result.unsigned_abs() as u32)) } else { None }
    }

    /// Upstream's name without the prefix `XEN_`, or `None` for a number Xen does not define.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|(_, name, _)| name)
    }

    /// What it means, or `None` for a number Xen does not define.
    #[must_use]
    pub fn text(self) -> Option<&'static str> {
        self.entry().map(|(_, _, text)| text)
    }

    fn entry(self) -> Option<(u32, &'static str, &'static str)> {
        TABLE.iter().copied().find(|(number, ..)| *number == self.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some((_, name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "unknown error {}", self.0),
        }
    }
}

impl core::error::Error for Errno {}

/// Number, name and meaning, by number.
const TABLE: &[(u32, &str, &str)] = &[
    (1, "EPERM", "not allowed"),
    (2, "ENOENT", "no such entry"),
    (3, "ESRCH", "no such domain"),
    (4, "EINTR", "interrupted"),
    (5, "EIO", "input/output failed"),
    (6, "ENXIO", "address or device does not exist"),
    (7, "E2BIG", "list of arguments too long"),
    (8, "ENOEXEC", "not an executable format"),
    (9, "EBADF", "bad descriptor"),
    (10, "ECHILD", "no child"),
    (11, "EAGAIN", "not possible now, to be tried again"),
    (12, "ENOMEM", "no memory left"),
    (13, "EACCES", "access refused"),
    (14, "EFAULT", "bad address"),
    (16, "EBUSY", "in use"),
    (17, "EEXIST", "exists already"),
    (18, "EXDEV", "link between devices"),
    (19, "ENODEV", "device does not exist"),
    (20, "ENOTDIR", "directory expected"),
    (21, "EISDIR", "directory not expected"),
    (22, "EINVAL", "invalid argument"),
    (23, "ENFILE", "too many files open in the system"),
    (24, "EMFILE", "too many files open"),
    (28, "ENOSPC", "no space left"),
    (30, "EROFS", "read-only"),
    (31, "EMLINK", "link count at its limit"),
    (33, "EDOM", "argument outside the domain of the function"),
    (34, "ERANGE", "result out of range"),
    (35, "EDEADLK", "would deadlock"),
    (36, "ENAMETOOLONG", "name too long"),
    (37, "ENOLCK", "no lock available"),
    (38, "ENOSYS", "not implemented"),
    (39, "ENOTEMPTY", "not empty"),
    (61, "ENODATA", "no data"),
    (62, "ETIME", "time has passed"),
    (74, "EBADMSG", "malformed message"),
    (75, "EOVERFLOW", "value too large for its type"),
    (84, "EILSEQ", "illegal sequence of bytes"),
    (85, "ERESTART", "to be restarted"),
    (88, "ENOTSOCK", "not a socket"),
    (90, "EMSGSIZE", "message too long"),
    (95, "EOPNOTSUPP", "not supported"),
    (98, "EADDRINUSE", "address in use"),
    (99, "EADDRNOTAVAIL", "address not available"),
    (105, "ENOBUFS", "buffer too small"),
    (106, "EISCONN", "connected already"),
    (107, "ENOTCONN", "not connected"),
    (110, "ETIMEDOUT", "timed out"),
    (111, "ECONNREFUSED", "connection refused"),
];
