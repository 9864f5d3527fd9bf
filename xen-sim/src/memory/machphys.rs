//! The machine-to-physical table: `XENMEM_machphys_mapping` and `XENMEM_machphys_mfn_list`.

use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::abi::{MACHPHYS_END, VIRT_START, pfn, ulong};
use crate::error::Answer;
use crate::state::State;
use crate::state::guest_access::address;

impl State {
    /// Where the machine-to-physical table is in a PV guest's address space. The simulator returns
    /// Xen's addresses; the table itself is not simulated.
    pub(crate) fn machphys_mapping(&mut self, caller: domid_t, at: usize) -> Answer {
        let op = xen_machphys_mapping {
            v_start: ulong(VIRT_START),
            v_end: ulong(MACHPHYS_END),
            max_mfn: ulong(self.frames.end() - 1),
        };
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// Lists the table's extents of 2 MiB, of which a machine here has one. It cannot be mapped.
    pub(crate) fn machphys_mfn_list(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_machphys_mfn_list = self.read(caller, at)?;
        op.nr_extents = op.max_extents.min(1);
        if op.nr_extents > 0 {
            let frame = pfn(self.frames.end().next_multiple_of(512));
            self.write(caller, address(op.extent_start), frame)?;
        }
        self.write(caller, at, op)?;
        Ok(0)
    }
}
