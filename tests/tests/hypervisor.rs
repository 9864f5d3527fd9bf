//! Our layouts against those that a hypervisor was compiled with: the debug information of Debian's
//! own build, which has the structures of 32-bit guests (compat) too.
#![cfg(feature = "headers")]

use std::collections::{BTreeMap, BTreeSet};

use xen_abi_tests::dwarf::{self, Extent, Record};
use xen_abi_tests::release;
use xen_codegen::arch::Arch;
use xen_codegen::ir::{Abi, Profile};
use xen_codegen::layout::{Depth, leaves};
use xen_headers::{Options, symbols};

/// What the hypervisor sees otherwise than its guests: members that differ or that only one of the
/// two has, and the size where a member is named that is the hypervisor's alone; with the reason.
const DIFFERENT: [(Arch, &str, &[&str], &str); 7] = [
    (
        Arch::X86_64,
        "struct buffered_iopage",
        &["ptrs", "read_pointer", "write_pointer"],
        "the hypervisor writes both pointers at once",
    ),
    (
        Arch::X86_64,
        "struct vcpu_guest_context",
        &["event_callback_cs", "failsafe_callback_cs"],
        "selectors for compat guests stand in the padding",
    ),
    (Arch::X86_64, "struct xen_domctl", &["u.assign_device"], "that member differs"),
    (
        Arch::X86_64,
        "struct xen_domctl_assign_device",
        &["u.dt.dev"],
        "the hypervisor keeps a pointer of its own",
    ),
    (Arch::X86_32, "struct cpu_user_regs", &[ALIASES], "the hypervisor has one name a register"),
    (Arch::X86_32, "struct vcpu_register_runstate_memory_area", &["addr.v"], COMPAT_ADDRESS),
    (Arch::X86_32, "struct vcpu_register_time_memory_area", &["addr.v"], COMPAT_ADDRESS),
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

#[test]
fn layouts_are_those_the_hypervisor_was_compiled_with() {
    let known = symbols().first().expect("one is pinned");
    let image = known.obtain(&Options::from_env()).expect("the package");
    let data = std::fs::read(&image.path).expect("the image is in the cache");
    let source = release(&known.release).expect("headers");
    for (arch, root, minimum) in
        [(Arch::X86_64, "./include/public", 400), (Arch::X86_32, "./include/compat", 85)]
    {
        let abi = xen_codegen::abi(&source, arch, Profile::Tools).expect("the headers import");
        let found = records(&data, root);
        let (mut compared, mut different, mut unknown) = (0, BTreeSet::new(), Vec::new());
        for (c, record) in &found {
            let ours = spellings(c).into_iter().find_map(|c| Some((members(&abi, &c)?, c)));
            let Some((ours, c)) = ours else {
                unknown.push(c);
                continue;
            };
            compared += 1;
            let theirs: Members = record.leaves.iter().cloned().collect();
            if ours == (record.size, theirs.clone()) {
                continue;
            }
            different.insert(c.clone());
            let row = DIFFERENT.iter().find(|row| row.0 == arch && row.1 == c);
            let excused = row.map_or(&[][..], |row| row.2);
            let is_excused = |path: &str| {
                let alias = excused.contains(&ALIASES) && !theirs.contains_key(path);
                alias || excused.contains(&path)
            };
            let paths: BTreeSet<_> = ours.1.keys().chain(theirs.keys()).collect();
            for path in paths.into_iter().filter(|path| !is_excused(path)) {
                assert_eq!(ours.1.get(path), theirs.get(path), "{arch}: {c}.{path}");
            }
        }
        unknown.retain(|c| !NOT_OURS.iter().any(|(start, _)| c.starts_with(start)));
        eprintln!(
            "{arch}: {compared} records compared of {}, {} with members of the hypervisor's own",
            found.len(),
            different.len()
        );
        let expected = DIFFERENT.iter().filter(|row| row.0 == arch).map(|row| row.1.to_owned());
        // Each with no other members than the table has.
        assert_eq!(different, expected.collect(), "{arch}: other differences than known");
        assert!(unknown.is_empty(), "{arch}: {unknown:?} are not in our ABI");
        assert!(compared >= minimum, "{arch}: only {compared} records were found");
    }
}

/// The records with a name whose definitions stand below `root` in the hypervisor's source.
fn records(data: &[u8], root: &str) -> BTreeMap<String, Record> {
    let definitions = dwarf::read(data, &|path| {
        Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned())
    })
    .expect("debug information");
    let named = definitions.records.into_iter().filter(|record| record.path.is_empty());
    named.map(|record| (record.c.clone(), record)).collect()
}

/// What the headers may call what the hypervisor calls `c`: `compat_` stands before the name of a
/// structure for 32-bit guests, or for `xen` in it.
fn spellings(c: &str) -> Vec<String> {
    match c.split_once("compat_") {
        Some((keyword, name)) if keyword.is_empty() || keyword.ends_with(' ') => {
            ["", "xen_", "xen"].map(|start| format!("{keyword}{start}{name}")).to_vec()
        }
        _ => vec![c.to_owned()],
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
