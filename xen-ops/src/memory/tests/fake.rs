//! A hypervisor of one process that does memory operations as Xen does: the same checks in the same
//! order, and the same results. Caller is domain 1; domain 2 is its peer, and there is no other.

#![allow(non_upper_case_globals, reason = "upstream's constants, as patterns")]

use core::cell::RefCell;
use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::collections::BTreeMap;
use std::vec::Vec;

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, domid_t, xen_pfn_t};
use xen_abi::{Errno, GuestHandle, Plain};

use crate::hypercall::Hypercall;

pub(super) const ME: domid_t = domid_t(1);
pub(super) const PEER: domid_t = domid_t(2);
/// The highest order that the caller may ask for.
pub(super) const MAX_ORDER: u32 = 9;
/// Frames that a grant table can have.
pub(super) const GRANT_FRAMES: u32 = 64;
/// Frames that each resource of the peer's has.
pub(super) const RESOURCE_FRAMES: u32 = 35;
/// Frames that Xen takes at a time when it maps a resource, and 4.14 in one call.
pub(super) const STRIDE: usize = 32;

/// Which kind of guest the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pv,
    Hvm,
    Arm,
}

/// What is behind a guest frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Ram,
    SharedInfo,
    Grant(u32),
    Status(u32),
    RemoteGrant(u64),
    Resource(u64),
}

pub(super) struct Xen {
    pub(super) kind: Kind,
    pub(super) state: RefCell<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The caller's guest-physical map; of a PV caller, its machine frames.
    pub(super) map: BTreeMap<u64, What>,
    /// Pages left in the host.
    pub(super) free: usize,
    /// Frames of the caller's grant table.
    pub(super) grant_frames: u32,
    /// Frames where mapping fails, and with what.
    pub(super) bad: BTreeMap<u64, Errno>,
    /// Frames where removing fails, and with what.
    pub(super) sticky: BTreeMap<u64, Errno>,
    /// Entry of a batch at which it finds bad memory.
    pub(super) fault_at: Option<usize>,
    /// Whether this is 4.14, where a resource's size is what one call maps.
    pub(super) is_4_14: bool,
    /// Each operation so far.
    pub(super) calls: Vec<u32>,
}

type Answer = Result<usize, Errno>;

/// A hypervisor that answers as it is told to: the operation and its argument in, the result out.
pub(super) struct Scripted<F>(pub(super) F);

// SAFETY: as `Xen`.
unsafe impl<F: Fn(u32, usize) -> isize> Hypercall for Scripted<F> {
    unsafe fn call(&self, number: u32, [operation, argument, ..]: [usize; 5]) -> isize {
        assert_eq!(number, __HYPERVISOR_memory_op);
        (self.0)(u32::try_from(operation).unwrap(), argument)
    }
}

/// Reads a value of the guest's.
pub(super) fn peek<T: Plain>(address: usize) -> T {
    // SAFETY: the wrappers under test hand over memory that is there.
    unsafe { with_exposed_provenance::<T>(address).read() }
}

/// Writes a value of the guest's.
pub(super) fn poke<T: Plain>(address: usize, value: T) {
    // SAFETY: as in `peek`.
    unsafe { with_exposed_provenance_mut::<T>(address).write(value) }
}

pub(super) fn at<T>(list: GuestHandle<T>, index: usize) -> usize {
    usize::try_from(list.addr()).unwrap() + index * size_of::<T>()
}

// SAFETY: touches what the argument's handles name, as the hypercall would.
unsafe impl Hypercall for Xen {
    unsafe fn call(&self, number: u32, [operation, argument, ..]: [usize; 5]) -> isize {
        assert_eq!(number, __HYPERVISOR_memory_op);
        let operation = u32::try_from(operation).unwrap();
        self.state.borrow_mut().calls.push(operation);
        match self.memory_op(operation, argument) {
            Ok(value) => isize::try_from(value).unwrap(),
            Err(errno) => -isize::try_from(errno.0).unwrap(),
        }
    }
}

