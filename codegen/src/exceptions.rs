//! Every exception to the generator's rules, in one place, each with its reason.

use devtools::Arch;

use crate::ir::{Int, Location, Profile};

/// Headers that are not read.
const SKIPPED_HEADERS: &[(&str, &str)] =
    &[("dom0_ops.h", "an #error since platform.h took its place")];

/// Headers an architecture's port has no part in.
const SKIPPED_ON: &[(Arch, &str, &str)] = &[
    (Arch::X86_64, "arch-x86/xen-x86_32.h", "of the other word size"),
    (Arch::X86_64, "arch-x86_32.h", "of the other word size"),
    (Arch::X86_32, "arch-x86/xen-x86_64.h", "of the other word size"),
    (Arch::X86_32, "arch-x86_64.h", "of the other word size"),
    (Arch::Riscv64, "callback.h", "its riscv64 part is not written upstream"),
    (Arch::Riscv64, "io/protocols.h", "its riscv64 part is not written upstream"),
    (Arch::Ppc64le, "callback.h", "its ppc64le part is not written upstream"),
    (Arch::Ppc64le, "io/protocols.h", "its ppc64le part is not written upstream"),
];

/// Headers that only a toolstack can read: others get an `#error`.
const TOOLS_ONLY: &[&str] =
    &["domctl.h", "sysctl.h", "arch-x86/xen-mca.h", "kexec.h", "xsm/flask_op.h", "vm_event.h"];

/// Why `header` is not read, if it is not.
pub(crate) fn skipped_header(header: &str, arch: Arch, profile: Profile) -> Option<&'static str> {
    if profile != Profile::Tools && TOOLS_ONLY.contains(&header) {
        return Some("for toolstacks only");
    }
    let always = SKIPPED_HEADERS.iter().find(|(name, _)| *name == header);
    let here = SKIPPED_ON.iter().find(|(on, name, _)| *on == arch && *name == header);
    always.map(|(_, reason)| *reason).or(here.map(|(_, _, reason)| *reason))
}

/// Headers that can only be read through another one.
pub(crate) fn indirect_header(header: &str) -> bool {
    header.starts_with("arch-") && header.ends_with("/hvm/save.h")
}

/// Why a definition is left out that only another architecture or interface version sees.
pub const NOT_TAKEN: &str = "in a branch that this architecture and interface do not take";

/// The architecture's headers that xen.h takes in, for every program that names xen.h alone.
pub(crate) fn reexported(header: &str, by: &str) -> bool {
    const BY_XEN_H: &[&str] = &[
        "arch-arm.h",
        "arch-riscv.h",
        "arch-x86/xen-x86_32.h",
        "arch-x86/xen-x86_64.h",
        "arch-x86/xen.h",
    ];
    by == "xen.h" && BY_XEN_H.contains(&header)
}

/// Object-like macros that are no constant expressions.
const NOT_A_CONSTANT: &[(&str, &str)] = &[
    ("GNTTABOP_error_msgs", "an initialiser list; GrantStatus displays its own text"),
    ("COMPAT_FLEX_ARRAY_DIM", "the empty dimension of a flexible array"),
    ("XEN_FLEX_ARRAY_DIM", "the empty dimension of a flexible array"),
    ("blkif_sector_t", "a type; its integer is in every member that uses it"),
    ("blkif_vdev_t", "a type; its integer is in every member that uses it"),
    ("console_evtchn", "another name, for programs of older interfaces"),
    ("console_mfn", "another name, for programs of older interfaces"),
    ("grant_entry_v1", "another name, for programs of older interfaces"),
    ("grant_entry_v1_t", "another name, for programs of older interfaces"),
    ("xen_add_to_physmap_range", "another name, for programs of older interfaces"),
    ("GUEST_RAM_BANK_BASES", "an initialiser list of the GUEST_RAMn_BASE"),
    ("GUEST_RAM_BANK_SIZES", "an initialiser list of the GUEST_RAMn_SIZE"),
    ("XENPV_FLEX_ARRAY_DIM", "the empty dimension of a flexible array"),
    ("XEN_SMCCC_UID", "a compound literal; xen_abi::macros has it as bytes"),
    ("SSSC_SMCCC_UID", "a compound literal; xen_abi::macros has it as bytes"),
    ("machine_to_phys_mapping", "a pointer; its address is MACH2PHYS_VIRT_START"),
    ("xen_vga_console_info", "another name of the type dom0_vga_console_info"),
    ("xen_vga_console_info_t", "another name of the type dom0_vga_console_info_t"),
    ("xen_wc_sec_hi", "another name of the member wc_sec_hi"),
    ("xenpf_settime", "another name of the type xenpf_settime64"),
    ("xenpf_settime_t", "another name of the type xenpf_settime64_t"),
    ("int64_aligned_t", "a type; its alignment is in every member that uses it"),
    ("uint64_aligned_t", "a type; its alignment is in every member that uses it"),
];

