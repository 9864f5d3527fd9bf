//! A Xen inside one process.
//!
//! [`Xen`] is a machine; [`Xen::domain`] creates domains in it, whose hypercalls are answered as the
//! real Xen answers them: the same checks in the same order, the same statuses and error numbers.
//! Memory that domains share is really shared between threads.
//!
//! ```
//! use xen_sim::{DomainConfig, GuestKind, Xen};
//! use xen_ops::page::Page as _;
//!
//! let xen = Xen::new();
//! let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
//! let page = guest.page().unwrap();
//! assert_eq!(guest.machine_frame(page.frame().0), Some(0x1000));
//! ```
//!
//! # What is not modelled
//!
//! - Caches, TLBs, and page tables but for single entries of PV guests: read-only mappings can be
//!   written, `GNTMAP_contains_pte` finds no entry, `GNTTABOP_cache_flush` checks its arguments only.
//! - Frames that are no memory: devices, and what else a domain may map without owning it.
//! - Sharing, paging and populating on demand by themselves; [`Faults::eagain`] stands for them.
//! - Continuations: a hypercall is never interrupted, so nobody sees one half done.
//! - More than one vCPU a domain, and pending bits in the shared information page.
//!
//! A hypercall argument that points nowhere cannot be told from a good one, but for null and what
//! [`Faults::absent`] names: it crashes the process, as it would a guest.
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

mod config;
mod domain;
mod error;
mod events;
mod faults;
mod frames;
mod grant;
mod guest;
mod guest_access;
mod invariants;
mod machine;
mod memory;
mod other;
mod p2m;
mod page;
mod state;
mod transcript;

pub use config::{CreateError, DomainConfig, GuestKind, Release, Xsm};
pub use domain::Domain;
pub use faults::Faults;
pub use grant::pin::Pins;
pub use guest::{Frames, Storage, TableError};
pub use machine::{Builder, Xen};
pub use memory::map::Vnuma;
pub use page::{MapTarget, Page, Table};
pub use transcript::Call;
