//! What a PVH guest finds in memory when it starts.

pub use xen_abi::arch_x86::hvm::start_info::*;
