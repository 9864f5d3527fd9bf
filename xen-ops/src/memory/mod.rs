//! Memory operations.
pub mod acquire;
mod batch;
mod claim;
mod e820;
mod error;
mod exchange;
mod extents;
mod flags;
mod frame;
mod list;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod machphys;
mod physmap;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod pod;
mod reservation;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
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
pub use extents::{Extents, Short};
pub use flags::MemFlags;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use machphys::{machphys_compat_mfn_list, machphys_mapping, machphys_mfn_list};
pub use physmap::{add_to_physmap, remove_from_physmap};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use pod::{PodTarget, pod_target, set_pod_target};
pub use reservation::{
    MAX_EXTENTS, PopulateError, decrease_reservation, increase_reservation, populate_exactly,
    populate_physmap,
};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use reserved::{Devices, ReservedError, reserved_device_memory_map};
pub use space::{BatchSpace, Space};
pub use values::{
    Pages, current_reservation, maximum_gpfn, maximum_ram_page, maximum_reservation,
    sharing_freed_pages, sharing_shared_pages,
};
pub use vnuma::{Vnuma, VnumaError, VnumaRoom, VnumaSizes, vnuma, vnuma_sizes};

#[cfg(all(test, target_pointer_width = "64"))]
mod tests;
