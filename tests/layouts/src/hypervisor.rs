//! Our layouts against those that a hypervisor was compiled with, as its debug information has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use devtools::Arch;
use xen_codegen::import::Source;
use xen_codegen::ir::{Abi, Profile};
use xen_codegen::layout::{Depth, leaves};

use crate::Error;
use crate::dwarf::{self, Extent, Record};

/// Members that a hypervisor sees otherwise than its guests, or that only one of the two has, and the
/// record's size where a member is named that is the hypervisor's alone.
struct Difference {
    /// In which releases.
    releases: &'static [&'static str],
    /// On which architectures.
    archs: &'static [Arch],
    /// The record, as C spells it.
    record: &'static str,
    members: &'static [&'static str],
    reason: &'static str,
}

/// The releases whose hypervisors can be compared.
const ALL: &[&str] = &["4.17", "4.20", "4.21", "4.22"];

const DIFFERENT: [Difference; 8] = [
    Difference {
        releases: ALL,
        archs: &[Arch::X86_64],
        record: "struct buffered_iopage",
        members: &["ptrs", "read_pointer", "write_pointer"],
        reason: "the hypervisor writes both pointers at once",
    },
    Difference {
        releases: ALL,
        archs: &[Arch::X86_64],
        record: "struct vcpu_guest_context",
        members: &["event_callback_cs", "failsafe_callback_cs"],
        reason: "selectors for compat guests stand in the padding",
    },
    Difference {
        releases: &["4.20", "4.21", "4.22"],
        archs: &[Arch::X86_64, Arch::Aarch64],
        record: "struct xen_domctl",
        members: &["u.assign_device"],
        reason: "that member differs",
    },
    Difference {
        releases: &["4.20", "4.21", "4.22"],
        archs: &[Arch::X86_64, Arch::Aarch64],
        record: "struct xen_domctl_assign_device",
        members: &["u.dt.dev"],
        reason: "the hypervisor keeps a pointer of its own",
    },
    Difference {
        releases: &["4.21", "4.22"],
        archs: &[Arch::X86_64, Arch::X86_32],
        record: "struct multicall_entry",
        members: &["args", "unused"],
        reason: "no hypercall has a sixth argument, and the hypervisor ignores the one that guests can give",
    },
    Difference {
        releases: ALL,
        archs: &[Arch::X86_32],
        record: "struct cpu_user_regs",
        members: &[ALIASES],
        reason: "the hypervisor has one name a register",
    },
    Difference {
        releases: ALL,
        archs: &[Arch::X86_32],
        record: "struct vcpu_register_runstate_memory_area",
        members: &["addr.v"],
        reason: COMPAT_ADDRESS,
    },
    Difference {
        releases: ALL,
        archs: &[Arch::X86_32],
        record: "struct vcpu_register_time_memory_area",
        members: &["addr.v"],
        reason: COMPAT_ADDRESS,
    },
];

/// Stands for all members that we alone have.
const ALIASES: &str = "*";

const COMPAT_ADDRESS: &str = "the native structure's address, of which guests use the lower half";

/// What the headers have for the hypervisor alone, by the beginning of the name, with the reason.
const NOT_OURS: [(&str, &str); 6] = [
    ("__compat_handle_", "a handle is a type of its own with us"),
    ("__guest_handle_", "a handle is a type of its own with us"),
    ("struct __HVM_SAVE_TYPE_", "it carries a type and a number in the sizes of its members"),
    ("struct livepatch_", "for the payloads of live patches, which are no guests"),
    ("struct vm_event_", "the private state of a ring"),
    ("union bufioreq_pointers", "the hypervisor writes both pointers at once"),
];

/// A member's place by its path.
type Members = BTreeMap<String, Extent>;

/// What came of a comparison.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Whose layouts.
    pub arch: Arch,
    /// Records of the hypervisor's public headers.
    pub found: usize,
    /// Those of them that are ours too.
    pub compared: usize,
    /// Those in which members differ, all of them known.
    pub excused: usize,
    /// What is wrong: a difference that is not known, a known one that is none, a record that is not
    /// ours.
    pub complaints: Vec<String>,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arch, found, compared, excused, .. } = self;
        write!(
            f,
            "{arch}: {compared} records compared of {found}, {excused} with members of the \
             hypervisor's own"
        )
    }
}

