//! Permissions of nodes.

use core::fmt;

use xen_ops::xen_abi::xen::domid_t;

use super::wire::{Decimal, Strings};

/// What a domain may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Nothing: `n`.
    None,
    /// Read: `r`.
    Read,
    /// Write: `w`.
    Write,
    /// Both: `b`.
    Both,
}

/// One entry of a node's list of permissions: a domain, and what it may do. `r3` on the wire.
///
/// The first entry of a list names the owner, who may do everything, and what domains without an entry
/// may do. The further entries are for one domain each.
///
/// ```
/// use xen_io::xenstore::{Access, Permission};
/// use xen_ops::xen_abi::xen::domid_t;
///
/// // Domain 3 owns the node, and domain 0 may read it.
/// let permissions = [Permission::none(domid_t(3)), Permission::read(domid_t(0))];
/// assert_eq!(permissions[1].to_string(), "r0");
/// assert_eq!(Permission::from_bytes(b"b12"), Some(Permission::new(Access::Both, domid_t(12))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What it may do.
    pub access: Access,
    /// The domain.
    pub domid: domid_t,
}

impl Access {
    /// Whether reading is allowed.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    /// Whether writing is allowed.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }

    const fn letter(self) -> u8 {
        match self {
            Self::None => b'n',
            Self::Read => b'r',
            Self::Write => b'w',
            Self::Both => b'b',
        }
    }
}

impl Permission {
    /// Bytes in an entry on the wire at most: a letter, five digits and the final zero byte.
    pub const BYTES_MAX: usize = 7;

    /// `access` for a domain.
    #[must_use]
    pub const fn new(access: Access, domid: domid_t) -> Self {
        Self { access, domid }
    }

    /// No access; as the first entry, the owner of a private node.
    #[must_use]
    pub const fn none(domid: domid_t) -> Self {
        Self::new(Access::None, domid)
    }

    /// Read access.
    #[must_use]
    pub const fn read(domid: domid_t) -> Self {
        Self::new(Access::Read, domid)
    }

    /// Write access.
    #[must_use]
    pub const fn write(domid: domid_t) -> Self {
        Self::new(Access::Write, domid)
    }

    /// Read and write access.
    #[must_use]
    pub const fn both(domid: domid_t) -> Self {
        Self::new(Access::Both, domid)
    }

    /// The entry that these bytes are, without the final zero byte, or `None` if they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (letter, domid) = bytes.split_first()?;
        let access = match letter {
            b'n' => Access::None,
            b'r' => Access::Read,
            b'w' => Access::Write,
            b'b' => Access::Both,
            _ => return None,
        };
        Some(Self { access, domid: domid_t(super::wire::parse_number(domid)?) })
    }

    /// The entry on the wire, in a buffer on the stack: its bytes, and how many there are.
    pub(crate) fn to_bytes(self) -> ([u8; Self::BYTES_MAX], usize) {
        let mut bytes = [0; Self::BYTES_MAX];
        let domid = Decimal::new(u64::from(self.domid.0));
        let length = domid.as_bytes().len();
        bytes[0] = self.access.letter();
        bytes[1..=length].copy_from_slice(domid.as_bytes());
        (bytes, length + 2)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.access.letter()), self.domid.0)
    }
}

/// A list of permissions: as values, or as a message has it.
#[derive(Clone, Copy)]
pub struct Permissions<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Values(&'a [Permission]),
    Wire(&'a [u8]),
}

impl<'a> Permissions<'a> {
    /// The list that `payload` is, or `None` if it is empty or has an entry that is no permission.
    #[must_use]
    pub fn from_payload(payload: &'a [u8]) -> Option<Self> {
        let mut strings = Strings::new(payload);
        let valid = strings.by_ref().all(|entry| Permission::from_bytes(entry).is_some());
        (valid && strings.rest().is_empty() && !payload.is_empty())
            .then_some(Self(Source::Wire(payload)))
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + use<'a> {
        let (values, wire) = match self.0 {
            Source::Values(values) => (values, &[][..]),
            Source::Wire(wire) => (&[][..], wire),
        };
        values.iter().copied().chain(Strings::new(wire).filter_map(Permission::from_bytes))
    }
}

impl<'a> From<&'a [Permission]> for Permissions<'a> {
    fn from(values: &'a [Permission]) -> Self {
        Self(Source::Values(values))
    }
}

impl<'a, const N: usize> From<&'a [Permission; N]> for Permissions<'a> {
    fn from(values: &'a [Permission; N]) -> Self {
        Self(Source::Values(values))
    }
}

impl PartialEq for Permissions<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Permissions<'_> {}

impl fmt::Debug for Permissions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
