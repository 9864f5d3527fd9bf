//! The members of a structure or union, at every level.

use super::Abi;
use crate::model::{Member, Type};

/// A member, with the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// Names from the structure down, with dots, levels without a name left out.
    pub path: String,
    /// Bytes from the start of the structure; for a bit field those of its storage.
    pub offset: u64,
    /// Bytes; for a bit field those of its storage.
    pub size: u64,
    /// For a bit field: its first bit from the start of the structure, and its width.
    pub bits: Option<(u64, u32)>,
    /// Its type.
    pub ty: &'a Type,
    /// Whether it is a structure or union whose members follow.
    pub is_level: bool,
}

/// Every member of the structure or union `name`, those of its members included, in the order of
/// declaration; none if it is no such type.
#[must_use]
pub fn members<'a>(abi: Abi<'a>, name: &str) -> Vec<Leaf<'a>> {
    let mut out = Vec::new();
    if let Some(record) = abi.record(name) {
        walk(abi, &record.members, "", 0, 32, &mut out);
    }
    out
}

/// As [`members`], without those that are only levels.
#[must_use]
pub fn leaves<'a>(abi: Abi<'a>, name: &str) -> Vec<Leaf<'a>> {
    let mut members = members(abi, name);
    members.retain(|leaf| !leaf.is_level);
    members
}

/// Every member of a structure or union that it has itself, at every level without a type of its own, with
/// the names that lead to it as in [`Leaf::path`]. Members without a name have that of the level they are in.
#[must_use]
pub fn own_members(members: &[Member]) -> Vec<(String, &Member)> {
    let mut out = Vec::new();
    own_of_level(members, "", &mut out);
    out
}

fn own_of_level<'a>(members: &'a [Member], path: &str, out: &mut Vec<(String, &'a Member)>) {
    for member in members {
        let path = joined(path, member);
        out.push((path.clone(), member));
        if let Type::Inline(_, inner) = member.ty.element() {
            own_of_level(inner, &path, out);
        }
    }
}

/// The path of a member of the level at `path`.
fn joined(path: &str, member: &Member) -> String {
    match (&member.name, path) {
        (None, path) => path.to_owned(),
        (Some(name), "") => name.clone(),
        (Some(name), path) => [path, ".", name].concat(),
    }
}

fn walk<'a>(
    abi: Abi<'a>,
    members: &'a [Member],
    path: &str,
    base: u64,
    depth: usize,
    out: &mut Vec<Leaf<'a>>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for member in members {
        let offset = base.saturating_add(member.offset);
        let path = joined(path, member);
        let (size, ty) = (member.size, &member.ty);
        let bits = member.bits.map(|(first, width)| {
            (offset.saturating_mul(8).saturating_add(u64::from(first)), width)
        });
        // Members without a name of their own have their offsets from the start of the named type.
        let inner = match ty {
            Type::Inline(_, inner) => Some((inner.as_slice(), base)),
            Type::Named(name) => abi.record(name).map(|record| (record.members.as_slice(), offset)),
            _ => None,
        };
        match inner {
            Some((inner, base)) => {
                if member.name.is_some() {
                    let path = path.clone();
                    out.push(Leaf { path, offset, size, bits, ty, is_level: true });
                }
                walk(abi, inner, &path, base, depth, out);
            }
            None => out.push(Leaf { path, offset, size, bits, ty, is_level: false }),
        }
    }
}
