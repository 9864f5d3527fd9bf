//! What a domain does with others' grants.

mod balloon;
mod batch;
mod copy;
mod deferred;
mod one;
mod others;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod transfer;

use std::cell::RefCell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use xen_abi::grant_table::{GTF_permit_access, GrantEntryFlags, grant_ref_t};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::RemoteGrant;
use xen_ops::hypercall::grant_table_op::setup_table;
use xen_ops::memory::{Space, add_to_physmap};
use xen_ops::page::{MapTarget, Page as _};
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

use crate::lies::Lies;
use crate::{pfn, pfn_to_u64};

/// The first reference that is not the toolstack's.
const FIRST: u32 = 8;
/// Numbers of the two domains that grant pages.
const PEERS: [u16; 2] = [7, 8];
const TARGETS: u64 = 8;

/// A guest, its way to Xen, and two peers that grant it pages.
struct Rig {
    machine: Xen,
    xen: Lies<Domain>,
    peers: [Domain; 2],
    granted: Vec<xen_sim::GuestPage>,
    targets: Vec<xen_sim::GuestTarget>,
    /// Numbers of targets and pages that were dropped, so that they can be used again.
    returned: RefCell<Vec<u64>>,
}

impl Rig {
    /// A translated guest, and peers that grant 8 pages each.
    fn new() -> Self {
        Self::with(GuestKind::Pvh, 8)
    }

    /// A guest of this kind, and peers that grant it the references from [`FIRST`] to `FIRST + grants`.
    fn with(kind: GuestKind, grants: u32) -> Self {
        let machine = Xen::builder().frames(64 + 4 * grants as usize).build();
        let config = |domid| {
            let pages = (grants as usize).max(TARGETS as usize);
            DomainConfig::new(kind)
                .domid(domid_t(domid))
                .pages(pages)
                .max_grant_frames(1)
                .max_maptrack_frames(1)
        };
        let us = machine.domain(config(1)).expect("enough memory");
        let peers = PEERS.map(|domid| machine.domain(config(domid)).expect("enough memory"));
        let mut granted = Vec::new();
        attach_table(&us);
        for peer in &peers {
            attach_table(peer);
            for reference in FIRST..FIRST + grants {
                let page = peer.page().expect("one for each grant");
                publish(peer, reference, &us, page.frame());
                granted.push(page);
            }
        }
        let targets = (0..TARGETS).map(|_| us.target()).collect();
        let xen = Lies::new(us);
        Self { machine, xen, peers, granted, targets, returned: RefCell::default() }
    }

    /// The target with this number, counted from 1. Number 0 is a target at address 0.
    fn target(&self, number: u64) -> Target<'_> {
        Target { number, rig: self }
    }

    /// A page of the guest's own. It is told as returned by its frame number.
    fn page(&self) -> OwnPage<'_> {
        OwnPage { page: self.xen.truth().page().expect("a page is left"), rig: self }
    }

    /// What the first peer granted under this reference.
    fn granted(&self, reference: u32) -> &xen_sim::GuestPage {
        &self.granted[(reference - FIRST) as usize]
    }

    /// Numbers of the targets where something is mapped.
    fn mapped(&self) -> Vec<u64> {
        (1..=TARGETS).filter(|number| self.is_mapped(*number)).collect()
    }

    fn is_mapped(&self, number: u64) -> bool {
        let nothing = self.xen.truth().address_of(pfn(u64::MAX));
        self.at(number).is_some_and(|target| target.address() != nothing)
    }

    fn at(&self, number: u64) -> Option<&xen_sim::GuestTarget> {
        self.targets.get((number as usize).checked_sub(1)?)
    }

    fn addr(&self, number: u64) -> u64 {
        self.at(number).map_or(0, MapTarget::host_addr)
    }

    fn returned(&self) -> Vec<u64> {
        self.returned.borrow().clone()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.machine.check_invariants().expect("what is true at all times");
        }
    }
}

