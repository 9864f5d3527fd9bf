//! Upstream's function-like macros as `const fn`, and the arithmetic its comments only describe.
//!
//! One module for each header or topic, the functions named after their macros in lower case, less
//! what the module's name says already. A macro that stores through a pointer becomes a function from
//! the old value to the new one, and one that returns a pointer becomes the offset. No input makes any
//! of them panic: what C leaves undefined or lets run into a neighbouring field is `None`, masked or
//! saturated, as its documentation says. Macros without a counterpart are in `codegen`'s table with the
//! reason.
//!
//! Where word sizes differ between architectures the function is generic over [`Word`], so that a
//! 64-bit toolstack can use it for a 32-bit guest.

// The constants that these functions use come from the host's generated modules.
#![cfg(any(
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "x86",
    target_arch = "x86_64"
))]

mod slot;
mod word;

pub use slot::{FRAME_SIZE, Slot};
pub use word::Word;

#[cfg(feature = "io")]
#[cfg_attr(docsrs, doc(cfg(feature = "io")))]
pub mod console;
pub mod cpuid;
pub mod cr3;
#[cfg(feature = "toolstack")]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod dm_op;
#[cfg(feature = "toolstack")]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod domctl;
pub mod event_channel;
pub mod grant_table;
pub mod hvm;
#[cfg(feature = "hvm")]
#[cfg_attr(docsrs, doc(cfg(feature = "hvm")))]
pub mod hvm_save;
pub mod memory;
#[cfg(feature = "io")]
#[cfg_attr(docsrs, doc(cfg(feature = "io")))]
pub mod page_ring;
#[cfg(feature = "hvm")]
#[cfg_attr(docsrs, doc(cfg(feature = "hvm")))]
pub mod pvdrivers;
pub mod ring;
pub mod smccc;
#[cfg(feature = "toolstack")]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod trace;
pub mod trap_info;
#[cfg(feature = "io")]
#[cfg_attr(docsrs, doc(cfg(feature = "io")))]
pub mod usbif;
pub mod vcpu;
#[cfg(feature = "io")]
#[cfg_attr(docsrs, doc(cfg(feature = "io")))]
pub mod vscsiif;
pub mod xen;
#[cfg(feature = "toolstack")]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod xen_mca;
#[cfg(feature = "io")]
#[cfg_attr(docsrs, doc(cfg(feature = "io")))]
pub mod xs_wire;
