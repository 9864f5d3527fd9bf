//! A guest as small as can be: raw hypercalls, and raw entries in its grant table.
#![allow(unsafe_code, reason = "makes hypercalls and writes grant entries")]

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_abi::{GrantStatus, GuestHandle, Plain};
use xen_ops::hypercall::Hypercall;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_ops::{ReadWrite, View};
use xen_sim::{Domain, DomainConfig, GuestKind, GuestPage, GuestTarget, Xen};

/// What a status is before Xen writes it.
pub(crate) const UNTOUCHED: GrantStatus = GrantStatus(i16::MIN);

/// Whether guests have 32 bits, whose arguments Xen translates: to it all their frame numbers are numbers.
pub(crate) const COMPAT: bool = cfg!(target_arch = "x86");

/// Where a translated guest puts its grant table.
pub(crate) const TABLE_GFN: u64 = 0xf_0000;
pub(crate) const STATUS_GFN: u64 = 0xf_8000;

/// A machine and a domain of that kind, with its first frame of grant table mapped.
pub(crate) fn machine(kind: GuestKind) -> (Xen, Domain) {
    let xen = Xen::new();
    let domain = guest(&xen, DomainConfig::new(kind).pages(8));
    (xen, domain)
}

/// A machine with two domains of that kind.
pub(crate) fn pair(kind: GuestKind) -> (Xen, Domain, Domain) {
    let (xen, a) = machine(kind);
    let b = guest(&xen, DomainConfig::new(kind).pages(8));
    (xen, a, b)
}

/// A domain with its first frame of grant table mapped.
pub(crate) fn guest(xen: &Xen, config: DomainConfig) -> Domain {
    let domain = xen.domain(config).unwrap();
    map_table(&domain, 1);
    domain
}

/// Maps the first frames of the domain's grant table, which grows as needed.
pub(crate) fn map_table(domain: &Domain, frames: u32) {
    if domain.kind() == GuestKind::Pv {
        let mut list = vec![xen_pfn_t(0); frames as usize];
        let mut op = gnttab_setup_table {
            dom: DOMID_SELF,
            nr_frames: frames,
            frame_list: GuestHandle::from_mut_slice(&mut list),
            ..gnttab_setup_table::ZERO
        };
        assert_eq!(grant_op(domain, GNTTABOP_setup_table, std::slice::from_mut(&mut op)), 0);
        assert_eq!(op.status, GNTST_okay);
    } else {
        for at in (0..frames).rev() {
            let done = add_to_physmap(
                domain,
                XENMAPSPACE_grant_table,
                u64::from(at),
                TABLE_GFN + u64::from(at),
            );
            assert_eq!(done, 0);
        }
    }
}

/// A frame number, which has 32 bits on 32-bit x86 only.
#[allow(clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
pub(crate) fn pfn(number: u64) -> xen_pfn_t {
    xen_pfn_t(number as _)
}

/// The number of a frame.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "64 or 32 bits wide")]
pub(crate) fn pfn_to_u64(frame: xen_pfn_t) -> u64 {
    frame.0 as u64
}

/// A number as wide as a register.
#[allow(clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
pub(crate) fn ulong(number: u64) -> xen_ulong_t {
    number as _
}

/// The domain's number as raw operations take it.
pub(crate) fn domid(domain: &Domain) -> domid_t {
    domain.domid().domid()
}

/// The machine frame number that a frame number of the domain's stands for.
pub(crate) fn machine_frame(domain: &Domain, frame: u64) -> Option<u64> {
    domain.machine_frame(pfn(frame)).map(pfn_to_u64)
}

/// Any hypercall.
pub(crate) fn call(domain: &Domain, number: u32, arguments: [usize; 5]) -> isize {
    // SAFETY: tests pass addresses of their own values, or none.
    unsafe { domain.call(number, arguments) }
}

pub(crate) fn grant_op<T: Plain>(domain: &Domain, command: u32, ops: &mut [T]) -> isize {
    let at = ops.as_mut_ptr().expose_provenance();
    call(domain, __HYPERVISOR_grant_table_op, [command as usize, at, ops.len(), 0, 0])
}

