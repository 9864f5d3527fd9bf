use xen_ops::hypercall::timer as ours;

#[cfg(target_pointer_width = "64")]
use super::by_hand::hypercall1;
#[cfg(target_pointer_width = "32")]
use super::by_hand::hypercall2;
use super::{rows, xen};

#[cfg(target_pointer_width = "64")]
unsafe fn hypercall(timeout: i64) -> isize {
    unsafe { hypercall1(15, timeout as usize as *mut u8) }
}

#[cfg(target_pointer_width = "32")]
unsafe fn hypercall(timeout: i64) -> isize {
    unsafe { hypercall2(15, timeout as u32, (timeout >> 32) as usize as *mut u8) }
}

rows! {
    set_timer_op(timeout: i64) -> bool {
        ours: ours::set_timer_op(&xen(), timeout).is_ok(),
        by_hand: hypercall(timeout) == 0,
    }
}