/// Why the object-like macro `name` is no constant, if it is none.
pub(crate) fn not_a_constant(name: &str) -> Option<&'static str> {
    NOT_A_CONSTANT.iter().find(|(known, _)| *known == name).map(|(_, reason)| *reason)
}

/// The place of enumerators whose enumeration has no name.
pub(crate) fn anonymous_enum(enumerator: &str) -> Option<Location> {
    let header = match enumerator {
        _ if enumerator.starts_with("XEN_X86_FEATURE_") => "arch-x86/cpufeatureset.h",
        _ => return None,
    };
    Some(Location { header: header.to_owned(), line: 1 })
}

/// A program's own state that happens to be declared in a header: never shared, full of pointers.
const PRIVATE_SUFFIXES: &[&str] = &["_front_ring", "_back_ring"];

/// Why the type `name` is left out, if it is.
pub(crate) fn private_type(name: &str) -> Option<&'static str> {
    let private = PRIVATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    private.then_some("a ring end's private state: pointers that never cross the ABI")
}

/// Typedefs that are types of their own, one for each architecture since their widths differ.
const NEWTYPES: &[&str] = &["xen_pfn_t"];

/// Whether the typedef `name` becomes a type of its own.
pub(crate) fn is_newtype(name: &str) -> bool {
    NEWTYPES.contains(&name)
}

/// Types written by hand in `xen-abi`, the same on every architecture: C's name, or ours where C has
/// a bare integer; the Rust type; its integer.
const SHARED: &[(&str, &str, Int)] = &[
    ("domid_t", "domid_t", U16),
    ("grant_ref_t", "grant_ref_t", U32),
    ("grant_handle_t", "grant_handle_t", U32),
    ("evtchn_port_t", "evtchn_port_t", U32),
    ("xen_errno", "Errno", U32),
    ("GrantStatus", "GrantStatus", I16),
];

const I16: Int = Int { signed: true, bytes: 2, align: 2 };
const I32: Int = Int { signed: true, bytes: 4, align: 4 };
const U16: Int = Int { signed: false, bytes: 2, align: 2 };
const U32: Int = Int { signed: false, bytes: 4, align: 4 };

/// The hand-written type that takes the place of `name`.
pub(crate) fn shared(name: &str) -> Option<(&'static str, Int)> {
    SHARED.iter().find(|(known, ..)| *known == name).map(|(_, rust, int)| (*rust, *int))
}

/// The header a type of ours belongs to, where C has no name for it.
pub(crate) const OWN_TYPES: &[(&str, &str)] = &[("GrantStatus", "grant_table.h")];

/// Members whose bare integer C type has a typed counterpart.
pub(crate) const TYPED_MEMBERS: &[(&str, &str, &str)] = &[
    ("gnttab_map_grant_ref", "status", "GrantStatus"),
    ("gnttab_unmap_grant_ref", "status", "GrantStatus"),
    ("gnttab_setup_table", "status", "GrantStatus"),
    ("gnttab_dump_table", "status", "GrantStatus"),
    ("gnttab_transfer", "status", "GrantStatus"),
    ("gnttab_copy", "status", "GrantStatus"),
    ("gnttab_query_size", "status", "GrantStatus"),
    ("gnttab_unmap_and_replace", "status", "GrantStatus"),
    ("gnttab_get_status_frames", "status", "GrantStatus"),
    ("gnttab_swap_grant_ref", "status", "GrantStatus"),
    ("gntdev_grant_copy_segment", "status", "GrantStatus"),
    ("xsd_sockmsg", "type_", "xsd_sockmsg_type"),
];

/// Constants that are values of a newtype, by prefix.
const TYPED_CONSTANTS: &[(&str, &str)] = &[("GNTST_", "GrantStatus"), ("DOMID_", "domid_t")];

/// The newtype the macro `name` is a value of.
pub(crate) fn newtype_of(name: &str) -> Option<&'static str> {
    let found = TYPED_CONSTANTS.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map(|(_, newtype)| *newtype)
}

/// Macros that C makes an `int`, by prefix, with the type of the member they go into.
const SIZED_CONSTANTS: &[(&str, Int)] = &[
    ("BLKIF_RSP_", I16),
    // C makes them as wide as a size, the kernel takes an unsigned int.
    ("IOCTL_", U32),
    ("NETIF_RSP_", I16),
    ("USBIF_STATUS_", I32),
    ("XEN_PCI_ERR_", I32),
];

/// The type of the constant `name` in Rust, where it is not simply C's.
pub(crate) fn sized_constant(name: &str) -> Option<Int> {
    SIZED_CONSTANTS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, int)| *int)
}
