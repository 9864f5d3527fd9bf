//! `update_va_mapping`: page tables of PV guests. The simulator has their entries for mapping
//! targets.

use xen_abi::errno::*;
use xen_abi::xen::domid_t;

use crate::abi::COMPAT;
use crate::config::GuestKind;
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::domain::Mapped;
use crate::state::frames::Mfn;

/// Bits of an entry: present, and writable.
const PRESENT: u64 = 1;
const WRITABLE: u64 = 2;
/// Bits that hold the frame's address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

impl State {
    pub(crate) fn update_va_mapping(
        &mut self,
        caller: domid_t,
        arguments: [usize; 5],
    ) -> HypercallRecord {
        let address = arguments[0] as u64;
        let mut entry = arguments[1] as u64;
        if COMPAT {
            // Two registers.
            entry |= (arguments[2] as u64) << 32;
        }
        let answer = match self.caller(caller).kind {
            GuestKind::Pv => self.change_entry(caller, address >> 12, entry),
            _ => Err(XEN_ENOSYS),
        };
        HypercallRecord::new(caller, "update_va_mapping", answer)
    }

    fn change_entry(&mut self, caller: domid_t, page: u64, entry: u64) -> Answer {
        let (mfn, readonly) = (Mfn((entry & ADDRESS) >> 12), entry & WRITABLE == 0);
        let mapped = (entry & PRESENT != 0).then_some(Mapped { mfn, readonly, granted: false });
        if mapped.is_some() && !self.frames.hold(mfn, caller) {
            return Err(XEN_EINVAL);
        }
        if self.set_pte(caller, page, mapped) {
            return Ok(0);
        }
        if mapped.is_some() {
            self.put(mfn);
        }
        Err(XEN_EINVAL)
    }
}
