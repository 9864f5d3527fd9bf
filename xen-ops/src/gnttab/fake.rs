//! A scripted hypervisor: it reads and writes the arguments as Xen does, and fails as it is told to.

#![allow(unsafe_code, reason = "stands for the hypervisor")]
#![allow(non_upper_case_globals, reason = "upstream's names in patterns")]

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell, UnsafeCell};
use core::fmt;
use core::ptr::{self, NonNull};

use xen_abi::GrantStatus;
use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, domid_t, xen_pfn_t};

use super::RemoteGrant;
use crate::DomainId;
use crate::hypercall::Hypercall;
use crate::page::{MapTarget, PAGE_SIZE, Page};

/// What to do with the next element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// Do it.
    Do,
    /// Leave this status and do nothing.
    Status(i16),
    /// Go on without a status.
    Skip,
    /// Do nothing, and end the hypercall.
    Fault,
    /// Do it, but end the hypercall without a status.
    DoThenFault,
}

#[derive(Default)]
pub(super) struct Fake {
    /// For the next elements; those behind are simply done.
    pub(super) script: RefCell<VecDeque<Answer>>,
    /// For each hypercall from the next on: its result in place of the true one.
    pub(super) results: RefCell<VecDeque<isize>>,
    /// Command and count of each hypercall so far.
    pub(super) calls: RefCell<Vec<(u32, usize)>>,
    /// By handle: what is mapped.
    pub(super) mapped: RefCell<BTreeMap<u32, gnttab_map_grant_ref>>,
    /// Elements that were unmapped, copied and so on, as they came in.
    pub(super) unmaps: RefCell<Vec<gnttab_unmap_grant_ref>>,
    pub(super) copies: RefCell<Vec<gnttab_copy>>,
    pub(super) flushes: RefCell<Vec<gnttab_cache_flush>>,
    /// The device address that maps report: 0 for a made-up one.
    pub(super) no_device_address: Cell<bool>,
    /// Frames without memory.
    pub(super) holes: RefCell<Vec<xen_pfn_t>>,
    handles: Cell<u32>,
}

impl Fake {
    pub(super) fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.borrow_mut().extend(answers);
    }

    /// Element counts of the calls of `command`.
    pub(super) fn counts(&self, command: u32) -> Vec<usize> {
        let calls = self.calls.borrow();
        calls.iter().filter(|call| call.0 == command).map(|call| call.1).collect()
    }

    /// Host addresses at which something is mapped.
    pub(super) fn mapped_at(&self) -> Vec<u64> {
        self.mapped.borrow().values().map(|map| map.host_addr).collect()
    }

    fn batch<T: Copy>(
        &self,
        at: usize,
        count: usize,
        one: impl Fn(&mut T) -> GrantStatus,
        status: impl Fn(&mut T) -> &mut GrantStatus,
    ) -> isize {
        let elements = ptr::with_exposed_provenance_mut::<T>(at);
        for index in 0..count {
            // SAFETY: the caller of the hypercall passes that many.
            let element = unsafe { &mut *elements.add(index) };
            let answer = self.script.borrow_mut().pop_front();
            match answer {
                None | Some(Answer::Do) => {
                    let done = one(element);
                    *status(element) = done;
                }
                Some(Answer::Status(value)) => *status(element) = GrantStatus(value),
                Some(Answer::Skip) => {}
                Some(Answer::Fault) => return -14,
                Some(Answer::DoThenFault) => {
                    let mut copy = *element;
                    one(&mut copy);
                    return -14;
                }
            }
        }
        0
    }

    fn map(&self, op: &mut gnttab_map_grant_ref) -> GrantStatus {
        let handle = self.handles.replace(self.handles.get() + 1);
        self.mapped.borrow_mut().insert(handle, *op);
        op.handle = grant_handle_t(handle);
        op.dev_bus_addr = if self.no_device_address.get() { 0 } else { device_address(op.ref_) };
        GNTST_okay
    }

    fn unmap(&self, handle: grant_handle_t, host_addr: u64, dev_bus_addr: u64) -> GrantStatus {
        let mut mapped = self.mapped.borrow_mut();
        let Some(entry) = mapped.get_mut(&handle.0) else { return GNTST_bad_handle };
        let device = entry.flags & GNTMAP_device_map != 0 && dev_bus_addr != 0;
        if device && dev_bus_addr != device_address(entry.ref_) {
            return GNTST_bad_dev_addr;
        }
        if host_addr != 0 && host_addr != entry.host_addr {
            return GNTST_general_error;
        }
        if host_addr != 0 {
            entry.flags &= !GNTMAP_host_map;
        }
        if device {
            entry.flags &= !GNTMAP_device_map;
        }
        if entry.flags & (GNTMAP_host_map | GNTMAP_device_map) == 0 {
            mapped.remove(&handle.0);
        }
        GNTST_okay
    }

    fn grant_table_op(&self, command: u32, at: usize, count: usize) -> isize {
        match command {
            GNTTABOP_map_grant_ref => self.batch(at, count, |op| self.map(op), |op| &mut op.status),
            GNTTABOP_unmap_grant_ref => self.batch(
                at,
                count,
                |op: &mut gnttab_unmap_grant_ref| {
                    self.unmaps.borrow_mut().push(*op);
                    self.unmap(op.handle, op.host_addr, op.dev_bus_addr)
                },
                |op| &mut op.status,
            ),
            GNTTABOP_unmap_and_replace => self.batch(
                at,
                count,
                |op: &mut gnttab_unmap_and_replace| self.unmap(op.handle, op.host_addr, 0),
                |op| &mut op.status,
            ),
            GNTTABOP_copy => self.batch(
                at,
                count,
                |op: &mut gnttab_copy| {
                    self.copies.borrow_mut().push(*op);
                    GNTST_okay
                },
                |op| &mut op.status,
            ),
            GNTTABOP_swap_grant_ref => self.batch(
                at,
                count,
                |_: &mut gnttab_swap_grant_ref| GNTST_okay,
                |op| &mut op.status,
            ),
            GNTTABOP_transfer => {
                self.batch(at, count, |_: &mut gnttab_transfer| GNTST_okay, |op| &mut op.status)
            }
            GNTTABOP_cache_flush => {
                let elements = ptr::with_exposed_provenance::<gnttab_cache_flush>(at);
                for index in 0..count {
                    // SAFETY: the caller of the hypercall passes that many.
                    self.flushes.borrow_mut().push(unsafe { *elements.add(index) });
                }
                0
            }
            _ => -38,
        }
    }

    fn memory_op(&self, command: u32, at: usize) -> isize {
        // SAFETY: the caller passes a reservation with its list.
        let frames = unsafe {
            let reservation = &*ptr::with_exposed_provenance::<xen_memory_reservation>(at);
            assert_eq!((reservation.nr_extents, reservation.extent_order), (1, 0));
            *ptr::with_exposed_provenance::<xen_pfn_t>(reservation.extent_start.addr() as usize)
        };
        let mut holes = self.holes.borrow_mut();
        match command {
            XENMEM_decrease_reservation => holes.push(frames),
            XENMEM_populate_physmap => holes.retain(|hole| *hole != frames),
            _ => return -38,
        }
        1
    }
}

