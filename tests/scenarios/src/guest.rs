//! What a scenario needs of the guest that it runs in.

use core::fmt;

use xen_abi::xen::domid_t;
use xen_ops::hypercall::Hypercall;
use xen_ops::page::Page;

/// What kind of guest this is, as far as Xen's answers depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Paravirtualised x86: it knows machine frames.
    Pv,
    /// Translated x86.
    Pvh,
    /// Arm, translated too.
    Arm,
}

/// A guest that scenarios can run in: a real one, or one of the model's domains.
pub trait Guest {
    /// How it makes hypercalls.
    type Xen: Hypercall;
    /// Its own memory.
    type Page: Page;

    /// The way to the hypervisor.
    fn xen(&self) -> &Self::Xen;

    /// What kind of guest it is.
    fn kind(&self) -> Kind;

    /// Its own number.
    fn domid(&self) -> domid_t;

    /// A page of zeroes that nobody had before.
    fn page(&mut self) -> Self::Page;

    /// Writes a line where the harness reads it.
    fn write(&mut self, line: fmt::Arguments<'_>);
}
