use xen_abi::xen::{multicall_entry, xen_ulong_t};
use xen_ops::hypercall::multicall::Multicall;
use xen_ops::hypercall::vm_assist;
use xen_ops::xen_abi;

use super::by_hand::hypercall_list;
use super::{rows, xen};

/// What a result is before Xen writes it.
const UNTOUCHED: xen_ulong_t = isize::MIN as xen_ulong_t;

fn entry(op: u32, a: u32, b: u32) -> multicall_entry {
    let zero = 0 as xen_ulong_t;
    let args = [a as xen_ulong_t, b as xen_ulong_t, zero, zero, zero, zero];
    multicall_entry { op: op as xen_ulong_t, result: UNTOUCHED, args }
}

rows! {
    multicall(on: u32, off: u32) -> u32 {
        ours: {
            let xen = xen();
            let (on, off) = Multicall::new(&xen)
                .call(|xen| vm_assist::enable(xen, on))
                .call(|xen| vm_assist::disable(xen, off))
                .run();
            u32::from(on == Ok(Ok(()))) | u32::from(off == Ok(Ok(()))) << 1
        },
        by_hand: {
            let mut list = [entry(21, 0, on), entry(21, 1, off)];
            let result = hypercall_list(13, &raw mut list, 2);
            // What was not run failed as what was refused.
            let _ = result;
            let [on, off] = list.map(|entry| entry.result as isize == 0);
            u32::from(on) | u32::from(off) << 1
        },
    }
}
