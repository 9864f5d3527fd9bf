//! `XENMEM_exchange`.

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::{domid_t, xen_pfn_t, xen_ulong_t};

use crate::abi::{AREA, pfn, pfn_to_u64};
use crate::config::Release;
use crate::error::Answer;
use crate::memory::extent::max_order;
use crate::memory::reservation::Memory;
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::guest_access::address;
use crate::state::p2m;

impl State {
    /// What Xen asks before it translates the argument of a guest with 32 bits.
    pub(crate) fn check_translated_exchange(&self, caller: domid_t, at: usize) -> Answer<()> {
        let exchange: xen_memory_exchange = self.read(caller, at)?;
        let (from, to) = (&exchange.in_, &exchange.out);
        // Older releases shift by the low bits.
        if self.release >= Release::V4_20 && from.extent_order.max(to.extent_order) >= 32 {
            return Err(XEN_EPERM);
        }
        let [from_order, to_order] = [from.extent_order, to.extent_order].map(|order| order % 32);
        let most = |order: u32| (u32::MAX >> order) as usize;
        let [from_nr, to_nr, done] =
            [from.nr_extents, to.nr_extents, exchange.nr_exchanged].map(|nr| nr as usize);
        let larger = to.extent_order.wrapping_sub(from.extent_order) as i32;
        let step = 1_usize << (larger.unsigned_abs() % 32);
        if done > from_nr
            || larger > 0 && done % step != 0
            || most(from_order) < from_nr
            || most(to_order) < to_nr
            || from_nr << from_order != to_nr << to_order
        {
            return Err(XEN_EINVAL);
        }
        self.check_array(caller, address(from.extent_start))?;
        self.check_array(caller, address(to.extent_start))?;
        // The area has space for so many chunks behind the structure, and their frames are read at once.
        let chunks = (AREA - 72) / ((step + 1) * 8);
        if chunks == 0 {
            return Err(XEN_E2BIG);
        }
        let ahead = if larger > 0 { chunks * step } else { chunks };
        for index in done..from_nr.min(done + ahead) {
            self.read_at::<xen_pfn_t>(caller, address(from.extent_start), index)?;
        }
        Ok(())
    }

    pub(crate) fn exchange(&mut self, caller: domid_t, at: usize) -> Answer {
        let exchange: xen_memory_exchange = self.read(caller, at)?;
        let mut done = exchange.nr_exchanged;
        let answer = self.exchange_chunks(caller, &exchange, &mut done);
        let place = at.wrapping_add(offset_of!(xen_memory_exchange, nr_exchanged));
        self.write(caller, place, done)?;
        answer
    }

    fn exchange_chunks(
        &mut self,
        caller: domid_t,
        exchange: &xen_memory_exchange,
        done: &mut xen_ulong_t,
    ) -> Answer {
        let (from, to) = (&exchange.in_, &exchange.out);
        if from.extent_order.max(to.extent_order) > max_order(self.caller(caller).privileged) {
            return Err(XEN_EPERM);
        }
        let pages = |nr: xen_ulong_t, order: u32| {
            let pages = nr.checked_mul(1 << order);
            pages.ok_or(XEN_EINVAL)
        };
        if *done > from.nr_extents
            || from.domid != to.domid
            || pages(from.nr_extents, from.extent_order)? != pages(to.nr_extents, to.extent_order)?
        {
            return Err(XEN_EINVAL);
        }
        if *done == from.nr_extents {
            return Ok(0);
        }
        self.check_array(caller, address(from.extent_start))?;
        self.check_array(caller, address(to.extent_start))?;
        // Numbers of address bits that no frame has find no memory; here they are not refused.
        let (flags, bits) = (exchange.out.mem_flags, exchange.out.mem_flags.bits() & 0xff);
        let flags = flags & !(XENMEMF_vnode | MemoryFlags(0xff));
        let memory = self.check_flags(caller, caller, flags).ok_or(XEN_EINVAL)?;
        let memory = memory.with_bits(bits);
        let domid = self.any_domid(caller, from.domid).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        // A chunk is the larger of the two extents.
        let order = from.extent_order.max(to.extent_order);
        let ins = 1 << (order - from.extent_order);
        let outs = 1 << (order - to.extent_order);
        // Xen begins with the chunk that the progress is in.
        *done -= *done % ins;
        while *done < from.nr_extents {
            let chunk = (*done / ins) as usize;
            self.exchange_chunk(caller, domid, exchange, memory, chunk, (ins as usize, outs))?;
            *done += ins;
        }
        Ok(0)
    }

    fn exchange_chunk(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        exchange: &xen_memory_exchange,
        memory: Memory,
        chunk: usize,
        (ins, outs): (usize, usize),
    ) -> Answer<()> {
        let mut stolen = Vec::new();
        for at in chunk * ins..(chunk + 1) * ins {
            let gfn = pfn_to_u64(self.read_at(caller, address(exchange.in_.extent_start), at)?);
            for page in 0..1 << exchange.in_.extent_order {
                stolen.push(self.stealable(domid, gfn.wrapping_add(page))?);
            }
        }
        let mut fresh = Vec::new();
        for _ in 0..outs {
            let failed = self.caller_mut(caller).faults.take_no_memory() || memory.is_nowhere();
            let order = exchange.out.extent_order;
            let found = if failed { None } else { self.frames.allocate(domid, order) };
            match found {
                Some(mfn) if memory.has(mfn, order) => fresh.push(mfn),
                found => {
                    if let Some(mfn) = found {
                        self.free_run(mfn, order);
                    }
                    for mfn in fresh {
                        self.free_run(mfn, order);
                    }
                    return Err(XEN_ENOMEM);
                }
            }
        }
        // The domain's number of pages does not change.
        for mfn in stolen {
            self.frames.free(mfn);
        }
        let mut answer = Ok(());
        for (at, mfn) in (chunk * outs..).zip(fresh) {
            let list = address(exchange.out.extent_start);
            let written = self.write_at(caller, list, at, pfn(mfn.0));
            answer = answer.and(written.map_err(|_| XEN_EFAULT));
        }
        answer
    }

    /// The frame of a page that only its owner holds.
    fn stealable(&self, domid: domid_t, gfn: u64) -> Answer<Mfn> {
        let entry = self.look_up(domid, gfn).filter(|entry| entry.kind == p2m::EntryKind::Ram);
        let mfn = entry.ok_or(XEN_EINVAL)?.mfn;
        if self.domain(domid).is_some_and(|domain| domain.is_translated()) {
            return Err(XEN_EOPNOTSUPP);
        }
        match self.frames.get(mfn) {
            Some(frame) if !frame.special && frame.references == 1 => Ok(mfn),
            _ => Err(XEN_EINVAL),
        }
    }

    fn free_run(&mut self, mfn: Mfn, order: u32) {
        for page in 0..1 << order {
            self.frames.free(Mfn(mfn.0 + page));
        }
    }
}
