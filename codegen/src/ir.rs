//! The ABI as plain data: what the importer fills, the transforms rewrite and the emitters print.

use std::collections::BTreeMap;

use devtools::Arch;

use crate::error::Error;

/// The public ABI of one header tree on one architecture.
#[derive(Clone, Debug)]
pub struct Abi {
    /// The tree's name: a release such as `4.20`, or what an unpinned tree calls itself.
    pub release: String,
    /// The headers of Linux that were read after the tree, each with its origin.
    pub linux: BTreeMap<String, String>,
    /// The architecture.
    pub arch: Arch,
    /// Which side of the interface was asked for.
    pub profile: Profile,
    /// Every header that was read, in sorted order, whether or not it defines anything.
    pub headers: Vec<String>,
    /// Type definitions by name.
    pub types: BTreeMap<String, TypeDef>,
    /// Constants by name.
    pub constants: BTreeMap<String, Constant>,
    /// What the headers define and the ABI leaves out, by name.
    pub omitted: BTreeMap<String, Omission>,
    /// Macros and types that the generator has no rule for, and the types that hold one of these. Nothing
    /// else depends on them.
    pub unknown: Unknown,
}

/// What has no rule, by name: where each stands, and what it is.
pub type Unknown = BTreeMap<String, (Location, String)>;

/// Which side of the interface the headers were read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `__XEN_TOOLS__`: everything, at the tree's latest interface version.
    Tools,
    /// A guest that defines `__XEN_INTERFACE_VERSION__` to this value.
    Guest(u32),
}

/// A place in a header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Path relative to the tree, such as `hvm/params.h`.
    pub header: String,
    /// Line, from 1.
    pub line: usize,
}

/// A named type.
#[derive(Clone, Debug)]
pub struct TypeDef {
    /// Where it is defined.
    pub location: Location,
    /// How C spells it (`struct foo`, `foo_t`), or `None` for a type C leaves without a name.
    pub c_name: Option<String>,
    /// For a type without a name: the named type it lies in, and the path of members to it there,
    /// anonymous levels left out.
    pub within: Option<(String, String)>,
    /// What it is.
    pub def: Def,
}

/// What a named type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Def {
    /// A structure or union.
    Record(Record),
    /// A typedef.
    Alias(Type),
    /// A typedef that Rust sees as a type of its own.
    Newtype(Type),
    /// A C enumeration: an open newtype over this integer.
    Enum(Int),
    /// A set of flags: a newtype over this integer.
    Flags(Int),
    /// A type written by hand in `xen-abi`, the same on every architecture.
    Shared {
        /// Its name there.
        rust: &'static str,
        /// The integer it holds.
        int: Int,
    },
}

impl Def {
    /// Whether the type `name` is part of it.
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::Record(record) => record.fields.iter().any(|field| field.ty.holds(name)),
            Self::Alias(ty) | Self::Newtype(ty) => ty.holds(name),
            Self::Enum(_) | Self::Flags(_) | Self::Shared { .. } => false,
        }
    }
}

/// Structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// `struct`.
    Struct,
    /// `union`.
    Union,
}

/// A structure or union with its layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which of the two.
    pub kind: RecordKind,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// The `packed(N)` it was declared with.
    pub packed: Option<u64>,
    /// Members in order of declaration.
    pub fields: Vec<Field>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in Rust.
    pub name: String,
    /// Bytes from the start of the record.
    pub offset: u64,
    /// Its type; for bit fields that of the storage.
    pub ty: Type,
    /// What C knows it as.
    pub kind: FieldKind,
}

/// What C knows a member as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A member with this name.
    Named(String),
    /// An anonymous structure or union.
    Anonymous,
    /// Storage of bit fields.
    Bits(Vec<BitField>),
    /// Padding, which C leaves without a name.
    Padding,
}

/// A bit field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitField {
    /// Its name in C.
    pub name: String,
    /// First bit, counted from the start of the storage.
    pub first: u32,
    /// Bits.
    pub width: u32,
}

/// An integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// Whether it has a sign. Plain `char` is taken as unsigned everywhere.
    pub signed: bool,
    /// Bytes.
    pub bytes: u64,
    /// Alignment in bytes, which differs from the size for 64-bit integers on i386.
    pub align: u64,
}

