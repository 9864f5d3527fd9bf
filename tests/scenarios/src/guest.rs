//! What a scenario needs of the guest that it runs in.

use core::fmt;
use core::ptr::NonNull;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::events::EventChannelSet;
use xen_ops::gnttab::TableFrames;
use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::sched_op::yield_;
use xen_ops::page::{MapTarget, Page};

use crate::Run;
use crate::event_set::PAIRS;

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

impl Kind {
    /// Whether the guest has frame numbers of its own.
    #[must_use]
    pub const fn is_translated(self) -> bool {
        !matches!(self, Self::Pv)
    }

    /// Whether the processor is an x86.
    #[must_use]
    pub const fn is_x86(self) -> bool {
        !matches!(self, Self::Arm)
    }
}

/// The two parts of a grant table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The entries.
    Shared,
    /// The status words of version 2.
    Status,
}

/// A guest that scenarios can run in: a real one, or one of the model's domains.
pub trait Guest {
    /// How it makes hypercalls.
    type Xen: Hypercall + Clone;
    /// Its own memory.
    type Page: Page;
    /// Room where frames of others can be mapped.
    type MapTarget: MapTarget;
    /// Room for the frames of its grant table.
    type Frames: TableFrames;
    /// How it waits on several ports.
    type PortSet<'g>: EventChannelSet
    where
        Self: 'g;

    /// The way to the hypervisor.
    fn xen(&self) -> &Self::Xen;

    /// What kind of guest it is.
    fn kind(&self) -> Kind;

    /// Its own number.
    fn domid(&self) -> domid_t;

    /// A page of zeroes, never handed out before.
    fn page(&mut self) -> Self::Page;

    /// The frame of a page of its own that is mapped nowhere, to be given away.
    fn loose_frame(&mut self) -> xen_pfn_t;

    /// Room for one frame, never handed out before.
    fn target(&mut self) -> Self::MapTarget;

    /// An address, in bytes, where there is nothing that Xen could read or write for this guest.
    fn bad_address(&self) -> usize;

    /// The first of three pages in a row, zeroed, of which the middle one is not there: for arguments
    /// that Xen can read in part.
    fn torn(&mut self) -> NonNull<u8>;

    /// Maps the first frame of a part of its own grant table, and says where that is: 4096 bytes that
    /// stay as long as the table keeps its version.
    fn table(&mut self, part: Part) -> NonNull<u8>;

    /// Room for two frames of its grant table. It is asked for once, and before [`table`](Self::table).
    fn frames(&mut self) -> Self::Frames;

    /// Whether an event is pending at a port of its own; it is not afterwards.
    fn take_event(&mut self, port: u32) -> bool;

    /// Lets other domains run: one of them does what is waited for.
    fn give_way(&self) {
        // It does not fail.
        let _ = yield_(self.xen());
    }

    /// A set with these ports of its own.
    fn port_set(&self, ports: [evtchn_port_t; PAIRS]) -> Self::PortSet<'_>;

    /// Has another domain destroyed, which is through with all that it does. Nothing is done where a
    /// toolstack does that.
    fn destroy(&mut self, domid: domid_t);

    /// Makes a hypercall as 32-bit code does, if the guest has such code. Addresses are below 4 GiB.
    fn compat_call(&mut self, number: u32, arguments: [u32; 5]) -> Option<i32> {
        let _ = (number, arguments);
        None
    }

    /// Does what only a PV kernel on a processor can, and writes down what comes of it.
    fn pv(run: &mut Run<'_, Self>)
    where
        Self: Sized,
    {
        let _ = run;
    }

    /// Writes a line where the harness reads it.
    fn write(&mut self, line: fmt::Arguments<'_>);

    /// Is told that a scenario is over, or that the last line was written: event channels are not in use.
    fn scenario_over(&mut self) {}
}