impl Xen {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, state: RefCell::new(State { free: 1 << 20, ..State::default() }) }
    }

    pub(super) fn with_ram(self, frames: core::ops::Range<u64>) -> Self {
        self.state.borrow_mut().map.extend(frames.map(|frame| (frame, What::Ram)));
        self
    }

    pub(super) fn what(&self, frame: u64) -> Option<What> {
        self.state.borrow().map.get(&frame).copied()
    }

    pub(super) fn calls(&self) -> usize {
        self.state.borrow().calls.len()
    }

    fn translated(&self) -> bool {
        self.kind != Kind::Pv
    }

    fn memory_op(&self, operation: u32, argument: usize) -> Answer {
        match operation {
            XENMEM_increase_reservation | XENMEM_decrease_reservation | XENMEM_populate_physmap => {
                Ok(self.reservation(operation, peek(argument)))
            }
            XENMEM_exchange => self.exchange(argument),
            XENMEM_add_to_physmap => self.add(peek(argument)),
            XENMEM_add_to_physmap_batch => self.batch(peek(argument)),
            XENMEM_remove_from_physmap => self.remove(peek(argument)),
            XENMEM_acquire_resource => self.acquire(argument),
            XENMEM_maximum_ram_page => Ok(0x10_0000),
            XENMEM_current_reservation | XENMEM_maximum_reservation | XENMEM_maximum_gpfn => {
                let domain: xen_memory_domain = peek(argument);
                self.own(domain.domid)?;
                let state = self.state.borrow();
                Ok(match operation {
                    XENMEM_current_reservation => state.map.len(),
                    XENMEM_maximum_reservation => 1 << 20,
                    _ => state.map.keys().next_back().map_or(0, |frame| *frame as usize),
                })
            }
            _ => Err(XEN_ENOSYS),
        }
    }

    /// Finds out whether an unprivileged caller may say this domain.
    fn own(&self, domid: domid_t) -> Result<(), Errno> {
        match domid {
            DOMID_SELF | ME => Ok(()),
            PEER => Err(XEN_EPERM),
            _ => Err(XEN_ESRCH),
        }
    }

    fn reservation(&self, operation: u32, r: xen_memory_reservation) -> usize {
        let asked = r.nr_extents as usize;
        let bits = r.mem_flags & 0xff;
        if asked > (u32::MAX >> 6) as usize
            || self.own(r.domid).is_err()
            || (1..=12).contains(&bits)
            || r.extent_order > MAX_ORDER
            || (r.mem_flags & XENMEMF_populate_on_demand != 0
                && operation == XENMEM_populate_physmap)
        {
            return 0;
        }
        let pages = 1_usize << r.extent_order;
        let mut state = self.state.borrow_mut();
        for index in 0..asked {
            let slot = at(r.extent_start, index);
            if operation == XENMEM_decrease_reservation {
                let first = peek::<xen_pfn_t>(slot).0;
                for frame in first..first + pages as u64 {
                    if state.sticky.contains_key(&frame)
                        || state.map.get(&frame) != Some(&What::Ram)
                    {
                        return index;
                    }
                    state.map.remove(&frame);
                    state.free += 1;
                }
                continue;
            }
            if state.free < pages {
                return index;
            }
            state.free -= pages;
            let machine = 0x8_0000 + state.free as u64;
            let first = match self.translated() {
                true if operation == XENMEM_increase_reservation => continue,
                true => peek::<xen_pfn_t>(slot).0,
                false => {
                    poke(slot, xen_pfn_t(machine));
                    machine
                }
            };
            state.map.extend((first..first + pages as u64).map(|frame| (frame, What::Ram)));
        }
        asked
    }

    fn exchange(&self, argument: usize) -> Answer {
        let mut x: xen_memory_exchange = peek(argument);
        let (gives, takes) = (x.in_.nr_extents, x.out.nr_extents);
        if x.in_.extent_order.max(x.out.extent_order) > MAX_ORDER {
            return Err(XEN_EPERM);
        }
        if x.nr_exchanged > gives
            || x.in_.domid != x.out.domid
            || gives << x.in_.extent_order != takes << x.out.extent_order
        {
            return Err(XEN_EINVAL);
        }
        self.own(x.in_.domid)?;
        if self.translated() {
            return Err(XEN_EOPNOTSUPP);
        }
        assert_eq!((x.in_.extent_order, x.out.extent_order), (0, 0), "all that the tests need");
        let mut result = Ok(0);
        while x.nr_exchanged < gives {
            let index = x.nr_exchanged as usize;
            let mut state = self.state.borrow_mut();
            let given = peek::<xen_pfn_t>(at(x.in_.extent_start, index)).0;
            if !state.map.contains_key(&given) {
                result = Err(XEN_EINVAL);
                break;
            }
            if state.free == 0 {
                result = Err(XEN_ENOMEM);
                break;
            }
            state.map.remove(&given);
            state.free -= 1;
            let taken = 0x8_0000 + state.free as u64;
            state.map.insert(taken, What::Ram);
            poke(at(x.out.extent_start, index), xen_pfn_t(taken));
            x.nr_exchanged += 1;
        }
        poke(argument, x);
        result
    }

    fn add(&self, a: xen_add_to_physmap) -> Answer {
        if a.space == XENMAPSPACE_gmfn_foreign {
            return Err(XEN_ENOSYS);
        }
        self.own(a.domid)?;
        if !self.translated() {
            return Err(XEN_EACCES);
        }
        if a.space == XENMAPSPACE_dev_mmio {
            return Err(XEN_EACCES);
        }
        if a.gpfn.0 == !0 {
            return Err(XEN_EINVAL);
        }
        if a.space != XENMAPSPACE_gmfn_range {
            return self.place(a.space, DOMID_SELF, a.idx, a.gpfn.0);
        }
        if a.gpfn.0.checked_add(a.size.into()).is_none()
            || a.idx.checked_add(a.size.into()).is_none()
        {
            return Err(XEN_EOVERFLOW);
        }
        for offset in 0..u64::from(a.size) {
            self.place(XENMAPSPACE_gmfn, DOMID_SELF, a.idx + offset, a.gpfn.0 + offset)?;
        }
        Ok(0)
    }

    fn place(&self, space: u32, foreign: domid_t, idx: u64, gpfn: u64) -> Answer {
        let mut state = self.state.borrow_mut();
        if let Some(errno) = state.bad.get(&gpfn) {
            return Err(*errno);
        }
        let what = match space {
            XENMAPSPACE_shared_info if idx == 0 => What::SharedInfo,
            XENMAPSPACE_grant_table => {
                let idx = u32::try_from(idx).map_err(|_| XEN_EINVAL)?;
                let frame = idx & !XENMAPIDX_grant_table_status;
                if frame >= GRANT_FRAMES {
                    return Err(XEN_EINVAL);
                }
                state.grant_frames = state.grant_frames.max(frame + 1);
                if idx == frame { What::Grant(frame) } else { What::Status(frame) }
            }
            XENMAPSPACE_gmfn if self.kind == Kind::Hvm => {
                if state.map.get(&idx) != Some(&What::Ram) {
                    return Err(XEN_EACCES);
                }
                What::Ram
            }
            XENMAPSPACE_gmfn_foreign => match foreign {
                DOMID_SELF => return Err(XEN_ESRCH),
                ME => return Err(if self.kind == Kind::Arm { XEN_EPERM } else { XEN_EINVAL }),
                PEER if idx < 0x1000 => What::RemoteGrant(idx),
                PEER => return Err(XEN_EINVAL),
                _ => return Err(XEN_ESRCH),
            },
            XENMAPSPACE_shared_info => return Err(XEN_EINVAL),
            _ if self.kind == Kind::Arm => return Err(XEN_ENOSYS),
            _ => return Err(XEN_EINVAL),
        };
        let unique = !matches!(what, What::Ram | What::RemoteGrant(_));
        let before = unique.then(|| state.map.iter().find(|(_, there)| **there == what)).flatten();
        let before = before.map(|(frame, _)| *frame);
        if before.is_some() && self.kind == Kind::Arm {
            return Err(XEN_EBUSY);
        }
        for old in before.into_iter().chain((what == What::Ram).then_some(idx)) {
            state.map.remove(&old);
        }
        state.map.insert(gpfn, what);
        Ok(0)
    }

    fn batch(&self, a: xen_add_to_physmap_batch) -> Answer {
        let space = u32::from(a.space);
        if space == XENMAPSPACE_gmfn_range {
            return Err(XEN_EOPNOTSUPP);
        }
        self.own(a.domid)?;
        if !self.translated() || space == XENMAPSPACE_dev_mmio {
            return Err(XEN_EACCES);
        }
        for index in 0..usize::from(a.size) {
            if self.state.borrow().fault_at == Some(index) {
                return Err(XEN_EFAULT);
            }
            let gpfn = peek::<xen_pfn_t>(at(a.gpfns, index)).0;
            if gpfn == !0 {
                return Err(XEN_EINVAL);
            }
            let idx = peek(at(a.idxs, index));
            let err = match self.place(space, *a.u.foreign_domid(), idx, gpfn) {
                Ok(_) => 0,
                Err(errno) => -(errno.0 as i32),
            };
            poke(at(a.errs, index), err);
        }
        Ok(0)
    }

    fn remove(&self, a: xen_remove_from_physmap) -> Answer {
        self.own(a.domid)?;
        if !self.translated() {
            return Err(XEN_EACCES);
        }
        let mut state = self.state.borrow_mut();
        if let Some(errno) = state.sticky.get(&a.gpfn.0) {
            return Err(*errno);
        }
        state.map.remove(&a.gpfn.0).map(|_| 0).ok_or(XEN_ENOENT)
    }

    fn acquire(&self, argument: usize) -> Answer {
        let mut a: xen_mem_acquire_resource = peek(argument);
        if self.state.borrow().is_4_14 {
            if a.frame_list.is_null() && a.nr_frames == 0 {
                poke(argument, xen_mem_acquire_resource { nr_frames: STRIDE as u32, ..a });
                return Ok(0);
            }
            if a.nr_frames as usize > STRIDE {
                return Err(XEN_E2BIG);
            }
        }
        if a.pad != 0 || (a.frame + u64::from(a.nr_frames)) >> 32 != 0 {
            return Err(XEN_EINVAL);
        }
        match a.domid {
            ME => return Err(XEN_EPERM),
            PEER => {}
            _ => return Err(XEN_ESRCH),
        }
        if u32::from(a.type_) > XENMEM_resource_vmtrace_buf {
            return Err(XEN_EINVAL);
        }
        if a.frame_list.is_null() {
            if a.nr_frames != 0 {
                return Err(XEN_EINVAL);
            }
            a.nr_frames = RESOURCE_FRAMES;
            poke(argument, a);
            return Ok(0);
        }
        if a.nr_frames == 0 || a.nr_frames > u32::MAX >> 6 {
            return Err(XEN_EINVAL);
        }
        let count = a.nr_frames as usize;
        for from in (0..count).step_by(STRIDE) {
            let to = (from + STRIDE).min(count);
            if a.frame + to as u64 > RESOURCE_FRAMES.into() {
                return Err(XEN_EINVAL);
            }
            for index in from..to {
                let slot = at(a.frame_list, index);
                let page = a.frame + index as u64;
                if !self.translated() {
                    poke(slot, xen_pfn_t(0x9_0000 + page));
                    continue;
                }
                let gfn = peek::<xen_pfn_t>(slot).0;
                let mut state = self.state.borrow_mut();
                if let Some(errno) = state.bad.get(&gfn) {
                    return Err(if index == from { *errno } else { XEN_EIO });
                }
                state.map.insert(gfn, What::Resource(page));
            }
        }
        Ok(0)
    }
}