/// Attaches the first frame of a domain's table, which the simulator has in memory already.
fn attach_table(domain: &Domain) {
    if domain.kind() == GuestKind::Pv {
        setup_table(domain, DOMID_SELF, &mut [xen_pfn_t(0)]).expect("there is one");
        return;
    }
    let at = xen_pfn_t(0xf_0000);
    // SAFETY: nothing is at this guest frame.
    unsafe { add_to_physmap(domain, DOMID_SELF, Space::GrantTable { frame: 0 }, at) }
        .expect("there is one");
}

/// Lets `to` map and write a page.
fn publish(granter: &Domain, reference: u32, to: &Domain, frame: xen_pfn_t) {
    publish_as(GTF_permit_access, granter, reference, to, frame);
}

/// Publishes an entry of version 1.
fn publish_as(
    flags: GrantEntryFlags,
    granter: &Domain,
    reference: u32,
    to: &Domain,
    frame: xen_pfn_t,
) {
    word(granter, reference * 8 + 4).store(frame.0 as u32, Relaxed);
    let header = u32::from(flags.bits()) | u32::from(to.domid().domid().0) << 16;
    word(granter, reference * 8).store(header, Release);
}

/// The header of an entry.
fn header(granter: &Domain, reference: u32) -> u32 {
    word(granter, reference * 8).load(Acquire)
}

fn word(granter: &Domain, at: u32) -> &AtomicU32 {
    // SAFETY: inside the first frame of the table, which lives as long as the machine and is accessed
    // atomically.
    unsafe { granter.raw_table().shared().add(at as usize).cast::<AtomicU32>().as_ref() }
}

/// What the first peer may have granted under this reference.
fn grant(reference: u32) -> RemoteGrant {
    grant_of(0, reference)
}

fn grant_of(peer: usize, reference: u32) -> RemoteGrant {
    let domain = domid_t(PEERS[peer]).try_into().expect("an ordinary domain");
    RemoteGrant::new(domain, grant_ref_t(reference))
}

/// A target that is noted when it is dropped, and must be empty then.
struct Target<'r> {
    number: u64,
    rig: &'r Rig,
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        assert!(!self.rig.is_mapped(self.number), "returned while something is mapped there");
        self.rig.returned.borrow_mut().push(self.number);
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.number).finish()
    }
}

// SAFETY: the simulator's own target, of which each test uses a number once. Nothing is mapped at
// address 0.
unsafe impl MapTarget for Target<'_> {
    fn host_addr(&self) -> u64 {
        self.rig.addr(self.number)
    }

    fn address(&self) -> NonNull<u8> {
        self.rig.at(self.number).map_or(NonNull::dangling(), MapTarget::address)
    }
}

/// A page that is noted when it is dropped, and must have memory then.
struct OwnPage<'r> {
    page: xen_sim::GuestPage,
    rig: &'r Rig,
}

impl OwnPage<'_> {
    fn number(&self) -> u64 {
        pfn_to_u64(self.page.frame())
    }
}

impl Drop for OwnPage<'_> {
    fn drop(&mut self) {
        let memory = self.rig.xen.truth().machine_frame(pfn(self.number()));
        assert!(memory.is_some(), "returned without memory");
        self.rig.returned.borrow_mut().push(self.number());
    }
}

impl fmt::Debug for OwnPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnPage").field(&self.number()).finish()
    }
}

// SAFETY: the simulator's own page.
unsafe impl xen_ops::page::Page for OwnPage<'_> {
    fn frame(&self) -> xen_pfn_t {
        self.page.frame()
    }

    fn address(&self) -> NonNull<u8> {
        self.page.address()
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
// SAFETY: nothing maps the page, and nothing looks at it.
unsafe impl xen_ops::gnttab::transfer::Spare for OwnPage<'_> {
    fn frame(&self) -> xen_pfn_t {
        self.page.frame()
    }
}
