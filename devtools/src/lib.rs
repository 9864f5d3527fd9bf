//! What the generator, the tests and `xtask` share about architectures and about the tools installed
//! on this machine.
//!
//! | item | what it is |
//! |---|---|
//! | [`Arch`] | an architecture of Xen's ABI, with its name in each tool |
//! | [`compilers()`] | the C compilers of each architecture |
//! | [`libclang::find`] | the libclang that the generator uses |
//! | [`has_target`] | whether a target's core library for Rust is installed |
//! | [`copy_directory`] | a copy of a directory and all below it |
//! | [`html`] | links in pages that a generator wrote |
//! | [`Table`] | a table on standard output |
//!
//! Nothing that a user links depends on this crate.

pub mod html;
pub mod libclang;

mod arch;
mod compilers;
mod copy;
mod program;
mod rust;
mod table;

pub use arch::{Arch, UnknownArch};
pub use compilers::{Compiler, Family, compilers};
pub use copy::copy_directory;
pub use program::{answer, succeeds};
pub use rust::has_target;
pub use table::Table;
