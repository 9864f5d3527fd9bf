#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_ops::hypercall::dm_op as ours;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_ops::xen_abi::{GuestHandle, hvm::dm_op::*, xen::domid_t};

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use super::{by_hand::hypercall3, list, rows, xen};

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
rows! {
    modified_memory(domid: domid_t, at: *mut xen_dm_op_modified_memory_extent, n: u32) -> bool {
        ours: ours::modified_memory(&xen(), domid, list(at, n)).is_ok(),
        by_hand: {
            let modified = xen_dm_op_modified_memory { nr_extents: n, opaque: 0 };
            let mut op =
                xen_dm_op { op: 11, pad: 0, u: xen_dm_op_u::from_modified_memory(modified) };
            let size = size_of::<xen_dm_op_modified_memory_extent>() * n as usize;
            let mut buffers = [
                xen_dm_op_buf {
                    h: GuestHandle::from_addr(&raw mut op as usize as _),
                    size: size_of::<xen_dm_op>() as _,
                },
                xen_dm_op_buf { h: GuestHandle::from_addr(at as usize as _), size: size as _ },
            ];
            let list = &raw mut buffers;
            hypercall3(41, u32::from(domid.0), 2 as *mut u8, list as usize) == 0
        },
    }
}
