//! Receiving events of the FIFO ABI.

#![allow(unsafe_code, reason = "pages become Xen's")]

pub mod protocol;

use core::fmt;
use core::mem::{ManuallyDrop, offset_of};
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize};

use xen_abi::event_channel::{EVTCHN_FIFO_NR_CHANNELS, evtchn_fifo_control_block, evtchn_port_t};

use super::two_level::UnmaskError;
use super::{NoSuchPort, Vcpu};
use crate::Failed;
use crate::hypercall::{Error, Hypercall, event_channel_op as op};
use crate::page::{PAGE_SIZE, Page, pfn_to_u64};
use crate::view::{Field, Place, ReadWrite, View};
use protocol::{MASKED, Proven, Queues, Step};

/// Event words in a page of the event array: one for each port.
pub const WORDS_PER_PAGE: u32 = (PAGE_SIZE / size_of::<u32>()) as u32;

/// Pages of the event array for every port that the FIFO ABI has.
pub const MAX_ARRAY_PAGES: usize = (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE) as usize;

const WORDS: Field<[u32; WORDS_PER_PAGE as usize]> = Field::at::<0>();

/// The event words of a domain, in up to `PAGES` pages of [`WORDS_PER_PAGE`] words each. All vCPUs share
/// them.
///
/// The first [`FifoVcpu`] turns the domain to the FIFO ABI; then pages are added by
/// [`expand`](Self::expand). Ports of a page are masked until they are [unmasked](Self::unmask), so no event
/// comes before its handler exists; it stays pending. A port without a page keeps its events too, until
/// there is one.
///
/// Upstream: `xen/include/public/event_channel.h`, the FIFO ABI.
#[derive(Debug)]
pub struct EventArray<const PAGES: usize> {
    /// The first `count` are set.
    pages: [AtomicPtr<u8>; PAGES],
    count: AtomicUsize,
    grows: AtomicBool,
}

/// Why the event array has no more pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpandError {
    /// It has as many as this domain's array can have.
    Full,
    /// Another vCPU adds one: try again.
    Busy,
    /// Xen refuses.
    Hypercall(Error),
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the event array has all its pages"),
            Self::Busy => f.write_str("another vCPU adds a page to the event array: try again"),
            Self::Hypercall(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ExpandError {}

impl<const PAGES: usize> EventArray<PAGES> {
    /// An array without pages.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(PAGES <= MAX_ARRAY_PAGES, "the FIFO ABI has 128 pages of event words") };
        Self {
            pages: [const { AtomicPtr::new(ptr::null_mut()) }; PAGES],
            count: AtomicUsize::new(0),
            grows: AtomicBool::new(false),
        }
    }

    /// How many ports have a word.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.count.load(Acquire) as u32 * WORDS_PER_PAGE
    }

    /// Adds a page. Xen keeps it until the domain resets its ports, so it is never dropped.
    ///
    /// # Errors
    ///
    /// [`ExpandError`], with the page.
    pub fn expand<H: Hypercall, P: Page>(
        &self,
        xen: &H,
        page: P,
    ) -> Result<(), Failed<ExpandError, P>> {
        if self.grows.swap(true, AcqRel) {
            return Err(Failed::returning(ExpandError::Busy, page));
        }
        let result = self.expand_alone(xen, page);
        self.grows.store(false, Release);
        result
    }

    fn expand_alone<H: Hypercall, P: Page>(
        &self,
        xen: &H,
        page: P,
    ) -> Result<(), Failed<ExpandError, P>> {
        let count = self.count.load(Acquire);
        let Some(slot) = self.pages.get(count) else {
            return Err(Failed::returning(ExpandError::Full, page));
        };
        for index in 0..WORDS_PER_PAGE as usize {
            if let Some(word) = page.view().at(WORDS).element(index) {
                word.store(MASKED, Relaxed);
            }
        }
        let page = ManuallyDrop::new(page);
        // Before Xen knows it: another vCPU may be told of its ports at once.
        slot.store(page.address().as_ptr(), Release);
        self.count.store(count + 1, Release);
        // SAFETY: the page is never dropped, and only its words are accessed, as shared memory.
        match unsafe { op::expand_array(xen, pfn_to_u64(page.frame())) } {
            Ok(()) => Ok(()),
            Err(error) => {
                self.count.store(count, Release);
                let page = ManuallyDrop::into_inner(page);
                Err(Failed::returning(ExpandError::Hypercall(error), page))
            }
        }
    }

    /// Clears a port's pending event, if there is one, without its handler.
    ///
    /// # Errors
    ///
    /// [`NoSuchPort`]: the port has no word.
    pub fn take(&self, port: evtchn_port_t) -> Result<bool, NoSuchPort> {
        self.word(port).map(protocol::take::<Proven, _>)
    }

    /// Masks a port: its events stay pending. Returns whether it was masked.
    ///
    /// # Errors
    ///
    /// [`NoSuchPort`]: the port has no word.
    pub fn mask(&self, port: evtchn_port_t) -> Result<bool, NoSuchPort> {
        self.word(port).map(protocol::mask)
    }

    /// Unmasks a port. If an event is pending, Xen puts it into the queue of its priority.
    ///
    /// # Errors
    ///
    /// [`UnmaskError`].
    pub fn unmask<H: Hypercall>(&self, xen: &H, port: evtchn_port_t) -> Result<(), UnmaskError> {
        let word = self.word(port).map_err(UnmaskError::NoSuchPort)?;
        if protocol::unmask(word) {
            return Ok(());
        }
        op::unmask(xen, port).map_err(UnmaskError::Hypercall)
    }

    fn word(&self, port: evtchn_port_t) -> Result<Place<'_, u32, ReadWrite>, NoSuchPort> {
        let none = NoSuchPort { port, ports: self.capacity() };
        if port.0 >= none.ports {
            return Err(none);
        }
        let page = self.pages.get((port.0 / WORDS_PER_PAGE) as usize).ok_or(none)?;
        let page = NonNull::new(page.load(Acquire)).ok_or(none)?;
        // SAFETY: a page that was added and is never dropped, of which only words are accessed.
        let view: View<'_, ReadWrite> = unsafe { View::new(page) };
        view.at(WORDS).element((port.0 % WORDS_PER_PAGE) as usize).ok_or(none)
    }
}

