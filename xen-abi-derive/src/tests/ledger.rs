//! No command of a hypercall that has a table is forgotten in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::Item;

use crate::expand::names;
use crate::parse::Parsed;

/// The tables, each with the headers that have its commands, how those begin, and what begins so but
/// is none.
const TABLES: [(&str, &str, &str, &[&str]); 11] = [
    ("console_io", "xen", "CONSOLEIO_", &[]),
    ("event_channel_op", "event_channel", "EVTCHNOP_", &[]),
    ("grant_table_op", "grant_table", "GNTTABOP_", &[]),
    ("hvm_op", "hvm/hvm_op", "HVMOP_", HVMOP),
    ("memory_op", "memory", "XENMEM_", XENMEM),
    ("physdev_op", "physdev", "PHYSDEVOP_", PHYSDEVOP),
    ("platform_op", "platform", "XENPF_", XENPF),
    ("sched_op", "sched", "SCHEDOP_", &[]),
    ("vcpu_op", "vcpu", "VCPUOP_", &[]),
    ("xen_version", "version", "XENVER_", &[]),
    ("xsm_op", "xsm/flask_op", "FLASK_", FLASK),
];

const HVMOP: &[&str] = &[
    // Xen no longer has them: `XENMEM_access_op` took their place.
    "HVMOP_set_mem_access",
    "HVMOP_get_mem_access",
    // The version of the argument of `HVMOP_altp2m`, and what its member `cmd` can be.
    "HVMOP_ALTP2M_INTERFACE_VERSION",
    "HVMOP_altp2m_*",
];

const XENMEM: &[&str] = &[
    // Members of the arguments of `XENMEM_access_op`, `XENMEM_paging_op`, `XENMEM_sharing_op`,
    // `XENMEM_acquire_resource` and `XENMEM_reserved_device_memory_map`.
    "XENMEM_access_op_*",
    "XENMEM_access_default",
    "XENMEM_access_n*",
    "XENMEM_access_r*",
    "XENMEM_access_w*",
    "XENMEM_access_x",
    "XENMEM_paging_op_*",
    "XENMEM_sharing_op_*",
    "XENMEM_SHARING_OP_*",
    "XENMEM_FORK_*",
    "XENMEM_resource_*",
    "XENMEM_RDM_ALL",
];

const PHYSDEVOP: &[&str] = &[
    // Members of the argument of `PHYSDEVOP_dbgp_op`.
    "PHYSDEVOP_DBGP_*",
    // Another name of one of the two versions.
    "PHYSDEVOP_pirq_eoi_gmfn",
];

const XENPF: &[&str] = &[
    // The version of the argument, a flag of `XENPF_enter_acpi_sleep` and one of
    // `XENPF_microcode_update2`.
    "XENPF_INTERFACE_VERSION",
    "XENPF_ACPI_SLEEP_EXTENDED",
    "XENPF_UCODE_FORCE",
    // Another name of `XENPF_settime64`.
    "XENPF_settime",
];

const FLASK: &[&str] = &[
    // Xen no longer has them.
    "FLASK_USER",
    "FLASK_DISABLE",
];

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(relative)
}

fn items(path: &Path) -> Vec<Item> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).items
}

/// The commands of the tables in xen-ops' module `name`.
fn commands(name: &str) -> BTreeSet<String> {
    let items = items(&path(&format!("xen-ops/src/hypercall/{name}.rs")));
    let tables = items.into_iter().filter_map(|item| match item {
        Item::Macro(item) if item.mac.path.is_ident("hypercalls") => {
            let Parsed { table, mistakes } = item.mac.parse_body().expect("a table");
            assert!(mistakes.is_empty(), "{name}: {mistakes:?}");
            Some(table)
        }
        _ => None,
    });
    tables
        .flat_map(|table| {
            table.rows.iter().map(|row| names::command(&table, row).to_string()).collect::<Vec<_>>()
        })
        .collect()
}

/// The integer constants of `header` whose names begin with `prefix`.
fn constants(header: &str, prefix: &str) -> BTreeSet<String> {
    let items = items(&path(&format!("xen-abi/src/generated/x86_64/{header}.rs")));
    let names = items.into_iter().filter_map(|item| match item {
        Item::Const(constant) => Some(constant.ident.to_string()),
        _ => None,
    });
    names.filter(|name| name.starts_with(prefix)).collect()
}

fn is_excepted(name: &str, exceptions: &[&str]) -> bool {
    exceptions.iter().any(|exception| match exception.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *exception,
    })
}

#[test]
fn every_command_has_a_row() {
    let mut forgotten = BTreeMap::new();
    for (table, header, prefix, exceptions) in TABLES {
        let known = constants(header, prefix);
        assert!(!known.is_empty(), "{header}: no {prefix}*");
        let missing = known
            .difference(&commands(table))
            .filter(|name| !is_excepted(name, exceptions))
            .cloned()
            .collect::<Vec<_>>();
        if !missing.is_empty() {
            forgotten.insert(table, missing);
        }
    }
    assert!(forgotten.is_empty(), "neither a row nor a reason: {forgotten:#?}");
}

#[test]
fn no_exception_is_left_over() {
    for (table, header, prefix, exceptions) in TABLES {
        let (known, rows) = (constants(header, prefix), commands(table));
        for exception in exceptions {
            assert!(
                known.iter().any(|name| is_excepted(name, &[exception])),
                "{table}: {exception} is in no header"
            );
            assert!(
                !rows.iter().any(|name| is_excepted(name, &[exception])),
                "{table}: {exception} has a row"
            );
        }
    }
}

#[test]
fn every_table_is_looked_at() {
    let modules = fs::read_dir(path("xen-ops/src/hypercall")).expect("a directory");
    let with_table = modules
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| fs::read_to_string(path).expect("text").contains("\nhypercalls! {"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect::<BTreeSet<_>>();
    let looked_at = TABLES.map(|(table, ..)| table.to_owned());
    assert_eq!(with_table, BTreeSet::from(looked_at));
}
