//! No hypercall of any release is forgotten, and who may call is what upstream's tables say.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{modules, tables};
use crate::expand::names;

/// Number, name, and for each release the kinds of guests that have the hypercall.
const FACTS: &str = include_str!("hypercalls.txt");

/// Hypercalls without a table, and why.
const WITHOUT: [(&str, &str); 9] = [
    ("sched_op_compat", "obsolete: sched_op took its place"),
    ("event_channel_op_compat", "obsolete: event_channel_op took its place"),
    ("physdev_op_compat", "obsolete: physdev_op took its place"),
    ("iret", "takes a frame on the stack, and does not return"),
    (
        "xenoprof_op",
        "obsolete: no kernel has the profiler that it is for, and 4.22 has it no longer",
    ),
    ("tmem_op", "no release has it"),
    ("paging_domctl_cont", "Xen calls it itself, to continue a domctl"),
    ("domctl", "of xen-toolstack, for its structures differ by release"),
    ("sysctl", "of xen-toolstack, for its structures differ by release"),
];

struct Fact {
    number: u32,
    name: &'static str,
    /// The kinds of guests that have it in some release, as tables call them.
    kinds: BTreeSet<&'static str>,
}

fn facts() -> Vec<Fact> {
    let lines = FACTS.lines().filter(|line| !line.starts_with('#'));
    let facts = lines.map(|line| {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok()).expect("a number");
        let name = words.next().expect("a name");
        let letters = words.flat_map(str::chars);
        let kinds = letters.filter_map(|letter| match letter {
            'p' => Some("pv"),
            'h' => Some("hvm"),
            'a' => Some("arm"),
            _ => None,
        });
        Fact { number, name, kinds: kinds.collect() }
    });
    facts.collect()
}

/// By hypercall, who may call as tables and rows say.
fn callers() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::<_, BTreeSet<String>>::new();
    for module in modules() {
        for table in tables(&module) {
            for row in &table.rows {
                let number = match &table.number {
                    Some(number) => number.segments.last().expect("a name").ident.to_string(),
                    None => names::command(&table, row).to_string(),
                };
                let name = number.strip_prefix("__HYPERVISOR_").expect("a hypercall").to_owned();
                let common = table.callers.as_ref().map(|callers| &callers.callers);
                let common =
                    common.unwrap_or_else(|| panic!("{module}: nothing says who may call"));
                let named = if row.callers.is_empty() { common } else { &row.callers };
                all.entry(name).or_default().extend(named.iter().map(ToString::to_string));
            }
        }
    }
    all
}

#[test]
fn every_hypercall_has_a_table_or_a_reason() {
    let callers = callers();
    let without = WITHOUT.map(|(name, _)| name);
    for Fact { number, name, .. } in facts() {
        let has_table = callers.contains_key(name);
        assert!(
            has_table != without.contains(&name),
            "{name} ({number}): neither a table nor a reason, or both"
        );
    }
    let known = facts().iter().map(|fact| fact.name).collect::<BTreeSet<_>>();
    for name in callers.keys().map(String::as_str).chain(without) {
        assert!(known.contains(name), "{name}: no release has it");
    }
}

#[test]
fn who_may_call_is_what_upstream_says() {
    let callers = callers();
    for Fact { name, kinds, .. } in facts() {
        let Some(named) = callers.get(name) else { continue };
        let is_kind = |word: &&str| ["pv", "hvm", "arm"].contains(word);
        let named = named.iter().map(String::as_str).filter(is_kind).collect::<BTreeSet<_>>();
        // A table that names none is for every caller with the privilege.
        if !named.is_empty() {
            assert_eq!(named, kinds, "{name}: the table left, upstream right");
        }
    }
}
