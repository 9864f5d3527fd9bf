//! Receiving events of the 2-level ABI.

pub mod protocol;

use core::fmt;
use core::mem::offset_of;
use core::sync::atomic::Ordering::AcqRel;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::{shared_info, vcpu_info, xen_ulong_t};

use super::{PortVcpus, Vcpu};
use crate::hypercall::{Error, Hypercall, event_channel_op as op};
use crate::view::{Field, Place, ReadWrite, View};
use protocol::Proven;

/// Bits in a word of the ABI, and how many of those there are, one for each bit of the selector.
const WORD_BITS: usize = xen_ulong_t::BITS as usize;
const WORDS: usize = WORD_BITS;
/// The same memory as 32-bit pieces, which every processor changes at once. A little-endian word's bit n
/// is bit n % 32 of its piece n / 32.
const PIECES: usize = WORDS * PER_WORD;
const PER_WORD: usize = WORD_BITS / 32;

/// Number of ports, with port 0, which is never used.
pub const TWO_LEVEL_PORTS: u32 = (WORDS * WORD_BITS) as u32;

const PENDING: Field<[u32; PIECES]> = Field::at::<{ offset_of!(shared_info, evtchn_pending) }>();
const MASK: Field<[u32; PIECES]> = Field::at::<{ offset_of!(shared_info, evtchn_mask) }>();

/// The events of one vCPU in the 2-level ABI: bits in the shared information page, and a selector of its
/// words in the vCPU's information.
///
/// A kernel makes one for each vCPU and calls [`receive`](Self::receive) when that vCPU is interrupted,
/// or polls it. The pending bits are the domain's: if several vCPUs receive events, each
/// [leaves](Self::for_vcpu) those of the others, or an event would be taken where its handler does not run.
///
/// No event is lost: a port's pending bit is cleared before its handler runs, so an event that comes
/// meanwhile is received by the next walk. An event that is sent to a masked port is received when the port
/// is [unmasked](Self::unmask).
///
/// Upstream: `xen/include/public/xen.h`, `struct shared_info` and `struct vcpu_info`.
#[derive(Clone, Copy, Debug)]
pub struct TwoLevel<'a> {
    shared_info: View<'a, ReadWrite>,
    vcpu: Vcpu<'a>,
    selector: Place<'a, [u32; PER_WORD], ReadWrite>,
    own: Option<(u32, &'a PortVcpus)>,
}

/// A port that has no place among the domain's: of the 2-level ABI [`TWO_LEVEL_PORTS`] or above, of event
/// queues one whose page of event words is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchPort {
    /// The port.
    pub port: evtchn_port_t,
    /// How many ports there are.
    pub ports: u32,
}

impl fmt::Display for NoSuchPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no port {}: there are {}", self.port.0, self.ports)
    }
}

impl core::error::Error for NoSuchPort {}

/// Why a port is not unmasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnmaskError {
    /// There is no such port.
    NoSuchPort(NoSuchPort),
    /// `EVTCHNOP_unmask` failed. The port is masked.
    Hypercall(Error),
}

