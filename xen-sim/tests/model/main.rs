//! The model against what is known of Xen: every check in its order, every status and error number.

mod support;

mod copy;
mod events;
mod faults;
mod guest;
mod ledger;
mod live;
mod map;
mod mapping;
mod memory;
mod order;
mod physmap;
mod random;
mod table;
mod threads;
mod transfer;
mod zephyr;
