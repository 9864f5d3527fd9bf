//! What changed between two trees on one architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::text;
use crate::ir::{Abi, Def, Type, Value};
use crate::layout::{Leaf, members};

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
    types(old, new, &mut changes);
    constants(old, new, &mut changes);
    changes.into_iter().collect()
}

fn types(old: &Abi, new: &Abi, changes: &mut BTreeSet<Change>) {
    let named = |abi: &Abi, name: &str| abi.types.get(name).is_some_and(|ty| ty.c_name.is_some());
    let names: BTreeSet<_> = old.types.keys().chain(new.types.keys()).collect();
    for name in names {
        let header = [new, old].iter().find_map(|abi| abi.types.get(name));
        let header = header.map(|ty| ty.location.header.clone()).unwrap_or_default();
        let mut note = |kind: ChangeKind| {
            let breaks = is_stable(&header) && kind.is_break();
            changes.insert(Change { header: header.clone(), name: name.clone(), kind, breaks });
        };
        match (named(old, name), named(new, name)) {
            (true, true) => {
                record(old, new, name, &mut note);
                target(old, new, name, &mut note);
            }
            (true, false) => note(ChangeKind::Removed),
            (false, true) => note(ChangeKind::Added),
            (false, false) => {}
        }
    }
}

/// The type of a typedef or an enumeration.
fn target(old: &Abi, new: &Abi, name: &str, note: &mut impl FnMut(ChangeKind)) {
    let spelled = |abi: &Abi| match &abi.types.get(name)?.def {
        Def::Alias(ty) | Def::Newtype(ty) => Some(text::spell(ty)),
        Def::Enum(int) | Def::Shared { int, .. } => Some(text::spell(&Type::Int(*int))),
        Def::Record(_) => None,
    };
    if let (Some(before), Some(after)) = (spelled(old), spelled(new)) {
        if before != after {
            note(ChangeKind::Value(before, after));
        }
    }
}

fn record(old: &Abi, new: &Abi, name: &str, note: &mut impl FnMut(ChangeKind)) {
    // A typedef's members are its target's matter.
    let is_record = |abi: &Abi| matches!(abi.types[name].def, Def::Record(_));
    if !is_record(old) || !is_record(new) {
        return;
    }
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
        if member.bits != now.bits {
            note(ChangeKind::FieldBits(path.clone()));
        } else if shift(path) != Some(outer) {
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

fn constants(old: &Abi, new: &Abi, changes: &mut BTreeSet<Change>) {
    let names: BTreeSet<_> = old.constants.keys().chain(new.constants.keys()).collect();
    for name in names {
        let (before, after) = (old.constants.get(name), new.constants.get(name));
        let kind = match (before, after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(before), Some(after)) if before.value != after.value => {
                ChangeKind::Value(spell(&before.value), spell(&after.value))
            }
            _ => continue,
        };
        let Some(constant) = after.or(before) else { continue };
        let header = constant.location.header.clone();
        let same = before.zip(after).is_some_and(|(a, b)| !is_other_value(&a.value, &b.value));
        let breaks = is_stable(&header) && kind.is_break() && !same;
        changes.insert(Change { header, name: name.clone(), kind, breaks });
    }
}

/// Headers that carry a version of their own and promise nothing from one release to the next.
const VERSIONED: &[&str] = &["domctl.h", "platform.h", "sysctl.h", "vm_event.h", "xsm/flask_op.h"];

fn is_stable(header: &str) -> bool {
    !VERSIONED.contains(&header)
}

/// Whether a value is another number or text; its C type alone breaks no program.
fn is_other_value(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Int { value: old, .. }, Value::Int { value: new, .. }) => old != new,
        _ => old != new,
    }
}

fn spell(value: &Value) -> String {
    match value {
        Value::Int { value, ty } => {
            format!("{value} ({}{})", if ty.signed { 'i' } else { 'u' }, ty.bytes * 8)
        }
        Value::Str(text) => format!("{text:?}"),
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