/// Compares the layouts of `source` on `arch` with the hypervisor in `data`, its linked file, whose
/// source has the headers below `root`.
pub fn compare(data: &[u8], root: &str, source: &Source, arch: Arch) -> Result<Compared, Error> {
    let abi = xen_codegen::abi(source, arch, Profile::Tools)?;
    let found = records(data, root)?;
    let mut result =
        Compared { arch, found: found.len(), compared: 0, excused: 0, complaints: Vec::new() };
    let label = source.tree.label.as_str();
    // A release by its series, `4.22` for `4.22.0`.
    let is_of = |release: &&str| {
        let rest = label.strip_prefix(release);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_here = |row: &&Difference| row.archs.contains(&arch) && row.releases.iter().any(is_of);
    let known = || DIFFERENT.iter().filter(is_here);
    let mut different = BTreeSet::new();
    for (c, record) in &found {
        let ours = spellings(c).into_iter().find_map(|c| Some((members(&abi, &c)?, c)));
        let Some(((size, ours), c)) = ours else {
            if !NOT_OURS.iter().any(|(start, _)| c.starts_with(start)) {
                result.complaints.push(format!("{c} is not in our ABI"));
            }
            continue;
        };
        result.compared += 1;
        let theirs: Members = record.leaves.iter().cloned().collect();
        if (size, &ours) == (record.size, &theirs) {
            continue;
        }
        different.insert(c.clone());
        let excused = known().find(|row| row.record == c).map_or(&[][..], |row| row.members);
        let is_excused = |path: &str| {
            let alias = excused.contains(&ALIASES) && !theirs.contains_key(path);
            alias || excused.contains(&path)
        };
        if size != record.size && excused.is_empty() {
            result.complaints.push(format!("{c}: {size:?} bytes, {:?} there", record.size));
        }
        let paths: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for path in paths.into_iter().filter(|path| !is_excused(path)) {
            let (ours, theirs) = (ours.get(path), theirs.get(path));
            if ours != theirs {
                result.complaints.push(format!("{c}.{path}: {ours:?}, {theirs:?} there"));
            }
        }
    }
    for Difference { record, reason, .. } in known().filter(|row| !different.contains(row.record)) {
        result.complaints.push(format!("{record}: there is no difference, though {reason}"));
    }
    result.excused = different.len();
    Ok(result)
}

/// The records with a name whose definitions stand below `root` in the hypervisor's source.
fn records(data: &[u8], root: &str) -> Result<BTreeMap<String, Record>, Error> {
    let header_at =
        |path: &Path| Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned());
    let definitions = dwarf::read(data, &header_at)?;
    let named = definitions.records.into_iter().filter(|record| record.path.is_empty());
    Ok(named.map(|record| (record.c.clone(), record)).collect())
}

/// What the headers may call what the hypervisor calls `c`: `compat_` stands before the name of a
/// structure for 32-bit guests, or for `xen` in it, and since 4.21 `cpu_user_regs` is the hypervisor's own.
fn spellings(c: &str) -> Vec<String> {
    let c = &c.replace("guest_user_regs", "cpu_user_regs");
    match c.split_once("compat_") {
        Some((keyword, name)) if keyword.is_empty() || keyword.ends_with(' ') => {
            ["", "xen_", "xen"].map(|start| format!("{keyword}{start}{name}")).to_vec()
        }
        _ => vec![c.clone()],
    }
}

/// Size and members of the structure or union that C spells `c`.
fn members(abi: &Abi, c: &str) -> Option<(Option<u64>, Members)> {
    let (name, _) = abi.types.iter().find(|(_, ty)| ty.c_name.as_deref() == Some(c))?;
    let size = abi.record(name)?.size;
    let members = leaves(abi, name, Depth::Unnamed).into_iter().map(|leaf| {
        let extent = match leaf.bits {
            Some((first, width)) => Extent::Bits { first, width: width.into() },
            None => Extent::Bytes { offset: leaf.offset, size: leaf.size },
        };
        (leaf.path, extent)
    });
    Some((Some(size), members.collect()))
}
