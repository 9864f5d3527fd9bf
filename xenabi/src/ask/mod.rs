//! The questions, one file each.

pub(crate) mod constant;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod layout;
pub(crate) mod releases;
pub(crate) mod since;
pub(crate) mod uses;
pub(crate) mod value;

use xen_records::Entry;
use xen_records::model::Item;

/// Whether the entry is a type.
fn is_type(entry: &Entry) -> bool {
    entry.variants.iter().any(|variant| !matches!(variant.item, Item::Constant(_)))
}

/// Whether the entry is a constant.
fn is_constant(entry: &Entry) -> bool {
    entry.variants.iter().any(|variant| matches!(variant.item, Item::Constant(_)))
}

/// A name without a keyword of C's before it.
fn bare(name: &str) -> &str {
    name.trim().rsplit(' ').next().unwrap_or(name)
}

/// A number as people write it.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let magnitude = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    Some(sign * i128::from(magnitude.ok()?))
}
