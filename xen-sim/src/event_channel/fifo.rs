//! `EVTCHNOP_init_control` and `EVTCHNOP_expand_array`: a guest turns to event queues.

use xen_abi::errno::*;
use xen_abi::event_channel::*;
use xen_abi::xen::domid_t;
use xen_ops::page::PAGE_SIZE;

use crate::error::Answer;
use crate::state::fifo::{Fifo, GuestFrame, WORDS_PER_PAGE};
use crate::state::{State, p2m};

impl State {
    pub(super) fn init_control(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_init_control = self.read(caller, at)?;
        if op.vcpu != 0 {
            return Err(XEN_ENOENT);
        }
        let offset = op.offset as usize;
        let fits = offset <= PAGE_SIZE - size_of::<evtchn_fifo_control_block>();
        if !fits || offset % 8 != 0 || self.caller(caller).ports.fifo().is_some() {
            return Err(XEN_EINVAL);
        }
        let control = self.hold_guest_frame(caller, op.control_gfn)?;
        self.caller_mut(caller).ports.use_fifo(Fifo::new(control, offset));
        op.link_bits = EVTCHN_FIFO_LINK_BITS as u8;
        self.write(caller, at, op)?;
        Ok(0)
    }

    pub(super) fn expand_array(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_expand_array = self.read(caller, at)?;
        let first = self.caller(caller).ports.fifo().ok_or(XEN_EOPNOTSUPP)?.capacity();
        if first >= EVTCHN_FIFO_NR_CHANNELS {
            return Err(XEN_ENOSPC);
        }
        let page = self.hold_guest_frame(caller, op.array_gfn)?;
        let ports = &mut self.caller_mut(caller).ports;
        if let Some(fifo) = ports.fifo_mut() {
            fifo.expand(page);
        }
        ports.queue_pending(first..first + WORDS_PER_PAGE);
        Ok(0)
    }

    fn hold_guest_frame(&mut self, caller: domid_t, gfn: u64) -> Answer<GuestFrame> {
        self.populate_on_use(caller, gfn);
        let found = self.look_up(caller, gfn).filter(|entry| entry.kind == p2m::EntryKind::Ram);
        let mfn = found.ok_or(XEN_EINVAL)?.mfn;
        let base = self.frames.address(mfn).ok_or(XEN_EINVAL)?;
        if self.frames.hold(mfn, caller) { Ok(GuestFrame::new(mfn, base)) } else { Err(XEN_EINVAL) }
    }

    /// Turns a domain back to the 2-level ABI.
    pub(super) fn end_fifo(&mut self, domid: domid_t) {
        let fifo = self.domain_mut(domid).and_then(|domain| domain.ports.end_fifo());
        for mfn in fifo.iter().flat_map(Fifo::frames) {
            self.put(mfn);
        }
    }
}
