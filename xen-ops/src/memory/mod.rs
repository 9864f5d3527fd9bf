//! Memory operations.
pub mod acquire;
mod batch;
mod door;
mod e820;
mod error;
mod exchange;
mod extents;
mod flags;
mod frame;
mod list;
mod machphys;
mod physmap;
mod reservation;
mod reserved;
mod space;
mod toolstack;
mod values;
mod vnuma;

pub use batch::{BatchError, Failure, FailureCause, Placed, UNTOUCHED, add_to_physmap_batch};
pub use e820::{E820Entry, E820Kind, MemoryMap, machine_memory_map, memory_map, set_memory_map};
pub use error::Error;
pub use exchange::{ExchangeError, Give, Take, exchange};
pub use extents::{Extents, Short};
pub use flags::MemFlags;
pub use machphys::{machphys_compat_mfn_list, machphys_mapping, machphys_mfn_list};
pub use physmap::{add_to_physmap, remove_from_physmap};
pub use reservation::{
    MAX_EXTENTS, PopulateError, decrease_reservation, increase_reservation, populate_exactly,
    populate_physmap,
};
pub use reserved::{Devices, ReservedError, reserved_device_memory_map};
pub use space::{BatchSpace, Space};
pub use toolstack::{PodTarget, claim_pages, pod_target, set_pod_target};
pub use values::{
    Pages, current_reservation, maximum_gpfn, maximum_ram_page, maximum_reservation,
    sharing_freed_pages, sharing_shared_pages,
};
pub use vnuma::{Vnuma, VnumaError, VnumaRoom, VnumaSizes, vnuma, vnuma_sizes};

#[cfg(test)]
mod tests;
