//! A Xen inside one process.
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

mod config;
mod console;
mod domain;
mod domctl;
mod error;
mod event_channel;
mod faults;
mod grant_table;
mod guest;
mod hvm;
mod hypercall;
mod invariants;
mod machine;
mod memory;
mod mmu;
mod page;
mod physdev;
mod record;
mod sched;
mod state;
mod vcpu;
mod version;
mod xen;

pub use config::{CreateError, DomainConfig, GuestKind, Release, Xsm};
pub use domain::Domain;
pub use faults::Faults;
pub use guest::{GrantFrames, TableError, TableMemory};
pub use page::{GuestPage, GuestTarget, RawTable};
pub use record::HypercallRecord;
pub use state::pins::Pins;
pub use state::vnuma::VnumaTopology;
pub use xen::{Xen, XenBuilder};
