//! The whole ABI of one release and architecture as data.

use serde::Serialize;

use crate::ir::{Abi, RecordKind, Value};
use crate::layout::{Depth, leaves, named_records};

/// What `codegen export` prints.
#[derive(Debug, Serialize)]
pub struct Export {
    /// The tree.
    pub release: String,
    /// The architecture.
    pub arch: &'static str,
    /// Structures and unions that C has a name for, by name.
    pub types: Vec<ExportType>,
    /// Macros and enumerators, by name.
    pub constants: Vec<ExportConstant>,
}

/// A structure or union.
#[derive(Debug, Serialize)]
pub struct ExportType {
    /// Its tag, or its typedef where it has no tag.
    pub name: String,
    /// `struct` or `union`.
    pub kind: &'static str,
    /// How C spells it: with the keyword if the name is a tag.
    pub c: String,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// Every leaf, in order of declaration.
    pub fields: Vec<ExportField>,
}

/// A leaf of a structure or union.
#[derive(Debug, Serialize)]
pub struct ExportField {
    /// Members joined by dots, anonymous levels left out.
    pub path: String,
    /// Bytes; for a bit field those of its storage.
    pub offset: u64,
    /// Bytes; for a bit field those of its storage.
    pub size: u64,
    /// For a bit field: its first bit from the start of the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_offset: Option<u64>,
    /// For a bit field: its bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
}

/// A constant.
#[derive(Debug, Serialize)]
pub struct ExportConstant {
    /// Its name.
    pub name: String,
    /// Its value: an integer with its sign, or text.
    pub value: ExportValue,
    /// Bytes of its C type; for text with the NUL.
    pub bytes: u64,
}

/// The value of a constant.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ExportValue {
    /// An integer that fits 64 bits with a sign.
    Signed(i64),
    /// A larger integer.
    Unsigned(u64),
    /// A string.
    Text(String),
}

/// Collects the ABI.
#[must_use]
pub fn export(abi: &Abi) -> Export {
    let types = named_records(abi).map(|(name, c, record)| ExportType {
        name: name.to_owned(),
        kind: match record.kind {
            RecordKind::Struct => "struct",
            RecordKind::Union => "union",
        },
        c: c.to_owned(),
        size: record.size,
        align: record.align,
        fields: leaves(abi, name, Depth::All)
            .into_iter()
            .map(|leaf| ExportField {
                path: leaf.path,
                offset: leaf.offset,
                size: leaf.size,
                bit_offset: leaf.bits.map(|(first, _)| first),
                bits: leaf.bits.map(|(_, width)| width),
            })
            .collect(),
    });
    let constants = abi.constants.iter().map(|(name, constant)| {
        let (value, bytes) = match &constant.value {
            Value::Str(text) => (ExportValue::Text(text.clone()), text.len() as u64 + 1),
            Value::Int { value, ty } => (integer(*value), ty.bytes),
        };
        ExportConstant { name: name.clone(), value, bytes }
    });
    Export {
        release: abi.release.clone(),
        arch: abi.arch.name(),
        types: types.collect(),
        constants: constants.collect(),
    }
}

/// No C type of the ABI is wider than 64 bits, so that one of the two always holds the value.
fn integer(value: i128) -> ExportValue {
    match i64::try_from(value) {
        Ok(value) => ExportValue::Signed(value),
        Err(_) => ExportValue::Unsigned(value as u64),
    }
}
