//! The ABI as a record has it: C's own types, laid out.

use std::fmt;

use crate::catalogue::{Arch, Release};

/// The ABI of one release on one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The release.
    pub release: Release,
    /// The architecture.
    pub arch: Arch,
    /// The headers that were read, sorted by name.
    pub headers: Vec<HeaderAbi>,
}

/// What one header defines, on one architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderAbi {
    /// Its path, such as `io/blkif.h`.
    pub name: String,
    /// Types and constants, in the order of their lines.
    pub items: Vec<Definition>,
}

/// A type or constant with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name: a type's tag, or its typedef where it has no tag.
    pub name: String,
    /// Its line, or 0 where none is known.
    pub line: u32,
    /// What it is.
    pub item: Item,
}

/// A type or constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A structure or union.
    Record(Record),
    /// A typedef.
    Typedef(Type),
    /// An enumeration.
    Enum {
        /// Whether its name is a tag.
        is_tag: bool,
        /// The integer that holds it.
        int: Type,
    },
    /// A macro or enumerator.
    Constant(Constant),
}

/// Structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `struct`.
    Struct,
    /// `union`.
    Union,
}

impl Kind {
    /// C's keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Struct => "struct",
            Self::Union => "union",
        }
    }
}

/// A structure or union that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which of the two.
    pub kind: Kind,
    /// Whether its name is a tag; if not, it is a typedef.
    pub is_tag: bool,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// Members, in order of declaration.
    pub members: Vec<Member>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name; none for an anonymous structure or union.
    pub name: Option<String>,
    /// Bytes from the start of the named type; for a bit field those of its storage.
    pub offset: u64,
    /// Bytes; for a bit field those of its storage.
    pub size: u64,
    /// Its type; for a bit field that of its storage.
    pub ty: Type,
    /// For a bit field: its first bit in the storage, and its width.
    pub bits: Option<(u32, u32)>,
}

/// A type, as members and typedefs have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// An integer.
    Int {
        /// Whether it has a sign.
        signed: bool,
        /// Bytes.
        bytes: u64,
        /// Alignment in bytes.
        align: u64,
    },
    /// `void`, only as the target of a handle.
    Void,
    /// A type by its name.
    Named(String),
    /// An array; the length of a flexible array member is 0.
    Array(Box<Type>, u64),
    /// A guest handle, of so many bytes.
    Handle(Box<Type>, u64),
    /// A pointer, of so many bytes.
    Pointer(Box<Type>, u64),
    /// A structure or union that has no name of its own.
    Inline(Kind, Vec<Member>),
}

impl Type {
    /// An integer of so many bytes, aligned as `arch` aligns it.
    #[must_use]
    pub fn int(arch: &Arch, signed: bool, bytes: u64) -> Self {
        let align = if bytes == 8 { arch.align64 } else { bytes };
        Self::Int { signed, bytes, align }
    }

    /// What an array is of, at the innermost.
    #[must_use]
    pub fn element(&self) -> &Self {
        match self {
            Self::Array(element, _) => element.element(),
            other => other,
        }
    }
}

/// A macro or enumerator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its value.
    pub value: Value,
    /// Whether it is a macro or an enumerator.
    pub origin: Origin,
    /// Other headers that define it in the same words.
    pub also: Vec<String>,
}

/// Where a constant comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `#define`.
    Macro,
    /// An enumeration, by its name if it has one.
    Enumerator(Option<String>),
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer, of a type that C gives it.
    Int {
        /// The value, with its sign.
        value: i128,
        /// Whether its type has a sign.
        signed: bool,
        /// Bytes of its type.
        bytes: u64,
    },
    /// A string, without the NUL.
    Text(String),
}

impl Value {
    /// An integer in hexadecimal where that says more than decimal; empty elsewhere.
    #[must_use]
    pub fn hexadecimal(&self) -> String {
        match self {
            Self::Int { value, .. } if *value > 9 => format!("{value:#x}"),
            _ => String::new(),
        }
    }
}

/// An integer in decimal, text in quotation marks.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { value, .. } => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}
