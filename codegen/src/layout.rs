//! Views of a record's layout that several emitters share.

use crate::ir::{Abi, Def, FieldKind, Record, RecordKind, Type};

/// One leaf of a record: a member that is no structure or union itself, or an array of anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// C names from the record down, with dots, anonymous levels left out.
    pub path: String,
    /// Bytes from the start of the record; for a bit field those of its storage.
    pub offset: u64,
    /// Bytes; for a bit field those of its storage.
    pub size: u64,
    /// First bit from the start of the record, and number of bits.
    pub bits: Option<(u64, u32)>,
    /// Whether it is a level with leaves below it: only [`members`] shows those.
    pub level: bool,
    /// The way there in Rust: each type, and the members walked inside it.
    pub steps: Vec<(String, Vec<String>)>,
}

/// How far down leaves are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Through every structure and union.
    All,
    /// Through the levels C has no name for: what lies in a named type is that type's own matter.
    Unnamed,
}

/// Every leaf of the record `name`, in the order of declaration.
#[must_use]
pub fn leaves(abi: &Abi, name: &str, depth: Depth) -> Vec<Leaf> {
    let mut members = walk(abi, name, depth);
    members.retain(|member| !member.level);
    members
}

/// Every leaf of the record `name`, and before each group of them the named member they lie in.
#[must_use]
pub fn members(abi: &Abi, name: &str) -> Vec<Leaf> {
    walk(abi, name, Depth::All)
}

fn walk(abi: &Abi, name: &str, depth: Depth) -> Vec<Leaf> {
    let mut walk = Walk { abi, depth, out: Vec::new() };
    if let Some(record) = abi.record(name) {
        walk.record(record, &Here { path: "", offset: 0, steps: &[(name.to_owned(), Vec::new())] });
    }
    walk.out
}

/// The types whose layout is part of the ABI under a name of C's.
pub fn named_records(abi: &Abi) -> impl Iterator<Item = (&str, &str, &Record)> {
    abi.types.iter().filter_map(|(name, ty)| match (&ty.def, &ty.c_name) {
        (Def::Record(record), Some(c_name)) => Some((name.as_str(), c_name.as_str(), record)),
        _ => None,
    })
}

struct Walk<'a> {
    abi: &'a Abi,
    depth: Depth,
    out: Vec<Leaf>,
}

struct Here<'a> {
    path: &'a str,
    offset: u64,
    steps: &'a [(String, Vec<String>)],
}

impl<'a> Walk<'a> {
    fn record(&mut self, record: &Record, here: &Here<'_>) {
        for field in &record.fields {
            let path = match &field.kind {
                FieldKind::Named(name) => join(here.path, name),
                FieldKind::Anonymous => here.path.to_owned(),
                FieldKind::Padding => continue,
                FieldKind::Bits(bits) => {
                    for bit in bits {
                        let offset = here.offset + field.offset;
                        self.out.push(Leaf {
                            path: join(here.path, &bit.name),
                            offset,
                            size: self.abi.size_align(&field.ty).map_or(0, |(size, _)| size),
                            bits: Some((offset * 8 + u64::from(bit.first), bit.width)),
                            level: false,
                            steps: stepped(here.steps, &field.name),
                        });
                    }
                    continue;
                }
            };
            let steps = stepped(here.steps, &field.name);
            let offset = here.offset + field.offset;
            if let Some((name, inner)) = self.inner(&field.ty) {
                if matches!(field.kind, FieldKind::Named(_)) {
                    let (path, size) = (path.clone(), inner.size);
                    let steps = Vec::new();
                    self.out.push(Leaf { path, offset, size, bits: None, level: true, steps });
                }
                // A union is bytes in Rust: no member path leads through it.
                let mut steps = steps;
                if record.kind == RecordKind::Union {
                    steps = here.steps.to_vec();
                    steps.push((name.to_owned(), Vec::new()));
                } else if inner.kind == RecordKind::Union {
                    steps.push((name.to_owned(), Vec::new()));
                }
                self.record(inner, &Here { path: &path, offset, steps: &steps });
            } else {
                let size = self.abi.size_align(&field.ty).map_or(0, |(size, _)| size);
                let steps =
                    if record.kind == RecordKind::Union { here.steps.to_vec() } else { steps };
                self.out.push(Leaf { path, offset, size, bits: None, level: false, steps });
            }
        }
    }

    /// The record `ty` is, if the walk goes into it.
    fn inner(&self, ty: &Type) -> Option<(&'a str, &'a Record)> {
        let Type::Named(name) = ty else { return None };
        let (name, ty) = self.abi.types.get_key_value(name)?;
        if self.depth == Depth::Unnamed && ty.c_name.is_some() {
            return None;
        }
        match &ty.def {
            Def::Alias(target) => self.inner(target),
            Def::Record(record) => Some((name, record)),
            _ => None,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn stepped(steps: &[(String, Vec<String>)], field: &str) -> Vec<(String, Vec<String>)> {
    let mut steps = steps.to_vec();
    if let Some((_, members)) = steps.last_mut() {
        members.push(field.to_owned());
    }
    steps
}
