//! Every operation of the hypercalls that the scenarios are about is in one of them, or there is a
//! reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use xen_abi::xen::*;

use crate::rows;
use xen_live::{Calls, simulate};

/// A hypercall with its table of operations, and the headers that number them.
struct Table {
    number: u32,
    file: &'static str,
    header: &'static str,
    /// The bits of a command that say which operation.
    mask: u32,
}

const TABLES: [Table; 8] = [
    table(__HYPERVISOR_grant_table_op, "grant_table_op", "grant_table"),
    Table { mask: 0x3f, ..table(__HYPERVISOR_memory_op, "memory_op", "memory") },
    table(__HYPERVISOR_event_channel_op, "event_channel_op", "event_channel"),
    table(__HYPERVISOR_sched_op, "sched_op", "sched"),
    table(__HYPERVISOR_xen_version, "xen_version", "version"),
    table(__HYPERVISOR_console_io, "console_io", "xen"),
    table(__HYPERVISOR_hvm_op, "hvm_op", "hvm/hvm_op"),
    table(__HYPERVISOR_vcpu_op, "vcpu_op", "vcpu"),
];

const fn table(number: u32, file: &'static str, header: &'static str) -> Table {
    Table { number, file, header, mask: u32::MAX }
}

/// Operations that are in no scenario of one domain, and why.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "SCHEDOP_block",
    "it lets events interrupt the guest kernel, which has no handler for them",
)];

fn source(path: &str) -> String {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).expect("the workspace is whole")
}

/// The operations of a table by upstream's names, with their numbers.
fn operations(table: &Table) -> BTreeMap<String, u32> {
    let header = source(&format!("xen-abi/src/generated/x86_64/{}.rs", table.header));
    let numbers: BTreeMap<&str, u32> = header
        .lines()
        .filter_map(|line| {
            line.strip_prefix("pub const ")?.strip_suffix(';')?.split_once(": u32 = ")
        })
        .filter_map(|(name, number)| Some((name, number.parse().ok()?)))
        .collect();
    let rows = source(&format!("xen-ops/src/hypercall/{}.rs", table.file));
    let prefix = rows.lines().find_map(|line| {
        let (prefix, _) = line.trim().strip_prefix("commands ")?.split_once('*')?;
        Some(prefix)
    });
    let prefix = prefix.expect("a table says what its operations begin with");
    let names = rows.lines().filter_map(|line| {
        let row = line.strip_prefix("    ")?;
        let row = row.strip_prefix("unsafe ").unwrap_or(row);
        let row = row.strip_prefix("single ").or_else(|| row.strip_prefix("batch "))?;
        let mut words = row.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '=');
        let name = words.next()?.trim_end_matches('_');
        // A row may be another form of an operation.
        let alias = row
            .split_once(" = ")
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
        Some(alias.map_or_else(|| format!("{prefix}{name}"), str::to_owned))
    });
    names
        .map(|name| {
            let number = *numbers.get(&*name).unwrap_or_else(|| panic!("{name} has no number"));
            (name, number)
        })
        .collect()
}

#[test]
fn every_operation_is_in_a_scenario() {
    let rows = rows().filter(|row| row.domains == 1);
    let calls: Calls = rows.flat_map(|row| simulate(row, "").1).collect();
    let mut missing = BTreeSet::new();
    let mut count = 0;
    for table in &TABLES {
        let made: BTreeSet<u32> = calls
            .iter()
            .filter(|(number, _)| *number == table.number)
            .map(|(_, command)| command & table.mask)
            .collect();
        let operations = operations(table);
        count += operations.len();
        missing.extend(
            operations.into_iter().filter(|(_, at)| !made.contains(at)).map(|(name, _)| name),
        );
    }
    assert!(count > 100, "only {count} operations: are the tables elsewhere now?");
    let excepted: BTreeSet<String> =
        EXCEPTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let unexplained: Vec<_> = missing.difference(&excepted).collect();
    assert!(unexplained.is_empty(), "in no scenario: {unexplained:#?}");
    let stale: Vec<_> = excepted.difference(&missing).collect();
    assert!(stale.is_empty(), "no exceptions any more: {stale:#?}");
}
