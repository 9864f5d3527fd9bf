//! What Xen tells a kernel when it starts it.
//!
//! | guest | structure | reader |
//! |---|---|---|
//! | PVH | `hvm_start_info`, whose physical address is in `ebx` | [`HvmStartInfo`] |
//! | PV | `start_info`, whose virtual address is in `rsi` | [`PvStartInfo`] |
//! | Arm | a device tree | [`DeviceTree`](crate::device_tree::DeviceTree) |
//!
//! The readers believe nothing: every address and every count is checked against the [`Memory`] that they
//! read. What is wrong is a [`StartInfoError`], never a panic.

mod error;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
mod hvm;
mod memory;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
mod pv;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

pub use error::StartInfoError;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
pub use hvm::{HvmStartInfo, MAX_MEMORY_RANGES, MAX_MODULES, MemoryRange, Module};
pub use memory::{IdentityMapped, Memory, Range};
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
pub use pv::{FrameList, PvStartInfo, StartRing};

/// The longest command line that is read, in bytes.
pub const MAX_COMMAND_LINE: usize = 4096;

/// The text at an address, up to its zero byte.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn text<'m>(
    memory: &impl Memory<'m>,
    what: &'static str,
    address: u64,
) -> Result<&'m str, StartInfoError> {
    // Memory may end before the longest text does.
    let found = (0..MAX_COMMAND_LINE as u64).try_fold((), |(), length| {
        match memory.bytes(address.saturating_add(length), 1) {
            Some([0]) => Err(Ok(length)),
            Some(_) => Ok(()),
            None => Err(Err(StartInfoError::Unreadable { what, address, length: length + 1 })),
        }
    });
    let length = match found {
        Ok(()) => return Err(StartInfoError::NotTerminated { what, address }),
        Err(length) => length?,
    };
    let bytes = memory.bytes(address, length);
    let bytes = bytes.ok_or(StartInfoError::Unreadable { what, address, length })?;
    core::str::from_utf8(bytes).map_err(|_| StartInfoError::NotText { what, address })
}
