//! Errors, which the protocol sends by name.

use core::fmt;

macro_rules! names {
    ($($name:ident, $text:literal;)*) => {
        /// Why xenstored refused a request. The protocol sends the name, since numbers differ between
        /// systems.
        ///
        /// The list `xsd_errors` of `io/xs_wire.h`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorName {
            $(#[doc = concat!($text, ".")] $name,)*
        }

        impl ErrorName {
            /// All of them, in upstream's order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name as it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The error with this name, or `None` if the protocol has no such error.
            #[must_use]
            pub fn from_name(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|error| error.as_str().as_bytes() == name)
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

names! {
    EINVAL, "invalid argument";
    EACCES, "no permission";
    EEXIST, "exists already";
    EISDIR, "is a directory";
    ENOENT, "no such node, watch, transaction or domain";
    ENOMEM, "out of memory, or over the quota for it";
    ENOSPC, "over a quota";
    EIO, "input/output failed";
    ENOTEMPTY, "not empty";
    ENOSYS, "not supported by this xenstored";
    EROFS, "read-only";
    EBUSY, "in use";
    EAGAIN, "the transaction conflicts with another change: repeat it";
    EISCONN, "connected already";
    E2BIG, "the reply is longer than a message";
    EPERM, "not allowed";
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.as_str())
    }
}

impl core::error::Error for ErrorName {}
