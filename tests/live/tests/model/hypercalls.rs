//! `docs/hypercalls.md` says for each hypercall who makes it where, and is what the tables, the simulator and the
//! tests make of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use xen_live::{Mode, simulate};

use crate::rows;

/// Number, name, and for each release the kinds of guests that have the hypercall.
const FACTS: &str = include_str!("../../../../xen-abi-derive/src/tests/hypercalls.txt");

/// Why a hypercall is somewhere not made, with the letter that stands for it.
const REASONS: [(&str, &str); 9] = [
    ("o", "obsolete: the hypercall of the same name without `compat`, or none, took its place"),
    ("r", "does not return, and takes a frame on the stack, which only assembly can make"),
    ("x", "Xen calls it itself, to continue a domctl"),
    (
        "s",
        "the simulator has no processor: it has page tables only of what grants are mapped at, and no segments, traps or registers; only what refuses a hypercall for its domain does as Xen",
    ),
    (
        "h",
        "the simulator has no host: no devices, firmware, crash kernel, performance counters or files of Xen's; only who may not ask gets Xen's answer",
    ),
    ("g", "the simulator has no second channel beside grants and ports"),
    ("b", "Debian's hypervisors are built without it"),
    ("k", "a kernel's own: a process has no use for it"),
    ("e", "Linux has a device for it, which xen-linux uses"),
];

/// Hypercalls without a typed wrapper.
const NO_WRAPPER: [(&str, &str); 7] = [
    ("sched_op_compat", "o"),
    ("event_channel_op_compat", "o"),
    ("physdev_op_compat", "o"),
    ("xenoprof_op", "o"),
    ("tmem_op", "o"),
    ("iret", "r"),
    ("paging_domctl_cont", "x"),
];

/// Hypercalls that the simulator does not answer.
const NOT_SIMULATED: [(&str, &str); 23] = [
    ("set_trap_table", "s"),
    ("mmu_update", "s"),
    ("set_gdt", "s"),
    ("stack_switch", "s"),
    ("set_callbacks", "s"),
    ("fpu_taskswitch", "s"),
    ("set_debugreg", "s"),
    ("get_debugreg", "s"),
    ("update_descriptor", "s"),
    ("update_va_mapping_otherdomain", "s"),
    ("set_segment_base", "s"),
    ("mmuext_op", "s"),
    ("nmi_op", "s"),
    ("callback_op", "s"),
    ("platform_op", "h"),
    ("xsm_op", "h"),
    ("kexec_op", "h"),
    ("xenpmu_op", "h"),
    ("hypfs_op", "h"),
    ("mca", "h"),
    ("argo_op", "g"),
    ("iret", "r"),
    ("paging_domctl_cont", "x"),
];

/// Hypercalls that no kernel of ours makes live, in none of the kinds of guests that have it.
const NOT_LIVE: [(&str, &str); 2] = [("argo_op", "b"), ("paging_domctl_cont", "x")];

/// Sources of what runs in a Linux dom0 and the text that is in it where it makes the hypercall.
const FROM_DOM0: [(&str, &str, &str); 15] = [
    ("memory_op", "tests/dom0/src/scenarios/hypercalls.rs", "memory_op::"),
    ("multicall", "tests/dom0/src/scenarios/hypercalls.rs", "Multicall::new"),
    ("xen_version", "tests/dom0/src/scenarios/hypercalls.rs", "xen_version::"),
    ("grant_table_op", "tests/dom0/src/scenarios/hypercalls.rs", "grant_table_op::"),
    ("event_channel_op", "tests/dom0/src/scenarios/hypercalls.rs", "alloc_unbound"),
    ("platform_op", "tests/dom0/src/scenarios/hypercalls.rs", "platform_op::"),
    ("xsm_op", "tests/dom0/src/scenarios/hypercalls.rs", "xsm_op::"),
    ("kexec_op", "tests/dom0/src/scenarios/hypercalls.rs", "kexec_op::"),
    ("xenpmu_op", "tests/dom0/src/scenarios/hypercalls.rs", "xenpmu_op::"),
    ("mca", "tests/dom0/src/scenarios/hypercalls.rs", "mca::"),
    ("hypfs_op", "tests/dom0/src/scenarios/hypercalls.rs", "hypfs_op::"),
    ("sysctl", "tests/dom0/src/bin/toolstack/machine.rs", "Toolstack"),
    ("domctl", "tests/dom0/src/bin/toolstack/domain.rs", "Toolstack"),
    ("hvm_op", "tests/dom0/src/bin/toolstack/monitor.rs", "hvm_op::"),
    ("dm_op", "tests/dom0/src/bin/toolstack/model.rs", "IoRange"),
];

/// A hypercall, and the kinds of guests that some release has it for: PV, HVM and PVH, Arm.
struct Fact {
    number: u32,
    name: &'static str,
    kinds: [bool; 3],
}

fn facts() -> impl Iterator<Item = Fact> {
    let lines = FACTS.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok()).expect("a number");
        let name = words.next().expect("a name");
        let releases = words.collect::<String>();
        Fact { number, name, kinds: ['p', 'h', 'a'].map(|kind| releases.contains(kind)) }
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn source(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// The sources of a directory that are right in it, with their modules' names.
fn sources(directory: &str) -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join(directory)).expect("the workspace is whole");
    let paths = files.map(|file| file.expect("the workspace is whole").path());
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let named = paths.map(|path| {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("text"))
    });
    named.collect()
}

