use xen_ops::hypercall::pv as ours;

use super::by_hand::hypercall1;
use super::{rows, xen};

rows! {
    get_debugreg(reg: i32) -> usize {
        ours: ours::get_debugreg(&xen(), reg),
        by_hand: hypercall1(9, reg as usize as *mut u8) as usize,
    }
}
