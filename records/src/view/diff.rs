//! What changed between two ABIs of one architecture.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::layout::{Leaf, members};
use super::{Abi, Found};
use crate::model::{Item, Member, Type, Value};
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
pub fn diff<'a>(old: Abi<'a>, new: Abi<'a>) -> Vec<Change> {
    let mut changes = BTreeSet::new();
    let mut same = Same::default();
    for (before, after) in pairs(old.types(), new.types()) {
        let name = after.or(before).map_or("", |found| found.name);
        if !same.is_same(old, new, name, MAX_DEPTH) {
            ty(old, new, (before, after), &mut changes);
        }
    }
    let constants = |abi: Abi<'a>| abi.constants().map(|(found, _)| found);
    for pair in pairs(constants(old), constants(new)) {
        constant(pair, &mut changes);
    }
    changes.into_iter().collect()
}

/// How deep types may nest that are the same without a look at their members.
const MAX_DEPTH: usize = 16;

/// The types that are known to be the same on both sides, or not, with all that they are made of. Most are,
/// between two releases of one record, which has one item for both.
#[derive(Default)]
struct Same<'a>(HashMap<&'a str, bool>);

impl<'a> Same<'a> {
    fn is_same(&mut self, old: Abi<'a>, new: Abi<'a>, name: &str, depth: usize) -> bool {
        if let Some(known) = self.0.get(name) {
            return *known;
        }
        let (Some(before), Some(after), Some(depth)) =
            (old.ty(name), new.ty(name), depth.checked_sub(1))
        else {
            return false;
        };
        let is_same = std::ptr::eq(before.item, after.item)
            && match before.item {
                Item::Record(record) => self.are_same(old, new, &record.members, depth),
                Item::Typedef(Type::Named(name)) => self.is_same(old, new, name, depth),
                _ => true,
            };
        self.0.insert(before.name, is_same);
        is_same
    }

    fn are_same(&mut self, old: Abi<'a>, new: Abi<'a>, members: &[Member], depth: usize) -> bool {
        // What a member points to, and an array's element, are no members of the whole.
        members.iter().all(|member| match &member.ty {
            Type::Named(name) => self.is_same(old, new, name, depth),
            Type::Inline(_, inner) => self.are_same(old, new, inner, depth),
            _ => true,
        })
    }
}

/// The changes of one type or constant.
#[must_use]
pub fn of<'a>(old: Abi<'a>, new: Abi<'a>, name: &str) -> Vec<Change> {
    let mut changes = BTreeSet::new();
    ty(old, new, (old.ty(name), new.ty(name)), &mut changes);
    let constant_of = |abi: Abi<'a>| abi.constant(name).map(|(found, _)| found);
    constant((constant_of(old), constant_of(new)), &mut changes);
    changes.into_iter().collect()
}

/// A type or constant before and after.
type Pair<'a> = (Option<Found<'a>>, Option<Found<'a>>);

/// What is in either of two lists that are sorted by name.
fn pairs<'a>(
    before: impl Iterator<Item = Found<'a>>,
    after: impl Iterator<Item = Found<'a>>,
) -> impl Iterator<Item = Pair<'a>> {
    let (mut before, mut after) = (before.peekable(), after.peekable());
    std::iter::from_fn(move || {
        let order = match (before.peek(), after.peek()) {
            (Some(before), Some(after)) => before.name.cmp(after.name),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        Some((
            before.next_if(|_| order != Ordering::Greater),
            after.next_if(|_| order != Ordering::Less),
        ))
    })
}