pub(crate) fn memory_op<T: Plain>(domain: &Domain, command: u32, op: &mut T) -> isize {
    let at = std::ptr::from_mut(op).expose_provenance();
    call(domain, __HYPERVISOR_memory_op, [command as usize, at, 0, 0, 0])
}

pub(crate) fn other_op<T: Plain>(domain: &Domain, number: u32, command: u32, op: &mut T) -> isize {
    let at = std::ptr::from_mut(op).expose_provenance();
    call(domain, number, [command as usize, at, 0, 0, 0])
}

pub(crate) fn add_to_physmap(domain: &Domain, space: u32, idx: u64, gfn: u64) -> isize {
    let mut op =
        xen_add_to_physmap { domid: DOMID_SELF, size: 0, space, idx: ulong(idx), gpfn: pfn(gfn) };
    memory_op(domain, XENMEM_add_to_physmap, &mut op)
}

pub(crate) fn set_version(domain: &Domain, version: u32) -> (isize, u32) {
    let mut op = [gnttab_set_version { version }];
    (grant_op(domain, GNTTABOP_set_version, &mut op), op[0].version)
}

/// An element that maps reference `ref_` of `granter`.
pub(crate) fn map_op(
    granter: &Domain,
    ref_: u32,
    flags: GrantMapFlags,
    target: &GuestTarget,
) -> gnttab_map_grant_ref {
    gnttab_map_grant_ref {
        host_addr: target.host_addr(),
        flags,
        ref_: grant_ref_t(ref_),
        dom: domid(granter),
        status: UNTOUCHED,
        ..gnttab_map_grant_ref::ZERO
    }
}

pub(crate) fn map(
    mapper: &Domain,
    granter: &Domain,
    ref_: u32,
    flags: GrantMapFlags,
    target: &GuestTarget,
) -> gnttab_map_grant_ref {
    let mut op = map_op(granter, ref_, flags, target);
    assert_eq!(grant_op(mapper, GNTTABOP_map_grant_ref, std::slice::from_mut(&mut op)), 0);
    op
}

/// Maps for the processor; the handle.
pub(crate) fn map_okay(
    mapper: &Domain,
    granter: &Domain,
    ref_: u32,
    readonly: bool,
    target: &GuestTarget,
) -> grant_handle_t {
    let flags = if readonly { GNTMAP_host_map | GNTMAP_readonly } else { GNTMAP_host_map };
    let op = map(mapper, granter, ref_, flags, target);
    assert_eq!(op.status, GNTST_okay);
    op.handle
}

pub(crate) fn unmap(
    mapper: &Domain,
    handle: grant_handle_t,
    host_addr: u64,
    dev_bus_addr: u64,
) -> GrantStatus {
    let mut op = gnttab_unmap_grant_ref {
        host_addr,
        dev_bus_addr,
        handle,
        status: UNTOUCHED,
        ..gnttab_unmap_grant_ref::ZERO
    };
    assert_eq!(grant_op(mapper, GNTTABOP_unmap_grant_ref, std::slice::from_mut(&mut op)), 0);
    op.status
}

/// Which end of a copy: a reference of a domain's, or an own frame.
pub(crate) fn end(domid: domid_t, u: gnttab_copy_ptr_u, offset: u16) -> gnttab_copy_ptr {
    gnttab_copy_ptr { u, domid, offset, ..gnttab_copy_ptr::ZERO }
}

pub(crate) fn by_ref(domain: &Domain, ref_: u32, offset: u16) -> gnttab_copy_ptr {
    end(domid(domain), gnttab_copy_ptr_u::from_ref(grant_ref_t(ref_)), offset)
}

pub(crate) fn by_frame(page: &GuestPage, offset: u16) -> gnttab_copy_ptr {
    end(DOMID_SELF, gnttab_copy_ptr_u::from_gmfn(page.frame()), offset)
}

pub(crate) fn copy(
    caller: &Domain,
    source: gnttab_copy_ptr,
    dest: gnttab_copy_ptr,
    len: u16,
    flags: GrantCopyFlags,
) -> GrantStatus {
    let mut op = gnttab_copy { source, dest, len, flags, status: UNTOUCHED, ..gnttab_copy::ZERO };
    assert_eq!(grant_op(caller, GNTTABOP_copy, std::slice::from_mut(&mut op)), 0);
    op.status
}