impl<const PAGES: usize> Default for EventArray<PAGES> {
    fn default() -> Self {
        Self::new()
    }
}

/// The queues of one vCPU in the FIFO ABI.
///
/// No event is lost, as in the [2-level ABI](super::TwoLevel). Events of a higher priority
/// ([`set_priority`]) are received first, those of one priority in the order in which they were sent.
///
/// [`set_priority`]: crate::hypercall::event_channel_op::set_priority
#[derive(Debug)]
pub struct FifoVcpu<'a> {
    vcpu: Vcpu<'a>,
    control: View<'a, ReadWrite>,
    at: usize,
    queues: Queues,
}

/// What a walk through the queues came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// How many events there were.
    pub events: usize,
    /// Whether the walk ended before the queues did: call again before the vCPU sleeps.
    pub more: bool,
    /// A port without a word to which a queue led: Xen broke its protocol, or the array is not the
    /// domain's. The rest of that queue was dropped.
    pub lost: Option<evtchn_port_t>,
}

impl<'a> FifoVcpu<'a> {
    /// Gives Xen the control block of vCPU `vcpu`, `offset` bytes into a page. The first one turns the domain
    /// to the FIFO ABI. Xen keeps the page until the domain resets its ports, so it is never dropped.
    ///
    /// # Errors
    ///
    /// `ENOSYS` (Xen has no FIFO ABI for this domain), and those of
    /// [`init_control`](op::init_control), with the page.
    pub fn start<H: Hypercall, P: Page>(
        xen: &H,
        vcpu: u32,
        info: Vcpu<'a>,
        page: P,
        offset: usize,
    ) -> Result<Self, Failed<Error, P>> {
        let page = ManuallyDrop::new(page);
        // SAFETY: the page is never dropped if Xen has it, and is accessed through this view only.
        let control: View<'a, ReadWrite> = unsafe { View::new(page.address()) };
        let empty = evtchn_fifo_control_block { ready: 0, _rsvd: 0, head: [0; 16] };
        // Xen refuses what does not fit.
        let _ = control.write_obj(offset, &empty);
        let frame = pfn_to_u64(page.frame());
        let offset_in_page = u32::try_from(offset).unwrap_or(u32::MAX);
        // SAFETY: as above.
        match unsafe { op::init_control(xen, frame, offset_in_page, vcpu) } {
            Ok(_) => Ok(Self { vcpu: info, control, at: offset, queues: Queues::default() }),
            Err(error) => Err(Failed::returning(error, ManuallyDrop::into_inner(page))),
        }
    }

    /// Whether Xen has announced events since the last walk.
    #[must_use]
    pub fn upcall_pending(&self) -> bool {
        self.vcpu.upcall_pending()
    }

    /// Walks through the events that are pending and not masked, clears each, and calls `handler` with its
    /// port.
    ///
    /// A walk takes at most as many steps as there are ports, so it ends, whatever peers send meanwhile. A
    /// port may be one that the kernel has closed: the handler ignores it.
    pub fn receive<const PAGES: usize>(
        &mut self,
        array: &EventArray<PAGES>,
        mut handler: impl FnMut(evtchn_port_t),
    ) -> Walk {
        self.vcpu.clear_upcall();
        let mut walk = Walk { more: true, ..Walk::default() };
        let Some(ready) = self.word(offset_of!(evtchn_fifo_control_block, ready)) else {
            return Walk::default();
        };
        for _ in 0..array.capacity().max(WORDS_PER_PAGE) {
            let heads = offset_of!(evtchn_fifo_control_block, head);
            let (control, at) = (self.control, self.at);
            let head = |priority: usize| word_at(control, at + heads + priority * size_of::<u32>());
            let word = |port| array.word(evtchn_port_t(port)).ok();
            match self.queues.step::<Proven, _>(ready, head, word) {
                Step::Event(port) => {
                    walk.events += 1;
                    handler(evtchn_port_t(port));
                }
                Step::Nothing => {}
                Step::Lost(port) => walk.lost = Some(evtchn_port_t(port)),
                Step::End => {
                    walk.more = false;
                    break;
                }
            }
        }
        walk
    }

    fn word(&self, offset: usize) -> Option<Place<'a, u32, ReadWrite>> {
        word_at(self.control, self.at + offset)
    }
}

/// The word at an offset of the control block's page. There is one: Xen has checked the block's place.
fn word_at(page: View<'_, ReadWrite>, offset: usize) -> Option<Place<'_, u32, ReadWrite>> {
    page.at_offset(offset).ok()
}

#[cfg(all(test, not(loom)))]
mod tests;
