//! Backends: the ways to a hypervisor.
//!
//! | guest | backend | how it is had |
//! |---|---|---|
//! | x86, HVM and PVH | `x86::Hvm` | `x86::Hvm::detect` |
//! | x86, PV | `x86::HypercallPage` | the page that the ELF note `XEN_ELFNOTE_HYPERCALL_PAGE` names |
//! | x86, HVM and PVH, by a page | `x86::HypercallPage` | `x86::HypercallPage::enable` |
//! | aarch64, arm | `arm::Hvc` | `arm::Hvc::new` |
//! | Linux, user space | `xen_linux::privcmd::Privcmd` | its `open` |
//! | none: a test | [`Script`], [`Recorder`] | their constructors |
//!
//! Each but that of user space passes number and arguments in the registers of Xen's calling convention, leaves alone the
//! registers of arguments that a hypercall does not have, and takes those of the arguments that it has
//! for overwritten: builds of Xen for debugging do overwrite them.

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub mod arm;
mod recorder;
mod script;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod x86;

pub use recorder::{Call, Recorder};
pub use script::Script;