/// The module of the wrappers of a hypercall.
fn wrapper(tables: &BTreeMap<String, String>, name: &str) -> Option<String> {
    if ["domctl", "sysctl"].contains(&name) {
        return Some("xen-toolstack".to_owned());
    }
    let with_command = format!("hypercall __HYPERVISOR_{name}(");
    let of_own = format!(" call {name}");
    let is_row = |line: &str| {
        let rest = line.split_once(&of_own).map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.starts_with(['(', ' ']))
    };
    let has = |text: &String| text.contains(&with_command) || text.lines().any(is_row);
    // Some hypercalls have several modules.
    let own = tables.get_key_value(name).filter(|(_, text)| has(text));
    let found = own.or_else(|| tables.iter().find(|(_, text)| has(text)));
    found.map(|(module, _)| format!("`{module}`"))
}

/// The reason that a table of exceptions has, marked as one that was needed.
fn reason(
    used: &mut BTreeSet<(&'static str, &'static str)>,
    table: &'static [(&'static str, &'static str)],
    list: &'static str,
    name: &str,
) -> String {
    match table.iter().find(|(known, _)| *known == name) {
        Some((known, letter)) => {
            used.insert((list, known));
            format!("({letter})")
        }
        None => format!("**{name} is neither made nor in {list}**"),
    }
}

/// The modes whose guests are of each kind.
const KINDS: [&[Mode]; 3] = [&[Mode::Pv], &[Mode::Pvh], &[Mode::Native, Mode::On64]];

#[test]
fn every_hypercall_is_made_or_there_is_a_reason() {
    let (tables, dispatch) = (sources("xen-ops/src/hypercall"), source("xen-sim/src/hypercall.rs"));
    // What only a kernel on a processor makes.
    let own = sources("tests/guest/src/pv").into_values().collect::<String>();
    let mut made: [BTreeSet<u32>; 3] = Default::default();
    for row in rows().filter(|row| row.domains == 1) {
        let numbers = simulate(row, "").1.into_iter().map(|(number, _)| number);
        let numbers = numbers.collect::<BTreeSet<_>>();
        for (kind, modes) in KINDS.iter().enumerate() {
            if modes.contains(&row.mode) {
                made[kind].extend(&numbers);
            }
        }
    }
    let mut used = BTreeSet::new();
    let mut lines = vec![
        "| hypercall | wrappers | xen-sim | live PV | live PVH | live Arm | process in dom0 |"
            .to_owned(),
        "|---|---|---|---|---|---|---|".to_owned(),
    ];
    for Fact { number, name, kinds } in facts() {
        let obsolete = NO_WRAPPER.iter().any(|(known, letter)| *known == name && *letter == "o");
        let mut cells = vec![format!("`{name}` ({number})")];
        cells.push(match wrapper(&tables, name) {
            Some(module) => module,
            None => reason(&mut used, &NO_WRAPPER, "NO_WRAPPER", name),
        });
        let is_simulated = dispatch.contains(&format!("__HYPERVISOR_{name} "));
        cells.push(match (is_simulated, obsolete) {
            (true, _) => "yes".to_owned(),
            (_, true) => "(o)".to_owned(),
            _ => reason(&mut used, &NOT_SIMULATED, "NOT_SIMULATED", name),
        });
        let is_in_pv = |end: &str| own.contains(&format!("{name}{end}"));
        let in_pv = ["(", "::", " as ", ";"].into_iter().any(is_in_pv);
        for (kind, has) in kinds.into_iter().enumerate() {
            let is_made = made[kind].contains(&number) || kind == 0 && in_pv;
            cells.push(match (has, is_made) {
                (true, true) => "yes".to_owned(),
                (false, _) => "-".to_owned(),
                (true, false) if obsolete => "(o)".to_owned(),
                (true, false) => reason(&mut used, &NOT_LIVE, "NOT_LIVE", name),
            });
        }
        let from_dom0 = FROM_DOM0.iter().find(|(known, ..)| *known == name);
        cells.push(match from_dom0 {
            Some((_, path, text)) => {
                assert!(source(path).contains(text), "{path} has no {text}");
                "yes".to_owned()
            }
            None if obsolete => "(o)".to_owned(),
            None => dom0_reason(name).to_owned(),
        });
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    let unneeded = [
        ("NO_WRAPPER", &NO_WRAPPER[..]),
        ("NOT_SIMULATED", &NOT_SIMULATED),
        ("NOT_LIVE", &NOT_LIVE),
    ]
    .into_iter()
    .flat_map(|(list, table)| table.iter().map(move |(name, _)| (list, *name)))
    .filter(|exception| !used.contains(exception))
    .collect::<Vec<_>>();
    let text = lines.join("\n");
    lines.clear();
    lines.extend(REASONS.iter().map(|(letter, why)| format!("- ({letter}): {why}.")));
    let idle = REASONS.map(|(letter, _)| letter);
    let idle = idle.into_iter().filter(|letter| !text.contains(&format!("({letter})")));
    let idle = idle.collect::<Vec<_>>();
    let expected = format!("{text}\n\n{}\n", lines.join("\n"));
    let page = source("docs/hypercalls.md");
    assert!(page.contains(&expected), "docs/hypercalls.md should have:\n\n{expected}");
    assert!(unneeded.is_empty(), "exceptions that are none: {unneeded:?}");
    assert!(idle.is_empty(), "nothing is for these reasons: {idle:?}");
    assert!(!text.contains("**"), "without a reason: {text}");
}

/// Why no program of ours makes a hypercall from a Linux dom0.
fn dom0_reason(name: &str) -> &'static str {
    match name {
        "iret" => "(r)",
        "paging_domctl_cont" => "(x)",
        "argo_op" => "(b)",
        "sched_op" | "console_io" => "(e)",
        _ => "(k)",
    }
}
