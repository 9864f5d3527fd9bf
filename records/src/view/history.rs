//! Since when each type and constant is there and as it is.

use std::collections::BTreeMap;

use super::layout::own_members;
use crate::model::{Constant, Item, Type, Value};
use crate::records::Records;

/// What became of one type or constant, from the oldest recorded release on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The release since which it has been there without a gap, by its number in the catalogue; `None` if
    /// that is the oldest.
    pub since: Option<usize>,
    /// The releases after that one in which it became another: a constant has another value, a structure
    /// or union other members or another layout.
    pub changed: Vec<usize>,
}

/// The past of everything that one release has on one architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Of types, by name.
    pub types: BTreeMap<String, Past>,
    /// Of constants, by name.
    pub constants: BTreeMap<String, Past>,
}

/// What a type or constant is, as far as a program notices.
#[derive(PartialEq, Eq)]
enum Form<'a> {
    /// An integer, whatever type C gives it.
    Number(i128),
    Text(&'a str),
    /// Size, alignment, and the members by path.
    Record(u64, u64, Vec<Own>),
    Other(&'a Type),
}

/// A member that the structure itself has: its path, offset, size and bits.
type Own = (String, u64, u64, Option<(u32, u32)>);

impl History {
    /// The past of what `release` has on `arch`, both by their numbers in the catalogue.
    #[must_use]
    pub fn of(records: &Records, release: usize, arch: usize) -> Self {
        let cells = &records.catalogue.cells;
        let releases: Vec<usize> = (0..=release).filter(|at| cells.contains(*at, arch)).collect();
        // A name may have been in another header before.
        let mut forms = BTreeMap::<(bool, &str), Vec<Option<Form<'_>>>>::new();
        for entry in records.headers.iter().flat_map(|header| &header.entries) {
            for (index, at) in releases.iter().enumerate() {
                let Some(item) = entry.item(*at, arch) else { continue };
                let key = (matches!(item, Item::Constant(_)), entry.name.as_str());
                let of_name = forms.entry(key).or_default();
                of_name.resize_with(releases.len(), || None);
                of_name[index] = Some(form(item));
            }
        }
        let mut history = Self::default();
        for ((is_constant, name), forms) in forms {
            let Some(Some(_)) = forms.last() else { continue };
            let kind = if is_constant { &mut history.constants } else { &mut history.types };
            kind.insert(name.to_owned(), past(&releases, &forms));
        }
        history
    }
}

fn past(releases: &[usize], forms: &[Option<Form<'_>>]) -> Past {
    let mut past = Past::default();
    for (pair, release) in forms.windows(2).zip(&releases[1..]) {
        match pair {
            [None, Some(_)] => past = Past { since: Some(*release), changed: Vec::new() },
            [Some(before), Some(after)] if before != after => past.changed.push(*release),
            _ => {}
        }
    }
    past
}

fn form(item: &Item) -> Form<'_> {
    match item {
        Item::Constant(Constant { value: Value::Int { value, .. }, .. }) => Form::Number(*value),
        Item::Constant(Constant { value: Value::Text(text), .. }) => Form::Text(text),
        Item::Record(record) => {
            let members = own_members(&record.members).into_iter();
            let members = members.filter(|(_, member)| member.name.is_some());
            let members = members.map(|(path, m)| (path, m.offset, m.size, m.bits)).collect();
            Form::Record(record.size, record.align, members)
        }
        Item::Typedef(ty) | Item::Enum { int: ty, .. } => Form::Other(ty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_since_and_of_changes() {
        let records = crate::records().expect("the records are as they were written");
        let catalogue = &records.catalogue;
        let arch = catalogue.arch("x86_64").expect("it is recorded");
        let of = |name: &str| {
            History::of(&records, catalogue.release(name).expect("it is recorded"), arch)
        };
        let (newest, old) = (of("4.22"), of("4.20"));
        let names = |past: &Past| -> Vec<&str> {
            let releases = past.since.iter().chain(&past.changed);
            releases.map(|at| catalogue.releases[*at].name.as_str()).collect()
        };
        let version = &newest.constants["XEN_DOMCTL_INTERFACE_VERSION"];
        assert_eq!(version.since, None);
        assert_eq!(names(version), ["4.15", "4.16", "4.17", "4.18", "4.19", "4.22"]);
        let version = &old.constants["XEN_DOMCTL_INTERFACE_VERSION"];
        assert_eq!(names(version), ["4.15", "4.16", "4.17", "4.18", "4.19"]);
        let create = &newest.types["xen_domctl_createdomain"];
        assert_eq!(names(create), ["4.15", "4.16", "4.17", "4.19", "4.21"]);
        assert_eq!(newest.types["gnttab_copy"], Past::default());
        let state = &newest.types["xen_domctl_get_domain_state"];
        assert!(state.since.is_some() && state.changed.is_empty(), "{state:?}");
        assert!(!old.types.contains_key("xen_domctl_get_domain_state"));
    }
}
