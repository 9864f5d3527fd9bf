//! The hostile hypervisor.

#![allow(unsafe_code, reason = "answers hypercalls, whose arguments are addresses")]
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

use std::cell::RefCell;
use std::collections::BTreeSet;

use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_grant_table_op, __HYPERVISOR_memory_op, xen_pfn_t};
use xen_abi::{GrantStatus, GuestHandle, Plain};
use xen_ops::hypercall::{Hypercall, UNTOUCHED};

use crate::bytes::Bytes;

/// More elements than the guest here passes.
const MAX_ELEMENTS: usize = 64;

/// Answers hypercalls as the bytes decide, and records what is really mapped.
pub(crate) struct Hostile<'b> {
    bytes: &'b Bytes<'b>,
    /// Host addresses at which something is mapped, or may be mapped because the answer was invalid.
    pub(crate) mapped: RefCell<BTreeSet<u64>>,
}

impl<'b> Hostile<'b> {
    pub(crate) const fn new(bytes: &'b Bytes<'b>) -> Self {
        Self { bytes, mapped: RefCell::new(BTreeSet::new()) }
    }

    /// A status of Xen, or any other number.
    fn status(&self) -> GrantStatus {
        match self.bytes.byte() {
            0..=150 => GNTST_okay,
            151..=200 => GrantStatus(-i16::from(self.bytes.byte() % 14)),
            201..=220 => GrantStatus(i16::from(self.bytes.byte())),
            _ => GrantStatus(self.bytes.number() as i16),
        }
    }

    fn map(&self, op: &mut gnttab_map_grant_ref) {
        op.status = self.status();
        op.handle = grant_handle_t(self.bytes.byte().into());
        op.dev_bus_addr = self.bytes.number();
        // An error of Xen means that nothing is mapped; an invalid status can mean anything.
        if !(-13..0).contains(&op.status.0) {
            self.mapped.borrow_mut().insert(op.host_addr);
        }
    }

    fn unmap(&self, op: &mut gnttab_unmap_grant_ref) {
        op.status = self.status();
        if op.status.is_okay() {
            self.mapped.borrow_mut().remove(&op.host_addr);
        }
    }

    /// Maps elements. If the hypercall fails half way, one more may be mapped without a status.
    ///
    /// # Safety
    ///
    /// As for a hypercall.
    unsafe fn map_all(&self, address: usize, count: usize) -> isize {
        // SAFETY: the caller's promise.
        let result = unsafe { self.batch(address, count, |op| self.map(op)) };
        let begun = ![0, -1, -22, -38, -95].contains(&result);
        if begun && count <= MAX_ELEMENTS && self.bytes.is_kind() {
            let first = std::ptr::with_exposed_provenance::<gnttab_map_grant_ref>(address);
            // SAFETY: the caller's promise.
            let elements = unsafe { std::slice::from_raw_parts(first, count) };
            let lost = elements.iter().find(|op| op.status == UNTOUCHED);
            self.mapped.borrow_mut().extend(lost.map(|op| op.host_addr));
        }
        result
    }

    /// Applies `each` to elements up to some element, and returns the hypercall's result.
    ///
    /// # Safety
    ///
    /// `address` is that of `count` values that may be written.
    unsafe fn batch<T: Plain>(
        &self,
        address: usize,
        count: usize,
        mut each: impl FnMut(&mut T),
    ) -> isize {
        let result = self.bytes.result();
        let done = if result == 0 || self.bytes.is_kind() {
            count
        } else {
            usize::from(self.bytes.byte()) % count.max(1)
        };
        for at in 0..done.min(count).min(MAX_ELEMENTS) {
            let element = std::ptr::with_exposed_provenance_mut::<T>(address).wrapping_add(at);
            // SAFETY: the caller's promise.
            each(unsafe { &mut *element });
        }
        result
    }

    /// Fills a list of the caller with any numbers.
    ///
    /// # Safety
    ///
    /// `list` is the address of `count` values that may be written.
    unsafe fn list<T: Plain>(&self, list: GuestHandle<T>, count: usize, value: impl Fn(u64) -> T) {
        let _ = unsafe {
            // SAFETY: the caller's promise.
            self.batch::<T>(list.addr() as usize, count, |element| {
                *element = value(self.bytes.number());
            })
        };
    }