fn ty<'a>(old: Abi<'a>, new: Abi<'a>, (before, after): Pair<'a>, changes: &mut BTreeSet<Change>) {
    let Some(Found { header, name, .. }) = after.or(before) else { return };
    let mut note = |kind: ChangeKind| {
        let breaks = is_stable(header) && kind.is_break();
        let (header, name) = (header.to_owned(), name.to_owned());
        changes.insert(Change { header, name, kind, breaks });
    };
    match (before, after) {
        (Some(before), Some(after)) => {
            let items = (before.item, after.item);
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
fn target(abi: Abi<'_>, item: &Item) -> Option<String> {
    match item {
        Item::Typedef(ty) | Item::Enum { int: ty, .. } => Some(spell(ty, abi.arch())),
        _ => None,
    }
}

fn record<'a>(old: Abi<'a>, new: Abi<'a>, name: &str, note: &mut impl FnMut(ChangeKind)) {
    if let (Some(before), Some(after)) = (old.record(name), new.record(name)) {
        if before.size != after.size {
            note(ChangeKind::Size(before.size, after.size));
        }
        if before.align != after.align {
            note(ChangeKind::Align(before.align, after.align));
        }
    }
    let (before, after) = (members(old, name), members(new, name));
    if before == after {
        return;
    }
    let (before, after) = (by_path(&before), by_path(&after));
    // What moves along with the member it lies in is no news.
    let shift = |path: &str| -> Option<i128> {
        let (then, now) = (before.get(path)?, after.get(path)?);
        Some(i128::from(now.offset) - i128::from(then.offset))
    };
    for (&path, member) in &before {
        let Some(now) = after.get(path) else {
            note(ChangeKind::FieldRemoved(path.to_owned()));
            continue;
        };
        let outer = path.rsplit_once('.').and_then(|(outer, _)| shift(outer)).unwrap_or(0);
        let moved_bits = |bits: Option<(u64, u32)>| {
            bits.map(|(first, width)| (i128::from(first) + outer * 8, width))
        };
        if moved_bits(member.bits) != now.bits.map(|(first, width)| (i128::from(first), width)) {
            note(ChangeKind::FieldBits(path.to_owned()));
        } else if member.bits.is_none() && shift(path) != Some(outer) {
            note(ChangeKind::FieldMoved(path.to_owned(), member.offset, now.offset));
        }
        if member.size != now.size && member.bits.is_none() {
            note(ChangeKind::FieldSize(path.to_owned(), member.size, now.size));
        }
    }
    for path in after.keys().filter(|path| !before.contains_key(*path)) {
        note(ChangeKind::FieldAdded((*path).to_owned()));
    }
}

fn by_path<'l, 'a>(members: &'l [Leaf<'a>]) -> BTreeMap<&'l str, &'l Leaf<'a>> {
    members.iter().map(|member| (member.path.as_str(), member)).collect()
}

fn constant((before, after): Pair<'_>, changes: &mut BTreeSet<Change>) {
    let Some(Found { header, name, .. }) = after.or(before) else { return };
    let values = (before.and_then(|b| value_of(b.item)), after.and_then(|a| value_of(a.item)));
    let kind = match values {
        (None, None) => return,
        (None, Some(_)) => ChangeKind::Added,
        (Some(_), None) => ChangeKind::Removed,
        (Some(before), Some(after)) if before != after => {
            ChangeKind::Value(value(before), value(after))
        }
        _ => return,
    };
    // Another C type alone breaks no program.
    let same = values.0.zip(values.1).is_some_and(|(a, b)| number(a) == number(b));
    let breaks = is_stable(header) && kind.is_break() && !same;
    changes.insert(Change { header: header.to_owned(), name: name.to_owned(), kind, breaks });
}

fn value_of(item: &Item) -> Option<&Value> {
    match item {
        Item::Constant(constant) => Some(&constant.value),
        _ => None,
    }
}

/// Headers that carry a version of their own and promise nothing from one release to the next.
const VERSIONED: &[&str] = &["domctl.h", "platform.h", "sysctl.h", "vm_event.h", "xsm/flask_op.h"];

/// Whether what `header` defines is promised to stay.
#[must_use]
pub fn is_stable(header: &str) -> bool {
    !VERSIONED.contains(&header)
}

fn number(value: &Value) -> (Option<i128>, Option<&str>) {
    match value {
        Value::Int { value, .. } => (Some(*value), None),
        Value::Text(text) => (None, Some(text)),
    }
}

fn value(value: &Value) -> String {
    match value {
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
