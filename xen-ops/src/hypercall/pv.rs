//! Hypercalls of PV guests on x86 that take no command: page tables, descriptors, traps, registers.
//!
//! An HVM or PVH guest is answered `ENOSYS`. There is no function for `iret`: Xen does not return from it,
//! and takes a frame on the stack instead of arguments, which only assembly can make.
//!
//! Upstream: `xen/include/public/xen.h` and `arch-x86/xen.h`.

use xen_abi::arch_x86::xen::trap_info;
use xen_abi::xen::*;

use super::hypercalls;

/// No list.
const NONE: usize = 0;

hypercalls! {
    unsafe hypercalls __HYPERVISOR_*;
    callers pv as OPERATIONS;

    /// Sets the handlers of the vectors that the entries of `traps` name. The last entry has address 0.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an address that is not canonical. The entries before it are set.
    ///
    /// # Safety
    ///
    /// The last entry has address 0. The addresses are those of handlers.
    unsafe call set_trap_table(in traps: [trap_info]) -> errno;

    /// Takes the handlers of all vectors away.
    ///
    /// # Safety
    ///
    /// No trap is raised that the kernel must see.
    unsafe call clear_trap_table = __HYPERVISOR_set_trap_table(traps = NONE) -> errno;

    /// Changes entries of page tables, or of the table from machine to guest frames: `MMU_*` in the low two
    /// bits of an address. `foreigndom` has the owner of the page tables plus 1 in its high 16 bits, 0 for the
    /// caller, and in the low ones the owner of the frames, `DOMID_SELF` for the caller. Returns the
    /// hypercall's result, and how many updates were done.
    ///
    /// # Errors
    ///
    /// Of the first update that failed: `EPERM` (the domains' frames are not the caller's to map),
    /// `ESRCH` (no such domain), `EINVAL` (not a frame of the domain's, or an entry that cannot be),
    /// `ENOSYS` (no such `MMU_*`), `EBUSY` (the frame has another use). Before any is done: `EPERM`,
    /// `ESRCH`, `EINVAL`.
    ///
    /// # Safety
    ///
    /// Nothing relies on the mappings that change.
    unsafe call mmu_update(
        in reqs: [mmu_update],
        count reqs,
        out done: u32,
        in foreigndom: u32,
    ) -> errno_and_out;

    /// Sets the descriptor table to the frames of `frame_list`, with `entries` descriptors, 512 a frame.
    ///
    /// # Errors
    ///
    /// `EINVAL`: more than 7168 descriptors, or a frame that is not the guest's or that it can write.
    ///
    /// # Safety
    ///
    /// There is a frame for each 512 descriptors. The segments that are loaded stay what they are.
    unsafe call set_gdt(in frame_list: [xen_ulong_t], in entries: u32) -> errno;

    /// Sets the stack that Xen switches to when it enters the kernel.
    ///
    /// # Safety
    ///
    /// It is a stack, and nothing else uses it.
    unsafe call stack_switch(in ss: usize, in esp: usize) -> errno;

    /// Sets where Xen enters the kernel for events, after a fault of its own, and for system calls. An address
    /// that is not canonical changes nothing, and is no error.
    ///
    /// # Safety
    ///
    /// The addresses are those of such entries.
    unsafe call set_callbacks on x86_64 (
        in event_address: usize,
        in failsafe_address: usize,
        in syscall_address: usize,
    ) -> errno;

    /// Sets where Xen enters the kernel for events, and after a fault of its own.
    ///
    /// # Safety
    ///
    /// The addresses are those of such entries.
    unsafe call set_callbacks_32 = __HYPERVISOR_set_callbacks on x86_32 (
        in event_selector: usize,
        in event_address: usize,
        in failsafe_selector: usize,
        in failsafe_address: usize,
    ) -> errno;

    /// Makes the next use of the floating-point unit trap, or with 0 no longer.
    call fpu_taskswitch(in set: i32) -> errno;

    /// Sets a debug register.
    ///
    /// # Errors
    ///
    /// `ENODEV` (no such register), `EPERM` (an address that is Xen's, or a breakpoint
    /// that the guest cannot have), `EINVAL` (bits above the low 32 of registers 6 and 7).
    ///
    /// # Safety
    ///
    /// The kernel handles the traps that follow.
    unsafe call set_debugreg(in reg: i32, in value: usize) -> errno;

    /// A debug register. A number that is none gives an error number, which cannot be told from an address:
    /// -19 (`ENODEV`).
    call get_debugreg on x86 (in reg: i32) -> word;

    /// Changes a descriptor at a machine address, in bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an address that is not a multiple of 8 or not in a descriptor table of the guest's, or a
    /// descriptor that a guest cannot have.
    ///
    /// # Safety
    ///
    /// The segments that are loaded stay what they are.
    unsafe call update_descriptor(in gaddr: u64, in desc: u64) -> errno;

    /// Sets the entry that maps a virtual address, and flushes as `flags` say (`UVMF_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL` (the address has no page table, or the entry cannot be), `EPERM` (not a frame of the
    /// caller's), `EBUSY` (the frame has another use), `ENOSYS` (no such flush).
    ///
    /// # Safety
    ///
    /// Nothing relies on the mapping that changes.
    unsafe call update_va_mapping(in va: usize, in value: u64, in flags: usize) -> errno;

    /// [`update_va_mapping`] with a frame of another domain's.
    ///
    /// # Errors
    ///
    /// As [`update_va_mapping`], and `ESRCH` (no such domain), `EPERM` (its frames are not the caller's to
    /// map).
    ///
    /// # Safety
    ///
    /// As [`update_va_mapping`].
    unsafe call update_va_mapping_otherdomain(
        in va: usize,
        in value: u64,
        in flags: usize,
        in domid: domid_t,
    ) -> errno;

    /// Sets the base address of a segment (`SEGBASE_*`), or loads a selector.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such segment, or an address that is not canonical.
    ///
    /// # Safety
    ///
    /// Nothing relies on what the segment was.
    unsafe call set_segment_base on x86_64 (in which: u32, in base: usize) -> errno;
}
