//! `vm_assist`.

use xen_abi::errno::*;
use xen_abi::xen::*;

use crate::config::GuestKind;
use crate::record::HypercallRecord;
use crate::state::State;

/// Types of 64-bit PV guests beside those of the first numbers.
const PV_TYPES: [u32; 7] = [
    VMASST_TYPE_4gb_segments,
    VMASST_TYPE_4gb_segments_notify,
    VMASST_TYPE_writable_pagetables,
    VMASST_TYPE_pae_extended_cr3,
    VMASST_TYPE_architectural_iopl,
    VMASST_TYPE_runstate_update_flag,
    VMASST_TYPE_m2p_strict,
];

impl State {
    /// Nothing here does otherwise for what a type turns on.
    pub(crate) fn vm_assist(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let (command, type_) = (arguments[0] as u32, arguments[1] as u32);
        let domain = self.caller_mut(caller);
        let types: &[u32] = match domain.kind {
            GuestKind::Pv => &PV_TYPES,
            _ => &[VMASST_TYPE_runstate_update_flag],
        };
        // Xen looks at the type before the command.
        let (operation, answer) = match command {
            _ if !types.contains(&type_) => ("vm_assist", Err(XEN_EINVAL)),
            VMASST_CMD_enable => {
                domain.vm_assist |= 1 << type_;
                ("VMASST_CMD_enable", Ok(0))
            }
            VMASST_CMD_disable => {
                domain.vm_assist &= !(1 << type_);
                ("VMASST_CMD_disable", Ok(0))
            }
            _ => ("vm_assist", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, operation, answer)
    }
}
