//! Memory operations: the reservation, the guest-physical map, other domains' resources, memory
//! maps.
//!
//! Each function is one `XENMEM_*` operation of `memory.h`. The results differ as those of the
//! operations do: some return an error number, some a count that is never one, some succeed although
//! every element failed.
//!
//! | C operation | here | what its result means |
//! |---|---|---|
//! | `XENMEM_add_to_physmap` | [`add_to_physmap`] | done, or an error number; a [`Space`] has the index that goes with it |
//! | `XENMEM_add_to_physmap_batch` | [`add_to_physmap_batch`] | [`Placed`]: the call's result, and one for each entry |
//! | `XENMEM_remove_from_physmap` | [`remove_from_physmap`] | done, or an error number |
//! | `XENMEM_populate_physmap` | [`populate_physmap`] | [`Extents`]: how many are done, without a reason for the rest |
//! | | [`populate_exactly`] | all extents, or none: if Xen falls short, what it populated is returned to it |
//! | `XENMEM_increase_reservation` | [`increase_reservation`] | [`Extents`] |
//! | `XENMEM_decrease_reservation` | [`decrease_reservation`] | [`Extents`] |
//! | `XENMEM_exchange` | [`exchange`](exchange()) | done, or an error number and how many are exchanged already |
//! | `XENMEM_maximum_ram_page` | [`maximum_ram_page`] | a machine frame |
//! | `XENMEM_maximum_gpfn` | [`maximum_gpfn`] | a guest frame, or an error number |
//! | `XENMEM_current_reservation` | [`current_reservation`] | [`PageCount`], or an error number |
//! | `XENMEM_maximum_reservation` | [`maximum_reservation`] | [`PageCount`], or an error number |
//! | `XENMEM_get_sharing_*_pages` | [`sharing_freed_pages`], [`sharing_shared_pages`] | [`PageCount`] |
//! | `XENMEM_acquire_resource` | [`acquire::size`] | frames, or an error number |
//! | | [`acquire::map`], [`acquire::machine_frames`] | all frames, or none: what is mapped when it fails is removed |
//! | `XENMEM_memory_map` | [`memory_map`] | [`MemoryMap`]: the entries that fitted, and whether they are all |
//! | `XENMEM_reserved_device_memory_map` | [`reserved_device_memory_map`] | all ranges, or how many there are |
//! | `XENMEM_get_vnumainfo` | [`vnuma_sizes`], [`vnuma`](vnuma()) | the topology, or its size |
//! | `XENMEM_claim_pages` | [`claim_pages`] | done, or an error number |
//!
//! On x86 only:
//!
//! | C operation | here | what its result means |
//! |---|---|---|
//! | `XENMEM_machine_memory_map` | `machine_memory_map` | all entries, or an error number |
//! | `XENMEM_set_memory_map` | `set_memory_map` | done, or an error number |
//! | `XENMEM_machphys_mfn_list`, `_compat_mfn_list` | `machphys_mfn_list`, `machphys_compat_mfn_list` | the frames that fitted |
//! | `XENMEM_machphys_mapping` | `machphys_mapping` | where it is |
//! | `XENMEM_set_pod_target`, `XENMEM_get_pod_target` | `set_pod_target`, `pod_target` | what the domain has, or an error number |
//!
//! What introspection and paging tools use (`XENMEM_paging_op`, `XENMEM_access_op`,
//! `XENMEM_sharing_op`) is in [`hypercall::memory_op`](crate::hypercall::memory_op) only, where all
//! of the above are too, closer to C.
//!
//! # Units
//!
//! Frame numbers count frames of [`PAGE_SIZE`](crate::page::PAGE_SIZE) bytes; an extent of order
//! `n` is 2 to the power `n` such pages in a row. In a translated guest (HVM, PVH, Arm) frames are
//! guest frames, in a PV guest machine frames, unless the function says otherwise.
//!
//! # What is unsafe
//!
//! These operations change which memory is at a guest frame, or remove it. Rust cannot track that for
//! the caller's own memory. Such functions are unsafe, and require that nothing relies on the memory
//! concerned. Functions that only query are safe, and so are those that fill a borrowed slice. A type
//! that owns a page can do the same safely, as [`Ballooned`](crate::gnttab::target::Ballooned) does.
//!
//! [`zephyr`](crate::zephyr) has the calls of Zephyr's headers beside these.

pub mod acquire;
mod batch;
mod claim;
mod e820;
mod error;
mod exchange;
mod extents;
mod flags;
mod foreign;
mod frame;
mod list;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod machphys;
mod physmap;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod pod;
mod reservation;
mod reserved;
mod space;
mod values;
mod vnuma;

pub use batch::{BatchError, Failure, FailureCause, Placed, UNTOUCHED, add_to_physmap_batch};
pub use claim::claim_pages;
pub use e820::{E820Entry, E820Kind, MemoryMap, memory_map};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use e820::{machine_memory_map, set_memory_map};
pub use error::Error;
pub use exchange::{ExchangeError, Give, Take, exchange};
pub use extents::{Extents, Shortfall};
pub use flags::MemFlags;
pub use foreign::ForeignMemory;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use machphys::{machphys_compat_mfn_list, machphys_mapping, machphys_mfn_list};
pub use physmap::{add_to_physmap, remove_from_physmap};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use pod::{PodTarget, pod_target, set_pod_target};
pub use reservation::{
    MAX_EXTENTS, PopulateError, decrease_reservation, increase_reservation, populate_exactly,
    populate_physmap,
};
pub use reserved::{Devices, ReservedError, reserved_device_memory_map};
pub use space::{BatchSpace, Space};
pub use values::{
    PageCount, current_reservation, maximum_gpfn, maximum_ram_page, maximum_reservation,
    sharing_freed_pages, sharing_shared_pages,
};
pub use vnuma::{Vnuma, VnumaBuffers, VnumaError, VnumaSizes, vnuma, vnuma_sizes};
