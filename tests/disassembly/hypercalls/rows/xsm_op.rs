use xen_ops::hypercall::xsm_op as ours;
use xen_ops::xen_abi::GuestHandle;
use xen_ops::xen_abi::xsm::flask_op::*;

use super::by_hand::hypercall1;
use super::{list, rows, xen};

rows! {
    getbool_by_name(name: *mut u8, n: u32, values: &mut (u32, u8, u8)) -> bool {
        ours: match ours::getbool_by_name(&xen(), list(name, n)) {
            Ok(out) => {
                *values = (out.bool_id, out.enforcing, out.pending);
                true
            }
            Err(_) => false,
        },
        by_hand: {
            let boolean = xen_flask_boolean {
                bool_id: u32::MAX,
                size: n,
                name: GuestHandle::from_addr(name as usize as _),
                ..xen_flask_boolean::ZERO
            };
            let u = xen_flask_op_u::from_boolean(boolean);
            let mut op = xen_flask_op { cmd: 11, interface_version: 1, u };
            let result = hypercall1(27, &raw mut op);
            if result == 0 {
                let boolean = op.u.boolean();
                *values = (boolean.bool_id, boolean.enforcing, boolean.pending);
            }
            result == 0
        },
    }
}
