//! `GNTTABOP_cache_flush`.

use xen_abi::errno::*;
use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::config::GuestKind;
use crate::error::Answer;
use crate::state::State;
use crate::state::frames::Mfn;

impl State {
    /// Checks each element. The simulator has no caches to flush.
    ///
    /// `from` is the reference at which a continued search for a mapping starts: 0 in a guest's
    /// call.
    pub(crate) fn cache_flush(
        &mut self,
        caller: domid_t,
        at: usize,
        count: u32,
        from: u32,
    ) -> Answer {
        self.check_array(caller, at)?;
        for element in 0..count {
            let rest = at.wrapping_add(element as usize * size_of::<gnttab_cache_flush>());
            let next = [GNTTABOP_cache_flush as usize, rest, (count - element) as usize];
            if self.interrupts(caller, element as usize, next) {
                return Ok(0);
            }
            let op = self.batch_element(caller, at, element)?;
            self.flush(caller, &op, if element == 0 { from } else { 0 })?;
        }
        Ok(0)
    }

    fn flush(&mut self, caller: domid_t, op: &gnttab_cache_flush, from: u32) -> Answer<()> {
        let end = u32::from(op.offset) + u32::from(op.length);
        let known = GNTTAB_CACHE_INVAL | GNTTAB_CACHE_CLEAN;
        if op.offset >= 4096 || op.length > 4096 || end > 4096 || op.op.intersects(!known) {
            return Err(XEN_EINVAL);
        }
        if op.length == 0 || op.op.is_empty() {
            return if from == 0 { Ok(()) } else { Err(XEN_EILSEQ) };
        }
        let mfn = Mfn(op.a.dev_bus_addr() >> 12);
        let frame = self.frames.get(mfn).ok_or(XEN_EINVAL)?;
        let owner = frame.owner.ok_or(XEN_EPERM)?;
        let table = self.domain(owner).map(|domain| &domain.grants);
        let mapped = table.is_some_and(|table| {
            table
                .active
                .range(from..)
                .any(|(_, active)| active.domid == caller && active.mfn == mfn)
        });
        if owner != caller && !mapped {
            return Err(XEN_EINVAL);
        }
        // x86 has no instruction that invalidates a line without writing it back.
        let x86 = self.caller(caller).kind != GuestKind::Arm;
        if x86 && op.op == GNTTAB_CACHE_INVAL { Err(XEN_EOPNOTSUPP) } else { Ok(()) }
    }
}
