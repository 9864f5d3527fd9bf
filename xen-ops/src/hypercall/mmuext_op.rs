//! `MMUEXT_*`: page tables, TLBs and caches of a PV guest.
//!
//! Xen takes a list of operations. [`MmuExt`] has a constructor for each.
//!
//! Upstream: `xen/include/public/xen.h`.

use xen_abi::xen::*;
use xen_abi::{GuestHandle, Plain};

use super::hypercalls;

/// One operation: upstream's `mmuext_op`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct MmuExt(mmuext_op);

// SAFETY: transparent over a plain type.
#[allow(unsafe_code, reason = "states a fact about a transparent wrapper")]
unsafe impl Plain for MmuExt {}

hypercalls! {
    unsafe hypercalls __HYPERVISOR_*;
    callers pv, hvm as OPERATIONS;

    /// Does the operations in their order. `foreigndom` owns the frames, `DOMID_SELF` for the caller. Returns
    /// the hypercall's result, and how many were done. An HVM or PVH guest may pin and unpin the tables of a
    /// domain that it builds.
    ///
    /// # Errors
    ///
    /// Of the first that failed: `EPERM` (the domain's frames are not the caller's), `ESRCH` (no such domain),
    /// `EINVAL` (not a frame of the domain's, or not such a table; an address that is not canonical),
    /// `EOPNOTSUPP` (not of another domain, or not with this guest), `EACCES` (caches are not the guest's to
    /// flush), `EBUSY` (the frame has another use), `ENOSYS` (no such operation).
    ///
    /// # Safety
    ///
    /// Nothing relies on the page tables and mappings that change; a table is what the operation says.
    unsafe call mmuext_op(
        inout ops: [MmuExt],
        count ops,
        out done: u32,
        in foreigndom: u32,
    ) -> errno_and_out;
}

impl MmuExt {
    const fn new(cmd: u32) -> Self {
        Self(mmuext_op { cmd, ..mmuext_op::ZERO })
    }

    const fn of_frame(cmd: u32, mfn: xen_pfn_t) -> Self {
        Self(mmuext_op { cmd, arg1: mmuext_op_arg1::from_mfn(mfn), ..mmuext_op::ZERO })
    }

    /// Upstream's structure.
    #[must_use]
    pub const fn as_abi(&self) -> &mmuext_op {
        &self.0
    }
}

/// Constructors for operations on the machine frame `mfn`.
macro_rules! of_frame {
    ($($(#[$doc:meta])* $name:ident = $command:ident;)*) => {
        impl MmuExt {$(
            $(#[$doc])*
            #[inline]
            #[must_use]
            pub const fn $name(mfn: xen_pfn_t) -> Self {
                Self::of_frame($command, mfn)
            }
        )*}
    };
}

of_frame! {
    /// Pins the frame as a page table of level 1.
    pin_l1_table = MMUEXT_PIN_L1_TABLE;
    /// Pins the frame as a page table of level 2.
    pin_l2_table = MMUEXT_PIN_L2_TABLE;
    /// Pins the frame as a page table of level 3.
    pin_l3_table = MMUEXT_PIN_L3_TABLE;
    /// Pins the frame as a page table of level 4.
    pin_l4_table = MMUEXT_PIN_L4_TABLE;
    /// Ends one of these.
    unpin_table = MMUEXT_UNPIN_TABLE;
    /// Loads the page table of the highest level.
    new_baseptr = MMUEXT_NEW_BASEPTR;
    /// Sets the page table that Xen loads for user space, on x86_64. 0 is none.
    new_user_baseptr = MMUEXT_NEW_USER_BASEPTR;
    /// Fills the frame with zeros.
    clear_page = MMUEXT_CLEAR_PAGE;
    /// Marks the 2 MiB from the frame on as mapped as a whole. Obsolete: `EOPNOTSUPP`.
    mark_super = MMUEXT_MARK_SUPER;
    /// Ends [`mark_super`](Self::mark_super). Obsolete: `EOPNOTSUPP`.
    unmark_super = MMUEXT_UNMARK_SUPER;
}

/// Constructors for operations without arguments.
macro_rules! without_argument {
    ($($(#[$doc:meta])* $name:ident = $command:ident;)*) => {
        impl MmuExt {$(
            $(#[$doc])*
            #[inline]
            #[must_use]
            pub const fn $name() -> Self {
                Self::new($command)
            }
        )*}
    };
}

without_argument! {
    /// Flushes the calling vCPU's TLB.
    tlb_flush_local = MMUEXT_TLB_FLUSH_LOCAL;
    /// Flushes the TLBs of all the domain's vCPUs.
    tlb_flush_all = MMUEXT_TLB_FLUSH_ALL;
    /// Writes back and invalidates the calling CPU's caches, for a domain that uses devices.
    flush_cache = MMUEXT_FLUSH_CACHE;
    /// The same with all CPUs' caches.
    flush_cache_global = MMUEXT_FLUSH_CACHE_GLOBAL;
}

impl MmuExt {
    /// Flushes what the calling vCPU's TLB has of a virtual address.
    #[must_use]
    pub fn invlpg_local(linear_addr: usize) -> Self {
        Self::of_address(MMUEXT_INVLPG_LOCAL, linear_addr, mmuext_op_arg2::ZERO)
    }

    /// Flushes what all the domain's vCPUs' TLBs have of a virtual address.
    #[must_use]
    pub fn invlpg_all(linear_addr: usize) -> Self {
        Self::of_address(MMUEXT_INVLPG_ALL, linear_addr, mmuext_op_arg2::ZERO)
    }

    /// Flushes the TLBs of the vCPUs whose bits are set in the words at `vcpumask`.
    #[must_use]
    pub fn tlb_flush_multi(vcpumask: GuestHandle<core::ffi::c_void>) -> Self {
        let arg2 = mmuext_op_arg2::from_vcpumask(vcpumask);
        Self::of_address(MMUEXT_TLB_FLUSH_MULTI, 0, arg2)
    }

    /// Flushes what the TLBs of the vCPUs whose bits are set in the words at `vcpumask` have of a virtual
    /// address.
    #[must_use]
    pub fn invlpg_multi(linear_addr: usize, vcpumask: GuestHandle<core::ffi::c_void>) -> Self {
        let arg2 = mmuext_op_arg2::from_vcpumask(vcpumask);
        Self::of_address(MMUEXT_INVLPG_MULTI, linear_addr, arg2)
    }

    /// Sets the local descriptor table, at an address that is a multiple of the page size, with `nr_ents`
    /// descriptors. 0 is none.
    #[must_use]
    pub fn set_ldt(linear_addr: usize, nr_ents: u32) -> Self {
        Self::of_address(MMUEXT_SET_LDT, linear_addr, mmuext_op_arg2::from_nr_ents(nr_ents))
    }

    /// Copies the machine frame `src_mfn` to `mfn`.
    #[must_use]
    pub const fn copy_page(mfn: xen_pfn_t, src_mfn: xen_pfn_t) -> Self {
        Self(mmuext_op {
            cmd: MMUEXT_COPY_PAGE,
            arg1: mmuext_op_arg1::from_mfn(mfn),
            arg2: mmuext_op_arg2::from_src_mfn(src_mfn),
            ..mmuext_op::ZERO
        })
    }

    fn of_address(cmd: u32, linear_addr: usize, arg2: mmuext_op_arg2) -> Self {
        let arg1 = mmuext_op_arg1::from_linear_addr(linear_addr as _);
        Self(mmuext_op { cmd, arg1, arg2, ..mmuext_op::ZERO })
    }
}