impl Int {
    /// An integer of so many bytes, aligned as `arch` aligns it.
    #[must_use]
    pub const fn of(arch: Arch, signed: bool, bytes: u64) -> Self {
        let align = if bytes == 8 { arch.u64_align() } else { bytes };
        Self { signed, bytes, align }
    }
}

/// A type as members and typedefs use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// An integer.
    Int(Int),
    /// `void`, only as the target of a pointer or a handle.
    Void,
    /// A type defined in some header.
    Named(String),
    /// An array; a length of 0 is a flexible array member.
    Array(Box<Type>, u64),
    /// A C pointer.
    Pointer(Box<Type>),
    /// A guest handle: an address in the guest, as an integer of this many bytes.
    Handle(Box<Type>, u64),
}

impl Type {
    /// Whether the type `name` is part of it, not pointed to.
    pub(crate) fn holds(&self, name: &str) -> bool {
        match self {
            Self::Named(own) => own == name,
            Self::Array(element, _) => element.holds(name),
            Self::Int(_) | Self::Void | Self::Pointer(_) | Self::Handle(..) => false,
        }
    }
}

/// A constant.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Where it is defined.
    pub location: Location,
    /// Other headers that define it in the same words.
    pub repeated: Vec<String>,
    /// Its value.
    pub value: Value,
    /// Whether it is a macro or an enumerator.
    pub origin: Origin,
    /// The newtype it belongs to, if any.
    pub newtype: Option<String>,
}

impl Constant {
    /// Whether `header` defines it, alone or too.
    #[must_use]
    pub fn is_in(&self, header: &str) -> bool {
        self.location.header == header || self.repeated.iter().any(|other| other == header)
    }
}

/// Where a constant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `#define`.
    Macro,
    /// An enumerator.
    Enumerator,
}

/// The value of a constant with its C type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer.
    Int {
        /// The value, with its sign.
        value: i128,
        /// Its type.
        ty: Int,
    },
    /// A string, without the terminating NUL.
    Str(String),
}

/// Something a header defines that has no counterpart.
#[derive(Clone, Debug)]
pub struct Omission {
    /// Where it is defined.
    pub location: Location,
    /// Why it is left out.
    pub reason: &'static str,
}

impl Abi {
    /// Leaves out a type that the generator has no rule for, and every type that holds it.
    pub(crate) fn leave_out(&mut self, name: &str, location: Location, what: &str) {
        let holds = |(_, ty): &(&String, &TypeDef)| ty.def.holds(name);
        let holders: Vec<_> =
            self.types.iter().filter(holds).map(|(holder, _)| holder.clone()).collect();
        self.types.remove(name);
        for holder in holders {
            self.leave_out(&holder, location.clone(), &format!("which holds {name}, {what}"));
        }
        for constant in self.constants.values_mut() {
            constant.newtype.take_if(|newtype| newtype == name);
        }
        self.unknown.insert(name.to_owned(), (location, format!("{name}, {what}")));
    }

    /// Fails if a macro or type has no rule: for what must hold the whole ABI.
    pub fn require_whole(&self) -> Result<(), Error> {
        match self.unknown.values().next() {
            Some((location, what)) => Err(Error::not_understood(location.to_string(), what)),
            None => Ok(()),
        }
    }

    /// The record called `name`, seen through typedefs.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&Record> {
        match &self.types.get(name)?.def {
            Def::Record(record) => Some(record),
            Def::Alias(Type::Named(target)) => self.record(target),
            _ => None,
        }
    }

    /// Size and alignment of `ty` in bytes, or `None` if it names an unknown type, is `void`, or is larger
    /// than any address space.
    #[must_use]
    pub fn size_align(&self, ty: &Type) -> Option<(u64, u64)> {
        let pointer = self.arch.pointer_bytes();
        Some(match ty {
            Type::Int(int) => (int.bytes, int.align),
            Type::Void => return None,
            Type::Pointer(_) => (pointer, pointer),
            Type::Handle(_, bytes) => (*bytes, *bytes),
            Type::Array(element, len) => {
                let (size, align) = self.size_align(element)?;
                (size.checked_mul(*len)?, align)
            }
            Type::Named(name) => match &self.types.get(name)?.def {
                Def::Record(record) => (record.size, record.align),
                Def::Alias(ty) | Def::Newtype(ty) => self.size_align(ty)?,
                Def::Enum(int) | Def::Flags(int) | Def::Shared { int, .. } => {
                    (int.bytes, int.align)
                }
            },
        })
    }
}