pub(crate) fn word32(domain: &Domain, at: usize) -> &AtomicU32 {
    // SAFETY: tests stay inside the table, which lives as long as the machine that `domain` holds.
    unsafe { domain.raw_table().shared().add(at).cast::<AtomicU32>().as_ref() }
}

/// A version 1 entry's first word.
pub(crate) fn header(domain: &Domain, ref_: u32) -> &AtomicU32 {
    word32(domain, ref_ as usize * 8)
}

/// A version 2 entry's first word.
pub(crate) fn header2(domain: &Domain, ref_: u32) -> &AtomicU32 {
    word32(domain, ref_ as usize * 16)
}

pub(crate) fn flags(domain: &Domain, ref_: u32) -> GrantEntryFlags {
    GrantEntryFlags(header(domain, ref_).load(Acquire) as u16)
}

/// Checks an order: for any two of `wrongs` together the first one's answer is `answer`.
///
/// `try_with` gives the answer with all wrongs done whose number it is told.
pub(crate) fn assert_order<A: PartialEq + std::fmt::Debug>(
    wrongs: &[(&str, A)],
    mut try_with: impl FnMut(&[usize]) -> A,
) {
    for (first, (name, answer)) in wrongs.iter().enumerate() {
        assert_eq!(try_with(&[first]), *answer, "{name}");
        for (second, (later, _)) in wrongs.iter().enumerate().skip(first + 1) {
            assert_eq!(try_with(&[first, second]), *answer, "{name} before {later}");
        }
    }
}

/// A version 2 entry's status word.
pub(crate) fn status(domain: &Domain, ref_: u32) -> GrantEntryFlags {
    let words = domain.raw_table().status();
    // SAFETY: as above.
    let word = unsafe { words.add(ref_ as usize * 2).cast::<AtomicU16>().as_ref() };
    GrantEntryFlags(word.load(Acquire))
}

/// Publishes a version 1 entry.
pub(crate) fn grant(
    domain: &Domain,
    ref_: u32,
    flags: GrantEntryFlags,
    to: domid_t,
    frame: xen_pfn_t,
) {
    word32(domain, ref_ as usize * 8 + 4).store(frame.0 as u32, Ordering::Relaxed);
    header(domain, ref_).store(u32::from(flags.bits()) | u32::from(to.0) << 16, Release);
}

/// Publishes a version 2 entry; `low` is what lies between header and frame.
pub(crate) fn grant2(
    domain: &Domain,
    ref_: u32,
    flags: GrantEntryFlags,
    to: domid_t,
    low: u32,
    frame: u64,
) {
    word32(domain, ref_ as usize * 16 + 4).store(low, Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { domain.raw_table().shared().add(ref_ as usize * 16 + 8).cast::<AtomicU64>().as_ref() }
        .store(frame, Ordering::Relaxed);
    header2(domain, ref_).store(u32::from(flags.bits()) | u32::from(to.0) << 16, Release);
}

/// Takes a version 1 grant back. False if it is in use.
pub(crate) fn revoke(domain: &Domain, ref_: u32) -> bool {
    let word = header(domain, ref_);
    let mut header = word.load(Ordering::Relaxed);
    loop {
        if GrantEntryFlags(header as u16).intersects(GTF_reading | GTF_writing) {
            return false;
        }
        match word.compare_exchange(header, 0, AcqRel, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(actual) => header = actual,
        }
    }
}

/// A page of `domain`'s granted by version 1 entry `ref_`.
pub(crate) fn granted(
    domain: &Domain,
    ref_: u32,
    flags: GrantEntryFlags,
    to: &Domain,
) -> GuestPage {
    let page = domain.page().unwrap();
    grant(domain, ref_, GTF_permit_access | flags, domid(to), page.frame());
    page
}

/// What raw hypercalls have mapped at `target`.
pub(crate) fn view_of(target: &GuestTarget) -> View<'_, ReadWrite> {
    // SAFETY: the memory is there as long as the machine; everybody accesses it atomically.
    unsafe { View::new(target.address()) }
}

/// One byte of a page.
pub(crate) fn byte(view: View<'_, ReadWrite>, at: usize) -> u8 {
    view.read_obj(at).unwrap()
}
