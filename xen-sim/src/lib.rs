#![doc = include_str!("../README.md")]
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

mod abi;
mod config;
mod error;
mod record;
mod refused;
mod state;

mod console;
mod control;
mod dm_op;
mod domctl;
mod event_channel;
mod grant_table;
mod hvm;
mod hypercall;
mod machine;
mod memory;
mod mmu;
mod multicall;
mod physdev;
mod sched;
mod sysctl;
mod vcpu;
mod version;
mod vm_assist;

mod channel;
mod domain;
mod faults;
mod guest;
mod invariants;
mod page;
mod xen;
mod xenstore;

pub use channel::{Channel, PortSet};
pub use config::{CreateError, DomainConfig, GuestKind, Release, Xsm};
pub use domain::Domain;
pub use faults::Faults;
pub use guest::{GrantFrames, TableError, TableMemory};
pub use page::{GuestPage, GuestTarget, RawTable};
pub use record::HypercallRecord;
pub use state::pins::Pins;
pub use state::vnuma::VnumaTopology;
pub use xen::{Xen, XenBuilder};
pub use xenstore::StoreError;
