use xen_ops::hypercall::platform_op as ours;
use xen_ops::xen_abi::platform::*;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_ops::xen_abi::{GuestHandle, xen::xen_pfn_t};

use super::by_hand::hypercall1;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use super::{list, value};
use super::{rows, xen};

unsafe fn hypercall(cmd: u32, u: xen_platform_op_u) -> (isize, xen_platform_op) {
    let mut op = xen_platform_op { cmd, interface_version: 0x300_0001, u };
    let result = unsafe { hypercall1(7, &raw mut op) };
    (result, op)
}

rows! {
    settime64(secs: u64, nsecs: u32, system_time: u64) -> bool {
        ours: ours::settime64(&xen(), secs, nsecs, system_time).is_ok(),
        by_hand: {
            let settime = xenpf_settime64 { secs, nsecs, mbz: 0, system_time };
            hypercall(62, xen_platform_op_u::from_settime64(settime)).0 == 0
        },
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
rows! {
    read_memtype(reg: u32, came_out: &mut (xen_pfn_t, u64, u32)) -> bool {
        ours: match ours::read_memtype(&xen(), reg) {
            Ok(out) => {
                *came_out = (out.mfn, out.nr_mfns, out.type_);
                true
            }
            Err(_) => false,
        },
        by_hand: {
            let read = xenpf_read_memtype { reg, ..xenpf_read_memtype::ZERO };
            let (result, op) = hypercall(33, xen_platform_op_u::from_read_memtype(read));
            if result == 0 {
                let read = op.u.read_memtype();
                *came_out = (read.mfn, read.nr_mfns, read.type_);
            }
            result == 0
        },
    }
    resource_op(cpu: u32, entries: *mut xenpf_resource_entry_t, n: u32) -> usize {
        ours: ours::resource_op(&xen(), cpu, list(entries, n)).unwrap_or(usize::MAX),
        by_hand: {
            let entries = GuestHandle::from_addr(entries as usize as _);
            let resource = xenpf_resource_op { nr_entries: n, cpu, entries };
            value(hypercall(61, xen_platform_op_u::from_resource_op(resource)).0)
        },
    }
}
