//! Backends: types that issue hypercalls.
//!
//! | guest | backend | constructor |
//! |---|---|---|
//! | x86, HVM and PVH | `x86::Hvm` | `x86::Hvm::detect` |
//! | x86, PV | `x86::HypercallPage` | the page that the ELF note `XEN_ELFNOTE_HYPERCALL_PAGE` names |
//! | x86, HVM and PVH, by a page | `x86::HypercallPage` | `x86::HypercallPage::enable` |
//! | aarch64, arm | `arm::Hvc` | `arm::Hvc::new` |
//! | Linux, user space | `xen_linux::privcmd::Privcmd` | its `open` |
//! | none: a test | [`Script`], [`Recorder`] | their constructors |
//!
//! Each one for kernels passes number and arguments in the registers of Xen's calling convention, does
//! not touch the registers of arguments that a hypercall does not have, and treats those of the arguments
//! that it has as overwritten: debug builds of Xen do overwrite them.

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub mod arm;
mod recorder;
mod script;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod x86;

pub use recorder::{Call, Recorder};
pub use script::Script;
