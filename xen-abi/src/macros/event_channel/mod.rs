//! Where a port's state lies, for both ABIs Xen has for it.
//!
//! Upstream: `xen/include/public/event_channel.h` and `xen.h`, which have the structures and limits
//! but no macros for this.

pub mod fifo;
pub mod two_level;