/// The machine address that the fake gives the frame behind a grant.
pub(super) fn device_address(reference: grant_ref_t) -> u64 {
    0xf000_0000 + u64::from(reference.0) * PAGE_SIZE as u64
}

// SAFETY: touches only what the hypercalls say.
unsafe impl Hypercall for Fake {
    unsafe fn call(&self, number: u32, [command, at, count, ..]: [usize; 5]) -> isize {
        let command = command as u32;
        let scripted = self.results.borrow_mut().pop_front();
        if number == __HYPERVISOR_memory_op {
            self.calls.borrow_mut().push((command, 1));
            return scripted.unwrap_or_else(|| self.memory_op(command, at));
        }
        self.calls.borrow_mut().push((command, count));
        match scripted {
            Some(refused @ (-1 | -22 | -38 | -95)) => refused,
            other => {
                let result = self.grant_table_op(command, at, count);
                other.unwrap_or(result)
            }
        }
    }
}

#[repr(C, align(4096))]
struct Frame(UnsafeCell<[u8; PAGE_SIZE]>);

/// The fake, memory, and a list of what was given back.
pub(super) struct Rig {
    pub(super) xen: Fake,
    frames: Vec<Frame>,
    /// Numbers of targets and pages that were dropped, so that they could be used again.
    pub(super) returned: RefCell<Vec<u64>>,
}

impl Rig {
    pub(super) fn new() -> Self {
        let frames = (0..8).map(|_| Frame(UnsafeCell::new([0; PAGE_SIZE]))).collect();
        Self { xen: Fake::default(), frames, returned: RefCell::default() }
    }

    /// A target, or a page: number `number`, counted from 1.
    pub(super) fn room(&self, number: u64) -> Room<'_> {
        Room { number, rig: self }
    }
}

pub(super) fn peer(number: u16) -> DomainId {
    DomainId::new(domid_t(number)).expect("a small number")
}

pub(super) fn grant(reference: u32) -> RemoteGrant {
    RemoteGrant::new(peer(7), grant_ref_t(reference))
}

pub(super) fn addr(number: u64) -> u64 {
    number * PAGE_SIZE as u64
}

/// A target, page or spare frame that tells when it is dropped, and holds nothing that could leak.
pub(super) struct Room<'r> {
    pub(super) number: u64,
    rig: &'r Rig,
}

impl fmt::Debug for Room<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({})", self.number)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        assert!(!self.rig.xen.mapped_at().contains(&addr(self.number)), "given back while mapped");
        self.rig.returned.borrow_mut().push(self.number);
    }
}

impl Room<'_> {
    fn memory(&self) -> NonNull<u8> {
        let frame = &self.rig.frames[(self.number as usize).saturating_sub(1)];
        NonNull::new(frame.0.get()).expect("inside a vector").cast()
    }
}

// SAFETY: tests use each number once.
unsafe impl MapTarget for Room<'_> {
    fn host_addr(&self) -> u64 {
        addr(self.number)
    }

    fn address(&self) -> NonNull<u8> {
        self.memory()
    }
}

// SAFETY: tests use each number once.
unsafe impl Page for Room<'_> {
    fn frame(&self) -> xen_pfn_t {
        xen_pfn_t(self.number as _)
    }

    fn address(&self) -> NonNull<u8> {
        self.memory()
    }
}

// SAFETY: tests use each number once.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
unsafe impl super::transfer::Spare for Room<'_> {
    fn frame(&self) -> xen_pfn_t {
        xen_pfn_t(self.number as _)
    }
}
