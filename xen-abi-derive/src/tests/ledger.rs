//! No command of a hypercall that has a table is forgotten in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::Item;

use crate::expand::names;
use crate::parse::Parsed;
use crate::table::Table;

/// The tables, each with the headers that have its commands, how those begin, and what begins so but
/// is none.
const TABLES: [(&str, &str, &str, &[&str]); 21] = [
    ("altp2m", "hvm/hvm_op", "HVMOP_altp2m_", &[]),
    ("argo_op", "argo", "XEN_ARGO_OP_", &[]),
    ("callback_op", "callback", "CALLBACKOP_", &[]),
    ("console_io", "xen", "CONSOLEIO_", &[]),
    ("dm_op", "hvm/dm_op", "XEN_DMOP_", DMOP),
    ("event_channel_op", "event_channel", "EVTCHNOP_", &[]),
    ("grant_table_op", "grant_table", "GNTTABOP_", &[]),
    ("hvm_op", "hvm/hvm_op", "HVMOP_", HVMOP),
    ("hypfs_op", "hypfs", "XEN_HYPFS_OP_", &[]),
    ("kexec_op", "kexec", "KEXEC_CMD_", KEXEC),
    ("mca", "arch_x86/xen_mca", "XEN_MC_", MCA),
    ("memory_op", "memory", "XENMEM_", XENMEM),
    ("nmi_op", "nmi", "XENNMI_", &[]),
    ("physdev_op", "physdev", "PHYSDEVOP_", PHYSDEVOP),
    ("platform_op", "platform", "XENPF_", XENPF),
    ("sched_op", "sched", "SCHEDOP_", &[]),
    ("vcpu_op", "vcpu", "VCPUOP_", &[]),
    ("vm_assist", "xen", "VMASST_CMD_", &[]),
    ("xen_version", "version", "XENVER_", &[]),
    ("xenpmu_op", "pmu", "XENPMU_", PMU),
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

const DMOP: &[&str] = &[
    // What members of arguments can be.
    "XEN_DMOP_no_gfns",
    "XEN_DMOP_IO_RANGE_*",
    "XEN_DMOP_EVENT_*",
    "XEN_DMOP_IOREQ_MEM_ACCESS_*",
    "XEN_DMOP_MEM_CACHEATTR_*",
    "XEN_DMOP_DELETE_MEM_CACHEATTR",
];

const KEXEC: &[&str] = &[
    // Obsolete: images of Xen 4.3 and before.
    "KEXEC_CMD_kexec_load_v1",
    "KEXEC_CMD_kexec_unload_v1",
];

const MCA: &[&str] = &[
    // Xen no longer has it.
    "XEN_MC_notifydomain",
    // Flags of `XEN_MC_fetch`, and what members of other arguments can be.
    "XEN_MC_NONURGENT",
    "XEN_MC_URGENT",
    "XEN_MC_ACK",
    "XEN_MC_OK",
    "XEN_MC_FETCHFAILED",
    "XEN_MC_NODATA",
    "XEN_MC_NOMATCH",
    "XEN_MC_CANNOTHANDLE",
    "XEN_MC_NOTDELIVERED",
    "XEN_MC_VCPUID_INVALID",
    "XEN_MC_INJECT_*",
];

const PMU: &[&str] = &[
    // The version, and what `val` can be.
    "XENPMU_VER_*",
    "XENPMU_MODE_*",
    "XENPMU_FEATURE_*",
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

/// The tables in xen-ops' module `name`.
pub(super) fn tables(name: &str) -> Vec<Table> {
    let items = items(&path(&format!("xen-ops/src/hypercall/{name}.rs")));
    let tables = items.into_iter().filter_map(|item| match item {
        Item::Macro(item) if item.mac.path.is_ident("hypercalls") => {
            let Parsed { table, mistakes } = item.mac.parse_body().expect("a table");
            assert!(mistakes.is_empty(), "{name}: {mistakes:?}");
            Some(table)
        }
        _ => None,
    });
    tables.collect()
}

/// The commands of the tables in xen-ops' module `name`.
fn commands(name: &str) -> BTreeSet<String> {
    let tables = tables(name);
    let rows = tables.iter().flat_map(|table| table.rows.iter().map(move |row| (table, row)));
    rows.map(|(table, row)| names::command(table, row).to_string()).collect()
}

/// The modules with tables.
pub(super) fn modules() -> BTreeSet<String> {
    let modules = fs::read_dir(path("xen-ops/src/hypercall")).expect("a directory");
    modules
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| fs::read_to_string(path).expect("text").contains("\nhypercalls! {"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
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
fn every_table_of_commands_is_looked_at() {
    let has_commands = |module: &String| tables(module).iter().any(|table| table.number.is_some());
    let with_table = modules().into_iter().filter(has_commands).collect::<BTreeSet<_>>();
    let looked_at = TABLES.map(|(table, ..)| table.to_owned());
    assert_eq!(with_table, BTreeSet::from(looked_at));
}
