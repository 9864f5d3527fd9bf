//! Paths of nodes.

#[cfg(feature = "alloc")]
use alloc::string::String;
use core::fmt;

use xen_ops::xen_abi::io::xs_wire::{XENSTORE_ABS_PATH_MAX, XENSTORE_REL_PATH_MAX};

/// Bytes in an absolute path at most: `XENSTORE_ABS_PATH_MAX`.
pub const ABSOLUTE_MAX: usize = XENSTORE_ABS_PATH_MAX as usize;

/// Bytes in a relative path at most: `XENSTORE_REL_PATH_MAX`.
pub const RELATIVE_MAX: usize = XENSTORE_REL_PATH_MAX as usize;

/// A valid path: of a node, or of a special watch.
///
/// An absolute path begins with `/`. A relative one is below `/local/domain/DOMID` of the domain that
/// uses it. One that begins with `@`, such as [`INTRODUCE_DOMAIN`](Self::INTRODUCE_DOMAIN), names no node:
/// it can be watched and has permissions.
///
/// ```
/// use xen_io::xenstore::{Path, PathError};
///
/// let path = Path::new("/local/domain/3/device/vif/0")?;
/// assert_eq!(path.file_name(), "0");
/// assert_eq!(path.parent().unwrap(), "/local/domain/3/device/vif");
/// assert!(path.is_below(Path::new("/local/domain/3")?));
///
/// assert_eq!(Path::new("/local//domain"), Err(PathError::EmptyName));
/// # Ok::<(), PathError>(())
/// ```
///
/// Upstream: `docs/misc/xenstore.txt`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path<'a>(&'a str);

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// It is empty.
    Empty,
    /// It has a byte other than ASCII letters, digits and `-/_@`.
    Character {
        /// The byte.
        byte: u8,
        /// Where it is.
        offset: usize,
    },
    /// It has two slashes in a row, or ends with one. `/` alone is the root.
    EmptyName,
    /// It is too long.
    TooLong {
        /// Its bytes.
        length: usize,
        /// How many it may have.
        max: usize,
    },
}

impl<'a> Path<'a> {
    /// The root of the tree.
    pub const ROOT: Path<'static> = Path("/");

    /// What is watched to learn of new domains.
    pub const INTRODUCE_DOMAIN: Path<'static> = Path("@introduceDomain");

    /// What is watched to learn of domains that shut down or are gone.
    pub const RELEASE_DOMAIN: Path<'static> = Path("@releaseDomain");

    /// The path that `text` is.
    ///
    /// # Errors
    ///
    /// [`PathError`] says which rule it breaks.
    pub const fn new(text: &'a str) -> Result<Self, PathError> {
        match check(text.as_bytes()) {
            Ok(()) => Ok(Self(text)),
            Err(error) => Err(error),
        }
    }

    /// The path that `bytes` are.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, PathError> {
        check(bytes)?;
        match core::str::from_utf8(bytes) {
            Ok(text) => Ok(Self(text)),
            // All characters are ASCII by now.
            Err(error) => {
                let offset = error.valid_up_to();
                Err(PathError::Character { byte: bytes.get(offset).copied().unwrap_or(0), offset })
            }
        }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it begins with `/`.
    #[must_use]
    pub fn is_absolute(self) -> bool {
        self.0.starts_with('/')
    }

    /// Whether it begins with `@`.
    #[must_use]
    pub fn is_special(self) -> bool {
        self.0.starts_with('@')
    }

    /// Whether it is relative to a domain's own directory.
    #[must_use]
    pub fn is_relative(self) -> bool {
        !self.is_absolute() && !self.is_special()
    }

    /// The path without its last name, or `None` for the root and for a path of one name.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        match self.0.rfind('/') {
            Some(0) if self.0.len() > 1 => Some(Path::ROOT),
            Some(0) | None => None,
            Some(end) => self.0.get(..end).map(Self),
        }
    }

    /// The last name; empty for the root.
    #[must_use]
    pub fn file_name(self) -> &'a str {
        match self.0.rfind('/') {
            Some(slash) => self.0.get(slash + 1..).unwrap_or_default(),
            None => self.0,
        }
    }

    /// The names, from the root on.
    #[must_use]
    pub fn components(self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Whether it is `ancestor`, or below it.
    #[must_use]
    pub fn is_below(self, ancestor: Path<'_>) -> bool {
        self.below(ancestor).is_some()
    }

    /// The rest of the path below `ancestor`: empty if both are equal, `None` if it is elsewhere.
    #[must_use]
    pub fn below(self, ancestor: Path<'_>) -> Option<&'a str> {
        if self.0 == ancestor.0 {
            return Some("");
        }
        if ancestor.0 == "/" {
            return self.0.strip_prefix('/');
        }
        self.0.strip_prefix(ancestor.0)?.strip_prefix('/')
    }
}

const fn check(bytes: &[u8]) -> Result<(), PathError> {
    let length = bytes.len();
    if length == 0 {
        return Err(PathError::Empty);
    }
    let max = if bytes[0] == b'/' { ABSOLUTE_MAX } else { RELATIVE_MAX };
    if length > max {
        return Err(PathError::TooLong { length, max });
    }
    let mut offset = 0;
    while offset < length {
        let byte = bytes[offset];
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'/' | b'_' | b'@') {
            return Err(PathError::Character { byte, offset });
        }
        // A slash that another follows, or nothing; the root is one alone.
        if byte == b'/' && length > 1 && (offset + 1 == length || bytes[offset + 1] == b'/') {
            return Err(PathError::EmptyName);
        }
        offset += 1;
    }
    Ok(())
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl PartialEq<str> for Path<'_> {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for Path<'_> {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl<'a> TryFrom<&'a str> for Path<'a> {
    type Error = PathError;

    fn try_from(text: &'a str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty path"),
            Self::Character { byte, offset } => write!(
                f,
                "the byte {:?} at offset {offset} of a path; letters, digits and -/_@ are allowed",
                char::from(*byte)
            ),
            Self::EmptyName => f.write_str("a path with an empty name: `//`, or `/` at its end"),
            Self::TooLong { length, max } => {
                write!(f, "a path of {length} bytes, of which there may be {max}")
            }
        }
    }
}

impl core::error::Error for PathError {}

/// A text or path as an argument: `&str`, `String` and [`Path`].
pub trait ToPath {
    /// The path.
    ///
    /// # Errors
    ///
    /// [`PathError`] for a text that is none.
    fn to_path(&self) -> Result<Path<'_>, PathError>;
}

impl ToPath for str {
    fn to_path(&self) -> Result<Path<'_>, PathError> {
        Path::new(self)
    }
}

#[cfg(feature = "alloc")]
impl ToPath for String {
    fn to_path(&self) -> Result<Path<'_>, PathError> {
        Path::new(self)
    }
}

impl ToPath for Path<'_> {
    fn to_path(&self) -> Result<Path<'_>, PathError> {
        Ok(*self)
    }
}

impl<T: ToPath + ?Sized> ToPath for &T {
    fn to_path(&self) -> Result<Path<'_>, PathError> {
        (**self).to_path()
    }
}