impl fmt::Display for UnmaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPort(error) => error.fmt(f),
            Self::Hypercall(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for UnmaskError {}

impl<'a> TwoLevel<'a> {
    /// The events of the vCPU whose information is at `vcpu_info` of the page `vcpu`: of the shared
    /// information page itself, or of the page where the vCPU has registered it. It receives those of all ports.
    #[must_use]
    pub fn new(
        shared_info: View<'a, ReadWrite>,
        vcpu: View<'a, ReadWrite>,
        vcpu_info: Field<vcpu_info>,
    ) -> Self {
        // The structure is inside the page and aligned, and so are its members.
        const INSIDE: &str = "a member of a structure that is inside the page";
        let at = vcpu_info.offset();
        let selector = vcpu.at_offset(at + offset_of!(vcpu_info, evtchn_pending_sel));
        Self {
            shared_info,
            vcpu: Vcpu::new(vcpu, vcpu_info),
            selector: selector.expect(INSIDE),
            own: None,
        }
    }

    /// Receives only the events of the ports that `ports` has for this vCPU, whose number is `vcpu`.
    ///
    /// Xen announces an event to one vCPU, but selects a whole word of ports, and all words when a vCPU
    /// registers its information. So this is needed wherever several vCPUs receive events.
    #[must_use]
    pub const fn for_vcpu(self, vcpu: u32, ports: &'a PortVcpus) -> Self {
        Self { own: Some((vcpu, ports)), ..self }
    }

    /// Where Xen announces the events.
    #[must_use]
    pub const fn vcpu(&self) -> Vcpu<'a> {
        self.vcpu
    }

    /// Whether Xen has announced events since the last walk.
    #[must_use]
    pub fn upcall_pending(&self) -> bool {
        self.vcpu.upcall_pending()
    }

    /// Walks through the events that are pending and not masked, clears each, and calls `handler` with its
    /// port. Returns how many there were.
    ///
    /// Every port is handled at most once in a walk, so it ends, whatever peers send meanwhile. Their events
    /// are announced again. A port may be one that the kernel has not bound yet, or has closed: the
    /// handler ignores it. Events of ports that are [other vCPUs'](Self::for_vcpu) stay pending.
    pub fn receive(&self, mut handler: impl FnMut(evtchn_port_t)) -> usize {
        // Xen sets the bits in the reverse order: what it announces from here on is seen by the next walk.
        self.vcpu.clear_upcall();
        let mut count = 0;
        for half in 0..PER_WORD {
            let selected = self.selector.element(half).map_or(0, |half| half.swap(0, AcqRel));
            for word in bits(selected) {
                for piece in 0..PER_WORD {
                    count +=
                        self.receive_piece((half * 32 + word) * PER_WORD + piece, &mut handler);
                }
            }
        }
        count
    }

    fn receive_piece(&self, index: usize, handler: &mut impl FnMut(evtchn_port_t)) -> usize {
        let pieces = (self.pending().element(index), self.masks().element(index));
        let (Some(pending), Some(mask)) = pieces else { return 0 };
        let mut count = 0;
        for bit in bits(protocol::active(pending, mask)) {
            let port = evtchn_port_t((index * 32 + bit) as u32);
            if self.own.is_some_and(|(vcpu, ports)| !ports.is_own(port, vcpu)) {
                continue;
            }
            // Before the handler: what is sent from here on is another event.
            if protocol::take::<Proven, _>(pending, 1 << bit) {
                handler(port);
                count += 1;
            }
        }
        count
    }

    /// Clears a port's pending event, if there is one, without its handler.
    ///
    /// # Errors
    ///
    /// [`NoSuchPort`].
    pub fn take(&self, port: evtchn_port_t) -> Result<bool, NoSuchPort> {
        let (piece, bit) = split(self.pending(), port)?;
        Ok(protocol::take::<Proven, _>(piece, bit))
    }

    /// Masks a port: its events stay pending. Returns whether it was masked.
    ///
    /// # Errors
    ///
    /// [`NoSuchPort`].
    pub fn mask(&self, port: evtchn_port_t) -> Result<bool, NoSuchPort> {
        let (piece, bit) = split(self.masks(), port)?;
        Ok(protocol::mask(piece, bit))
    }

    /// Unmasks a port. If an event is pending, Xen announces it to the vCPU that the port is bound to.
    ///
    /// # Errors
    ///
    /// [`UnmaskError`].
    pub fn unmask<H: Hypercall>(&self, xen: &H, port: evtchn_port_t) -> Result<(), UnmaskError> {
        let (mask, bit) = split(self.masks(), port).map_err(UnmaskError::NoSuchPort)?;
        let (pending, _) = split(self.pending(), port).map_err(UnmaskError::NoSuchPort)?;
        if protocol::unmask::<Proven, _>(pending, mask, bit) {
            return Ok(());
        }
        op::unmask(xen, port).map_err(UnmaskError::Hypercall)
    }

    fn pending(&self) -> Place<'a, [u32; PIECES], ReadWrite> {
        self.shared_info.at(PENDING)
    }

    fn masks(&self) -> Place<'a, [u32; PIECES], ReadWrite> {
        self.shared_info.at(MASK)
    }
}

/// The piece of a port, and its bit there.
fn split(
    pieces: Place<'_, [u32; PIECES], ReadWrite>,
    port: evtchn_port_t,
) -> Result<(Place<'_, u32, ReadWrite>, u32), NoSuchPort> {
    let none = NoSuchPort { port, ports: TWO_LEVEL_PORTS };
    let piece = pieces.element((port.0 / 32) as usize).ok_or(none)?;
    Ok((piece, 1 << (port.0 % 32)))
}

/// The numbers of the bits that are set, lowest first.
fn bits(mut word: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u32::BITS).then_some(bit as usize)
    })
}

#[cfg(all(test, not(loom)))]
mod tests;
