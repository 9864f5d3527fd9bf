//! The scenarios.

mod assist;
mod compat;
mod console;
mod control;
mod events;
mod events_fifo;
mod events_set;
mod gnttab_batch;
mod gnttab_changed;
mod gnttab_copy;
mod gnttab_entry;
mod gnttab_limits;
mod gnttab_map;
mod gnttab_pv;
mod gnttab_table;
mod gnttab_v2;
mod host;
mod hvm;
mod library;
mod memory;
mod memory_exchange;
mod memory_extents;
mod memory_physmap;
mod memory_tables;
mod mmu;
mod multicall;
mod physdev;
mod pv;
mod sched;
mod vcpu;
mod version;

use crate::random;
use crate::{Guest, Run};

/// A scenario.
pub(crate) type Scenario<G> = fn(&mut Run<'_, G>);

macro_rules! scenarios {
    ($($name:literal $module:ident::$function:ident;)*) => {
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        pub(crate) fn all<G: Guest>() -> [(&'static str, Scenario<G>); NAMES.len()] {
            [$(($name, $module::$function::<G>)),*]
        }
    };
}

scenarios! {
    "version" version::version;
    "console" console::console;
    "sched" sched::sched;
    "events" events::events;
    "events-set" events_set::set;
    "events-fifo" events_fifo::fifo;
    "hvm" hvm::hvm;
    "library" library::library;
    "gnttab-entry" gnttab_entry::entry;
    "gnttab-map" gnttab_map::map_and_unmap;
    "gnttab-copy" gnttab_copy::copy;
    "gnttab-batch" gnttab_batch::batch;
    "gnttab-limits" gnttab_limits::limits;
    "gnttab-pv" gnttab_pv::pv;
    "gnttab-table" gnttab_table::table;
    "gnttab-changed" gnttab_changed::changed;
    "gnttab-v2" gnttab_v2::v2;
    "memory" memory::memory;
    "memory-extents" memory_extents::extents;
    "memory-exchange" memory_exchange::exchange;
    "memory-physmap" memory_physmap::physmap;
    "memory-tables" memory_tables::tables;
    "multicall" multicall::multicall;
    "assist" assist::assist;
    "control" control::control;
    "host" host::host;
    "physdev" physdev::physdev;
    "mmu" mmu::mmu;
    "pv" pv::pv;
    "vcpu" vcpu::vcpu;
    "compat" compat::compat;
    "random" random::random;
}
