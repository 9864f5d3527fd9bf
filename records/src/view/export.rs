//! The whole ABI of one release and architecture as data.

use serde::Serialize;

use super::Abi;
use super::declaration::{c_name, constant_type, declaration, variable};
use super::layout::leaves;
use crate::model::{Item, Origin, Value};

/// What `export` prints: the form that `schema/export.json` describes.
#[derive(Debug, Serialize)]
pub struct Export {
    /// The release, or what the tree is called.
    pub release: String,
    /// The point release whose headers were read.
    pub point: String,
    /// The architecture.
    pub arch: String,
    /// How much there is, as `cargo xtask verify` counts it.
    pub counts: ExportCounts,
    /// Structures and unions that have a name, by name.
    pub types: Vec<ExportType>,
    /// Typedefs and enumerations, by name.
    pub typedefs: Vec<ExportTypedef>,
    /// Macros and enumerators, by name.
    pub constants: Vec<ExportConstant>,
}

/// How much there is.
#[derive(Debug, Serialize)]
pub struct ExportCounts {
    /// Structures, unions, enumerations and typedefs.
    pub types: usize,
    /// Members at every level without a name of its own, bit fields counted singly.
    pub fields: usize,
    /// Macros and enumerators.
    pub constants: usize,
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
    /// The header that defines it.
    pub header: String,
    /// The line there.
    pub line: u32,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// The declaration in C.
    pub declaration: String,
    /// Every leaf, in order of declaration.
    pub fields: Vec<ExportField>,
}

/// A leaf of a structure or union.
#[derive(Debug, Serialize)]
pub struct ExportField {
    /// Members joined by dots, levels without a name left out.
    pub path: String,
    /// Its type in C.
    pub c: String,
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

/// A typedef or enumeration.
#[derive(Debug, Serialize)]
pub struct ExportTypedef {
    /// Its name.
    pub name: String,
    /// `typedef` or `enum`.
    pub kind: &'static str,
    /// How C spells it.
    pub c: String,
    /// The header that defines it.
    pub header: String,
    /// The line there.
    pub line: u32,
    /// Its type in C.
    pub target: String,
    /// Bytes, unless it is a structure that is never defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<u64>,
}

/// A constant.
#[derive(Debug, Serialize)]
pub struct ExportConstant {
    /// Its name.
    pub name: String,
    /// `macro` or `enumerator`.
    pub kind: &'static str,
    /// The enumeration it belongs to, if that has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The header that defines it.
    pub header: String,
    /// The line there.
    pub line: u32,
    /// Its type in C.
    pub c: String,
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

impl Export {
    /// The text that `schema/export.json` describes, with a line for each value.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers only: there is nothing JSON cannot hold.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Collects the ABI.
#[must_use]
pub fn export(abi: Abi<'_>) -> Export {
    let counts = abi.counts();
    let (mut types, mut typedefs) = (Vec::new(), Vec::new());
    for found in abi.types() {
        let (name, header, line) = (found.name.to_owned(), found.header.to_owned(), found.line);
        let c = c_name(found.name, found.item);
        let (kind, ty) = match found.item {
            Item::Record(record) => {
                types.push(ExportType {
                    kind: record.kind.keyword(),
                    size: record.size,
                    align: record.align,
                    declaration: declaration(abi, found),
                    fields: fields(abi, &name),
                    name,
                    c,
                    header,
                    line,
                });
                continue;
            }
            Item::Typedef(ty) => ("typedef", ty),
            Item::Enum { int, .. } => ("enum", int),
            Item::Constant(_) => continue,
        };
        let (size, align) = abi.size_align(ty).unzip();
        let target = variable(abi, ty, "", 0);
        typedefs.push(ExportTypedef { name, kind, c, header, line, target, size, align });
    }
    let constants = abi.constants().map(|(found, constant)| {
        let (value, bytes) = match &constant.value {
            Value::Text(text) => (ExportValue::Text(text.clone()), text.len() as u64 + 1),
            Value::Int { value, bytes, .. } => (integer(*value), *bytes),
        };
        let (kind, owner) = match &constant.origin {
            Origin::Macro => ("macro", None),
            Origin::Enumerator(owner) => ("enumerator", owner.clone()),
        };
        let c = constant_type(constant);
        let (name, header, line) = (found.name.to_owned(), found.header.to_owned(), found.line);
        ExportConstant { name, kind, owner, header, line, c, value, bytes }
    });
    Export {
        release: abi.release().name.clone(),
        point: abi.release().point.clone(),
        arch: abi.arch().name.clone(),
        counts: ExportCounts {
            types: counts.types,
            fields: counts.fields,
            constants: counts.constants,
        },
        constants: constants.collect(),
        types,
        typedefs,
    }
}

fn fields(abi: Abi<'_>, name: &str) -> Vec<ExportField> {
    let leaves = leaves(abi, name).into_iter().map(|leaf| ExportField {
        c: variable(abi, leaf.ty, "", 0),
        path: leaf.path,
        offset: leaf.offset,
        size: leaf.size,
        bit_offset: leaf.bits.map(|(first, _)| first),
        bits: leaf.bits.map(|(_, width)| width),
    });
    leaves.collect()
}

/// No C type of the ABI is wider than 64 bits, so that one of the two always holds the value.
fn integer(value: i128) -> ExportValue {
    match i64::try_from(value) {
        Ok(value) => ExportValue::Signed(value),
        Err(_) => ExportValue::Unsigned(value as u64),
    }
}
