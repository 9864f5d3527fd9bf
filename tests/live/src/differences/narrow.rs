//! What a 32-bit guest of x86 sees otherwise than a 64-bit PVH guest.
//!
//! Xen reads the arguments of 32-bit code by functions of its own, which turn them into those of 64 bits, in an
//! area of a few pages. Upstream: `xen/arch/x86/hvm/hypercall.c` says which those are, `xen/common/compat` and
//! `xen/arch/x86/x86_64/compat/mm.c` have them.

use super::difference::{Difference, EINVAL, ENOSYS, EOPNOTSUPP, OK, UNTOUCHED, Where, ZERO};
use crate::Arch;

fn is_narrow(at: Where) -> bool {
    at.arch == Arch::X86_32
}

/// See [`super`]; these come after those of releases.
pub(super) const NARROW: &[Difference] = &[
    Difference {
        place: is_narrow,
        scenario: "gnttab-batch",
        steps: &[
            ("copy, torn, byte 80", ZERO_BYTE),
            ("copy, torn, status 1", UNTOUCHED),
            ("copy, torn, status 2", UNTOUCHED),
        ],
        reason: "compat_grant_table_op reads all elements that the area has space for before it makes a copy",
    },
    Difference {
        place: is_narrow,
        scenario: "gnttab-entry",
        steps: &[("setup_table, count 0", ZERO)],
        reason: "compat_grant_table_op goes through no elements, and looks at the count in each",
    },
    Difference {
        place: is_narrow,
        scenario: "gnttab-table",
        steps: &[("setup_table, bad list, status", Some("GNTST_okay"))],
        reason: "the list is written after the status was copied, and its failure is noted in Xen's own structure",
    },
    Difference {
        place: is_narrow,
        scenario: "memory",
        steps: &[
            ("add_to_physmap, grant_table, no frame", OK),
            ("add_to_physmap_batch, no frame", OK),
            ("add_to_physmap_batch, no frame, its own error", ZERO),
            ("remove_from_physmap, no frame", OK),
        ],
        reason: "32 bits that are all set are a frame number like any other in 64 bits",
    },
    Difference {
        place: is_narrow,
        scenario: "memory-physmap",
        steps: &[
            ("add_to_physmap_batch, the second has no place", OK),
            ("add_to_physmap_batch, the second has no place, error 2", ZERO),
            ("add_to_physmap_batch, the second has no place, error 3", ZERO),
        ],
        reason: "as above",
    },
    Difference {
        place: is_narrow,
        scenario: "memory-physmap",
        steps: &[("move, a range beyond all numbers", Some("-EACCES"))],
        reason: "so is an index: the range does not end beyond all numbers, and nothing is there",
    },
    Difference {
        place: |at| is_narrow(at) && at.before(20),
        scenario: "memory-physmap",
        steps: &[("move, a range beyond all numbers", EINVAL)],
        reason: "where nothing is there was no page; now there is one that may not be moved",
    },
    Difference {
        place: is_narrow,
        scenario: "memory-physmap",
        steps: &[("add_to_physmap_batch, torn, error 1", Some("77"))],
        reason: "compat_memory_op reads all indices and frames before it places one",
    },
    Difference {
        place: is_narrow,
        scenario: "memory",
        steps: &[("claim_pages, DOMID_SELF", ENOSYS)],
        reason: "compat_memory_op does not have the operation",
    },
    Difference {
        place: is_narrow,
        scenario: "memory-extents",
        steps: &[("claim_pages, *", ENOSYS), ("claim_pages, pages that came by it", ZERO)],
        reason: "as above",
    },
    Difference {
        place: is_narrow,
        scenario: "memory-extents",
        steps: &[("increase_reservation, frames that it told", Some("2"))],
        reason: "compat_memory_op copies the list back from the area, where an earlier call has left the frames",
    },
    Difference {
        place: |at| is_narrow(at) && !at.before(17),
        scenario: "memory",
        steps: &[("reserved_device_memory_map", Some("-ENOBUFS"))],
        reason: "its get_reserved_device_memory counts a device that the IOMMU driver only asks about",
    },
    Difference {
        place: |at| is_narrow(at) && !at.before(17),
        scenario: "memory-tables",
        steps: &[("machphys_mfn_list*", EOPNOTSUPP), ("machphys_mfn_list, extents", ZERO)],
        reason: "the table is that of 32-bit PV guests, for which Debian's hypervisors are not built",
    },
    Difference {
        place: |at| is_narrow(at) && at.before(17),
        scenario: "version",
        steps: &[("platform_parameters, virt_start", Some("0xffffffff"))],
        reason: "where Xen's part would begin, had a translated guest one",
    },
    Difference {
        place: |at| is_narrow(at) && at.before(17),
        scenario: "vcpu",
        steps: &[("register_vcpu_time_memory_area", ENOSYS)],
        reason: "arch_compat_vcpu_op did not have the operation",
    },
];

const ZERO_BYTE: Option<&str> = Some("0x0");
