//! The simulator behaves as Xen does: every check in its order, every status and error number.

mod support;

mod answers;
mod calls;
mod check_order;
mod continuations;
mod copy;
mod error_coverage;
mod events;
mod faults;
mod guest;
mod ioreq;
mod live;
mod map;
mod mapping;
mod memory;
mod on_demand;
mod physmap;
mod random_operations;
mod releases;
mod table;
mod threads;
mod transfer;
mod zephyr;