    /// # Safety
    ///
    /// As for a hypercall.
    unsafe fn grant_table_op(&self, command: u32, address: usize, count: usize) -> isize {
        // SAFETY: the guest passes `count` elements of the command's type, which may be written, and whose
        // lists have the lengths that they state.
        unsafe {
            match command {
                GNTTABOP_map_grant_ref => self.map_all(address, count),
                GNTTABOP_unmap_grant_ref => self.batch(address, count, |op| self.unmap(op)),
                GNTTABOP_copy => {
                    self.batch(address, count, |op: &mut gnttab_copy| op.status = self.status())
                }
                GNTTABOP_swap_grant_ref => {
                    self.batch(address, count, |op: &mut gnttab_swap_grant_ref| {
                        op.status = self.status();
                    })
                }
                GNTTABOP_query_size => self.batch(address, 1, |op: &mut gnttab_query_size| {
                    let kind = self.bytes.is_kind();
                    op.nr_frames = if kind { 1 } else { self.bytes.number() as u32 };
                    op.max_nr_frames = if kind { 4 } else { self.bytes.number() as u32 };
                    op.status = self.status();
                }),
                GNTTABOP_set_version => self.batch(address, 1, |op: &mut gnttab_set_version| {
                    if !self.bytes.is_kind() {
                        op.version = self.bytes.byte().into();
                    }
                }),
                GNTTABOP_setup_table => self.batch(address, 1, |op: &mut gnttab_setup_table| {
                    op.status = self.status();
                    self.list(op.frame_list, op.nr_frames as usize, frame);
                }),
                _ => self.bytes.result(),
            }
        }
    }

    /// # Safety
    ///
    /// As for a hypercall.
    unsafe fn memory_op(&self, command: u32, address: usize) -> isize {
        // SAFETY: the guest passes one argument of the command's type, which may be written, and whose lists
        // have the lengths that it states.
        unsafe {
            match command {
                XENMEM_acquire_resource => {
                    self.batch(address, 1, |op: &mut xen_mem_acquire_resource| {
                        if !op.frame_list.is_null() {
                            self.list(op.frame_list, op.nr_frames as usize, frame);
                        }
                        op.nr_frames = self.bytes.number() as u32;
                    })
                }
                XENMEM_add_to_physmap_batch => {
                    self.batch(address, 1, |op: &mut xen_add_to_physmap_batch| {
                        self.list(op.errs, op.size.into(), |err| err as i32);
                    })
                }
                XENMEM_memory_map | XENMEM_machine_memory_map => {
                    self.batch(address, 1, |op: &mut xen_memory_map| {
                        let bytes = op.nr_entries as usize * 20;
                        self.list(op.buffer.cast(), bytes, |byte| byte as u8);
                        op.nr_entries = self.bytes.number() as u32;
                    })
                }
                XENMEM_reserved_device_memory_map => {
                    self.batch(address, 1, |op: &mut xen_reserved_device_memory_map| {
                        op.nr_entries = self.bytes.number() as u32;
                    })
                }
                XENMEM_get_vnumainfo => {
                    self.batch(address, 1, |op: &mut xen_vnuma_topology_info| {
                        op.nr_vnodes = self.bytes.number() as u32;
                        op.nr_vcpus = self.bytes.number() as u32;
                        op.nr_vmemranges = self.bytes.number() as u32;
                    })
                }
                _ => self.bytes.result(),
            }
        }
    }
}

// SAFETY: of the trait's requirements it fulfils those about memory: it writes only what hypercalls write.
// What it writes there is arbitrary on purpose.
unsafe impl Hypercall for Hostile<'_> {
    unsafe fn call(&self, number: u32, [command, first, second, ..]: [usize; 5]) -> isize {
        // SAFETY: the caller's promise.
        unsafe {
            match number {
                __HYPERVISOR_grant_table_op => self.grant_table_op(command as u32, first, second),
                __HYPERVISOR_memory_op => self.memory_op(command as u32, first),
                _ => self.bytes.result(),
            }
        }
    }
}

/// A number as a frame's, of which 32-bit x86 has 32 bits.
fn frame(number: u64) -> xen_pfn_t {
    xen_pfn_t(number as _)
}
