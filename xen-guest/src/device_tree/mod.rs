//! A reader of flattened device trees, and what Xen puts into one.
//!
//! Its nodes and properties are read where they are, without an allocator. What is cut or lies ends a walk
//! early, with a [`DeviceTreeError`], never with a panic.
//!
//! Upstream: `xen/docs/misc/arm/device-tree/guest.txt`, and the Devicetree Specification, chapter 5.

#[cfg(test)]
mod tests;
mod xen;

use core::fmt;

pub use xen::{Interrupt, Region, XenNode};

/// The most bytes that a tree may have: 2 MiB, as arm64's boot protocol has it.
pub const MAX_SIZE: usize = 2 << 20;

/// How deep nodes may be within each other.
pub const MAX_DEPTH: usize = 32;

const MAGIC: u32 = 0xd00d_feed;
const HEADER: usize = 40;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Why a device tree cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceTreeError {
    /// It does not begin with the magic number 0xd00dfeed.
    BadMagic {
        /// The number there.
        found: u32,
    },
    /// Its version is not compatible with version 17, or its size is less than its header or more than
    /// [`MAX_SIZE`].
    BadHeader,
    /// It is cut, or refers to what is outside of it.
    Truncated {
        /// The offset in bytes at which it cannot be read.
        offset: usize,
    },
    /// Where a token should be is another number.
    BadToken {
        /// Its offset in bytes.
        offset: usize,
        /// The number.
        found: u32,
    },
    /// Nodes are within each other deeper than [`MAX_DEPTH`], or more end than begin.
    BadNesting {
        /// The offset in bytes of the node's begin or end.
        offset: usize,
    },
}

impl fmt::Display for DeviceTreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BadMagic { found } => {
                write!(f, "no device tree: it begins with {found:#x}")
            }
            Self::BadHeader => f.write_str("the device tree's header has a bad version or size"),
            Self::Truncated { offset } => write!(f, "the device tree is cut at {offset:#x}"),
            Self::BadToken { offset, found } => {
                write!(f, "the device tree has no token at {offset:#x}: {found:#x}")
            }
            Self::BadNesting { offset } => {
                write!(f, "the device tree's nodes do not nest at {offset:#x}")
            }
        }
    }
}

impl core::error::Error for DeviceTreeError {}

/// A flattened device tree.
#[derive(Clone, Copy, Debug)]
pub struct DeviceTree<'t> {
    bytes: &'t [u8],
    structure: usize,
    strings: usize,
}

/// A property, with the path of its node as names from the root on.
#[derive(Clone, Copy, Debug)]
pub struct Property<'t> {
    /// How deep the node is: 1 for the root's own properties.
    pub depth: usize,
    /// The node's name; empty for the root.
    pub node: &'t str,
    /// The property's name.
    pub name: &'t str,
    /// Its value.
    pub value: &'t [u8],
}

impl<'t> DeviceTree<'t> {
    /// The device tree that `bytes` begin with.
    ///
    /// # Errors
    ///
    /// [`DeviceTreeError`] about its header: [`BadMagic`](DeviceTreeError::BadMagic),
    /// [`BadHeader`](DeviceTreeError::BadHeader), or [`Truncated`](DeviceTreeError::Truncated) if there
    /// are fewer bytes than it says.
    pub fn new(bytes: &'t [u8]) -> Result<Self, DeviceTreeError> {
        let found = word(bytes, 0)?;
        if found != MAGIC {
            return Err(DeviceTreeError::BadMagic { found });
        }
        let size = word(bytes, 4)? as usize;
        let (version, last_compatible) = (word(bytes, 20)?, word(bytes, 24)?);
        if !(HEADER..=MAX_SIZE).contains(&size) || version < 16 || last_compatible > 17 {
            return Err(DeviceTreeError::BadHeader);
        }
        let offset = bytes.len();
        let bytes = bytes.get(..size).ok_or(DeviceTreeError::Truncated { offset })?;
        let (structure, strings) = (word(bytes, 8)? as usize, word(bytes, 12)? as usize);
        Ok(Self { bytes, structure, strings })
    }

