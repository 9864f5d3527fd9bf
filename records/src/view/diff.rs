//! What changed between two ABIs of one architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Abi;
use super::layout::{Leaf, members};
use crate::model::{Constant, Item, Value};
use crate::spell::{integer, spell};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The header it is in.
    pub header: String,
    /// The type or constant.
    pub name: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Whether a program built against the old headers of a stable interface notices.
    pub breaks: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Another size, in bytes.
    Size(u64, u64),
    /// Another alignment, in bytes.
    Align(u64, u64),
    /// A member that is new.
    FieldAdded(String),
    /// A member that is gone.
    FieldRemoved(String),
    /// A member at another offset, in bytes.
    FieldMoved(String, u64, u64),
    /// A member of another size, in bytes.
    FieldSize(String, u64, u64),
    /// A bit field at other bits.
    FieldBits(String),
    /// Another value, or for a typedef another type.
    Value(String, String),
}

/// All changes, by header and name.
#[must_use]
pub fn diff(old: &Abi, new: &Abi) -> Vec<Change> {
    let mut changes = BTreeSet::new();
    let types = old.types().chain(new.types()).map(|(_, definition)| definition.name.as_str());
    types.collect::<BTreeSet<_>>().into_iter().for_each(|name| ty(old, new, name, &mut changes));
    let constants = old.constants().chain(new.constants());
    let constants: BTreeSet<_> =
        constants.map(|(_, definition, _)| definition.name.as_str()).collect();
    constants.into_iter().for_each(|name| constant(old, new, name, &mut changes));
    changes.into_iter().collect()
}

/// The changes of one type or constant.
#[must_use]
pub fn of(old: &Abi, new: &Abi, name: &str) -> Vec<Change> {
    let mut changes = BTreeSet::new();
    ty(old, new, name, &mut changes);
    constant(old, new, name, &mut changes);
    changes.into_iter().collect()
}

fn ty(old: &Abi, new: &Abi, name: &str, changes: &mut BTreeSet<Change>) {
    let (before, after) = (old.ty(name), new.ty(name));
    let header = after.or(before).map_or("", |(header, _)| header);
    let mut note = |kind: ChangeKind| {
        let breaks = is_stable(header) && kind.is_break();
        let (header, name) = (header.to_owned(), name.to_owned());
        changes.insert(Change { header, name, kind, breaks });
    };
    match (before, after) {
        (Some((_, before)), Some((_, after))) => {
            let items = (&before.item, &after.item);
            if let (Item::Record(_), Item::Record(_)) = items {
                record(old, new, name, &mut note);
            } else if let (Some(then), Some(now)) = (target(old, items.0), target(new, items.1)) {
                if then != now {
                    note(ChangeKind::Value(then, now));
                }
            }
        }
        (Some(_), None) => note(ChangeKind::Removed),
        (None, Some(_)) => note(ChangeKind::Added),
        (None, None) => {}
    }
}

/// The type of a typedef or an enumeration.
fn target(abi: &Abi, item: &Item) -> Option<String> {
    match item {
        Item::Typedef(ty) | Item::Enum { int: ty, .. } => Some(spell(ty, &abi.snapshot().arch)),
        _ => None,
    }
}

fn record(old: &Abi, new: &Abi, name: &str, note: &mut impl FnMut(ChangeKind)) {
    if let (Some(before), Some(after)) = (old.record(name), new.record(name)) {
        if before.size != after.size {
            note(ChangeKind::Size(before.size, after.size));
        }
        if before.align != after.align {
            note(ChangeKind::Align(before.align, after.align));
        }
    }
    let by_path = |abi| -> BTreeMap<String, Leaf> {
        let members = members(abi, name).into_iter();
        members.map(|member| (member.path.clone(), member)).collect()
    };
    let (before, after) = (by_path(old), by_path(new));
    // What moves along with the member it lies in is no news.
    let shift = |path: &str| -> Option<i128> {
        let (then, now) = (before.get(path)?, after.get(path)?);
        Some(i128::from(now.offset) - i128::from(then.offset))
    };
    for (path, member) in &before {
        let Some(now) = after.get(path) else {
            note(ChangeKind::FieldRemoved(path.clone()));
            continue;
        };
        let outer = path.rsplit_once('.').and_then(|(outer, _)| shift(outer)).unwrap_or(0);
        let moved_bits = |bits: Option<(u64, u32)>| {
            bits.map(|(first, width)| (i128::from(first) + outer * 8, width))
        };
        if moved_bits(member.bits) != now.bits.map(|(first, width)| (i128::from(first), width)) {
            note(ChangeKind::FieldBits(path.clone()));
        } else if member.bits.is_none() && shift(path) != Some(outer) {
            note(ChangeKind::FieldMoved(path.clone(), member.offset, now.offset));
        }
        if member.size != now.size && member.bits.is_none() {
            note(ChangeKind::FieldSize(path.clone(), member.size, now.size));
        }
    }
    for path in after.keys().filter(|path| !before.contains_key(*path)) {
        note(ChangeKind::FieldAdded(path.clone()));
    }
}

fn constant(old: &Abi, new: &Abi, name: &str, changes: &mut BTreeSet<Change>) {
    let (before, after) = (old.constant(name), new.constant(name));
    let kind = match (before, after) {
        (None, None) => return,
        (None, Some(_)) => ChangeKind::Added,
        (Some(_), None) => ChangeKind::Removed,
        (Some((.., before)), Some((.., after))) if before.value != after.value => {
            ChangeKind::Value(value(before), value(after))
        }
        _ => return,
    };
    let Some((header, ..)) = after.or(before) else { return };
    // Another C type alone breaks no program.
    let same = before.zip(after).is_some_and(|((.., a), (.., b))| number(a) == number(b));
    let breaks = is_stable(header) && kind.is_break() && !same;
    changes.insert(Change { header: header.to_owned(), name: name.to_owned(), kind, breaks });
}

/// Headers that carry a version of their own and promise nothing from one release to the next.
const VERSIONED: &[&str] = &["domctl.h", "platform.h", "sysctl.h", "vm_event.h", "xsm/flask_op.h"];

/// Whether what `header` defines is promised to stay.
#[must_use]
pub fn is_stable(header: &str) -> bool {
    !VERSIONED.contains(&header)
}

fn number(constant: &Constant) -> (Option<i128>, Option<&str>) {
    match &constant.value {
        Value::Int { value, .. } => (Some(*value), None),
        Value::Text(text) => (None, Some(text)),
    }
}

fn value(constant: &Constant) -> String {
    match &constant.value {
        Value::Int { value, signed, bytes } => format!("{value} ({})", integer(*signed, *bytes)),
        Value::Text(text) => format!("{text:?}"),
    }
}

impl ChangeKind {
    const fn is_break(&self) -> bool {
        !matches!(self, Self::Added | Self::FieldAdded(_))
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => write!(f, "added"),
            Self::Removed => write!(f, "removed"),
            Self::Size(old, new) => write!(f, "size {old} -> {new}"),
            Self::Align(old, new) => write!(f, "align {old} -> {new}"),
            Self::FieldAdded(path) => write!(f, ".{path} added"),
            Self::FieldRemoved(path) => write!(f, ".{path} removed"),
            Self::FieldMoved(path, old, new) => write!(f, ".{path} moved {old} -> {new}"),
            Self::FieldSize(path, old, new) => write!(f, ".{path} size {old} -> {new}"),
            Self::FieldBits(path) => write!(f, ".{path} at other bits"),
            Self::Value(old, new) => write!(f, "value {old} -> {new}"),
        }
    }
}