    /// The device tree at an address.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Safety
    ///
    /// At least 8 bytes can be read there, and, if they begin with the magic number, as many as the next
    /// four say, up to [`MAX_SIZE`]. They do not change from now on.
    #[allow(unsafe_code, reason = "the tree says itself how long it is")]
    pub unsafe fn from_ptr(tree: *const u8) -> Result<DeviceTree<'static>, DeviceTreeError> {
        // SAFETY: the caller's promise.
        let head = unsafe { core::slice::from_raw_parts(tree, 8) };
        let found = word(head, 0)?;
        if found != MAGIC {
            return Err(DeviceTreeError::BadMagic { found });
        }
        let size = (word(head, 4)? as usize).min(MAX_SIZE);
        // SAFETY: the caller's promise.
        DeviceTree::new(unsafe { core::slice::from_raw_parts(tree, size) })
    }

    /// All properties, in the order of the tree. An error is the last item.
    #[must_use]
    pub fn properties(&self) -> Properties<'t> {
        let offset = Some(self.structure);
        Properties { tree: *self, offset, depth: 0, names: [""; MAX_DEPTH] }
    }

    /// The property `name` of the node at `path`, which has the names from below the root on. Names match
    /// without their unit address too: `memory` is `memory@40000000`.
    ///
    /// # Errors
    ///
    /// [`DeviceTreeError`] if the tree cannot be read so far.
    pub fn find(&self, path: &[&str], name: &str) -> Result<Option<&'t [u8]>, DeviceTreeError> {
        let mut properties = self.properties();
        while let Some(property) = properties.next() {
            let property = property?;
            if property.name == name && properties.is_at(path) {
                return Ok(Some(property.value));
            }
        }
        Ok(None)
    }

    /// The kernel's command line, `bootargs` of `/chosen`; empty if there is none.
    ///
    /// # Errors
    ///
    /// [`DeviceTreeError`] if the tree cannot be read so far, or the value is no text.
    pub fn command_line(&self) -> Result<&'t str, DeviceTreeError> {
        let value = self.find(&["chosen"], "bootargs")?.unwrap_or_default();
        text_of(value).ok_or(DeviceTreeError::Truncated { offset: self.offset_of(value) })
    }

    fn offset_of(&self, value: &[u8]) -> usize {
        value.as_ptr().addr().wrapping_sub(self.bytes.as_ptr().addr())
    }
}

/// An iterator over the properties of a tree.
#[derive(Clone, Debug)]
pub struct Properties<'t> {
    tree: DeviceTree<'t>,
    /// The offset of the next token, until the end or an error.
    offset: Option<usize>,
    depth: usize,
    names: [&'t str; MAX_DEPTH],
}

impl<'t> Properties<'t> {
    /// Whether the node of the last property is the one at this path.
    fn is_at(&self, path: &[&str]) -> bool {
        let names = self.names.get(1..self.depth).unwrap_or_default();
        let same = |(own, name): (&&str, &&str)| {
            own == name || own.split('@').next().is_some_and(|own| own == *name)
        };
        names.len() == path.len() && names.iter().zip(path).all(same)
    }

    fn step(&mut self) -> Result<Option<Property<'t>>, DeviceTreeError> {
        let bytes = self.tree.bytes;
        while let Some(offset) = self.offset {
            let token = word(bytes, offset)?;
            let after = offset + 4;
            match token {
                BEGIN_NODE => {
                    let place = self.names.get_mut(self.depth);
                    let name = text(bytes, after)?;
                    *place.ok_or(DeviceTreeError::BadNesting { offset })? = name;
                    self.depth += 1;
                    self.offset = Some(after + (name.len() + 1).next_multiple_of(4));
                }
                END_NODE => {
                    let depth = self.depth.checked_sub(1);
                    self.depth = depth.ok_or(DeviceTreeError::BadNesting { offset })?;
                    self.offset = Some(after);
                }
                PROPERTY => {
                    let length = word(bytes, after)? as usize;
                    let name = self.tree.strings.saturating_add(word(bytes, after + 4)? as usize);
                    let name = text(bytes, name)?;
                    let start = after + 8;
                    let end = start.saturating_add(length);
                    let cut = DeviceTreeError::Truncated { offset: start };
                    let value = bytes.get(start..end).ok_or(cut)?;
                    self.offset = Some(end.next_multiple_of(4));
                    let at = self.depth.checked_sub(1).and_then(|depth| self.names.get(depth));
                    let node = *at.ok_or(DeviceTreeError::BadNesting { offset })?;
                    return Ok(Some(Property { depth: self.depth, node, name, value }));
                }
                NOP => self.offset = Some(after),
                END => return Ok(None),
                found => return Err(DeviceTreeError::BadToken { offset, found }),
            }
        }
        Ok(None)
    }
}

impl<'t> Iterator for Properties<'t> {
    type Item = Result<Property<'t>, DeviceTreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.step().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.offset = None;
        }
        next
    }
}

/// The big-endian word at an offset.
fn word(bytes: &[u8], offset: usize) -> Result<u32, DeviceTreeError> {
    let word = bytes.get(offset..).and_then(|bytes| bytes.first_chunk());
    word.map(|word| u32::from_be_bytes(*word)).ok_or(DeviceTreeError::Truncated { offset })
}

/// The text at an offset, up to its zero byte.
fn text(bytes: &[u8], offset: usize) -> Result<&str, DeviceTreeError> {
    let cut = DeviceTreeError::Truncated { offset };
    let bytes = bytes.get(offset..).ok_or(cut)?;
    let length = bytes.iter().position(|byte| *byte == 0).ok_or(cut)?;
    core::str::from_utf8(&bytes[..length]).map_err(|_| cut)
}

/// A property's value as a text, up to its first zero byte.
fn text_of(value: &[u8]) -> Option<&str> {
    core::str::from_utf8(value.split(|byte| *byte == 0).next()?).ok()
}
