//! The invariants hold whatever guests do: random operations of three domains.

use proptest::prelude::*;
use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{Domain, DomainConfig, GuestKind, GuestPage, GuestTarget, Xen};

use crate::support::*;

const DOMAINS: usize = 3;
const REFS: u32 = 6;

#[derive(Clone, Debug)]
enum Step {
    Grant { from: usize, to: usize, ref_: u32, readonly: bool },
    Revoke { from: usize, ref_: u32 },
    Map { by: usize, from: usize, ref_: u32, flags: GrantMapFlags },
    Unmap { by: usize, mapping: usize, host: bool, device: bool },
    Copy { by: usize, from: usize, ref_: u32, write: bool, offset: u16, len: u16 },
    Swap { by: usize, a: u32, b: u32 },
    SetVersion { by: usize, version: u32 },
    Decrease { by: usize },
    Populate { by: usize, gfn: u64 },
    Fault { by: usize, which: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let domain = || 0..DOMAINS;
    // References 0 to 7 are the toolstack's, which these guests leave alone.
    let ref_ = || 8..8 + REFS;
    let flags = prop::sample::select(vec![
        GNTMAP_host_map,
        GNTMAP_host_map | GNTMAP_readonly,
        GNTMAP_device_map,
        GNTMAP_host_map | GNTMAP_device_map,
        GNTMAP_readonly,
    ]);
    let step = prop_oneof![
        3 => (domain(), domain(), ref_(), any::<bool>())
            .prop_map(|(from, to, ref_, readonly)| Step::Grant { from, to, ref_, readonly }),
        2 => (domain(), ref_()).prop_map(|(from, ref_)| Step::Revoke { from, ref_ }),
        5 => (domain(), domain(), ref_(), flags)
            .prop_map(|(by, from, ref_, flags)| Step::Map { by, from, ref_, flags }),
        4 => (domain(), any::<usize>(), any::<bool>(), any::<bool>()).prop_map(
            |(by, mapping, host, device)| Step::Unmap { by, mapping, host, device }
        ),
        3 => (domain(), domain(), ref_(), any::<bool>(), 0..5000_u16, 0..5000_u16).prop_map(
            |(by, from, ref_, write, offset, len)| {
                Step::Copy { by, from, ref_, write, offset, len }
            }
        ),
        1 => (domain(), ref_(), ref_()).prop_map(|(by, a, b)| Step::Swap { by, a, b }),
        1 => (domain(), 0..4_u32).prop_map(|(by, version)| Step::SetVersion { by, version }),
        1 => domain().prop_map(|by| Step::Decrease { by }),
        1 => (domain(), 0..4_u64).prop_map(|(by, gfn)| Step::Populate { by, gfn }),
        2 => (domain(), 0..8_u8).prop_map(|(by, which)| Step::Fault { by, which }),
    ];
    prop::collection::vec(step, 1..if cfg!(miri) { 20 } else { 80 })
}

/// A guest that keeps to the protocol.
struct Guest {
    domain: Domain,
    version: u32,
    /// The page of each reference that is granted.
    pages: Vec<Option<GuestPage>>,
    mappings: Vec<(gnttab_map_grant_ref, GuestTarget)>,
}

impl Guest {
    fn new(xen: &Xen, kind: GuestKind) -> Self {
        let domain = guest(xen, DomainConfig::new(kind).pages(12).max_grant_frames(1));
        let pages = (0..REFS).map(|_| None).collect();
        Self { domain, version: 1, pages, mappings: Vec::new() }
    }

    fn grant(&mut self, ref_: u32, readonly: bool, to: domid_t) {
        let place = (ref_ - 8) as usize;
        let Some(page) = self.domain.page().filter(|_| self.pages[place].is_none()) else { return };
        let flags =
            GTF_permit_access | if readonly { GTF_readonly } else { GrantEntryFlags::empty() };
        match self.version {
            1 => grant(&self.domain, ref_, flags, to, page.frame()),
            _ => grant2(&self.domain, ref_, flags, to, 0, pfn_to_u64(page.frame())),
        }
        self.pages[place] = Some(page);
    }

    /// Takes the page back, unless the entry is in use.
    fn revoke(&mut self, ref_: u32) {
        let done = match self.version {
            1 => revoke(&self.domain, ref_),
            _ => {
                let header = header2(&self.domain, ref_);
                let old = header.swap(0, std::sync::atomic::Ordering::SeqCst);
                let free = !status(&self.domain, ref_).intersects(GTF_reading | GTF_writing);
                if !free {
                    header.store(old, std::sync::atomic::Ordering::SeqCst);
                }
                free
            }
        };
        if done {
            self.pages[(ref_ - 8) as usize] = None;
        }
    }

    fn unmap(&mut self, mapping: usize, host: bool, device: bool) {
        if self.mappings.is_empty() {
            return;
        }
        let at = mapping % self.mappings.len();
        let (op, target) = &mut self.mappings[at];
        let host_addr = if host { target.host_addr() } else { 0 };
        let dev_bus_addr = if device { op.dev_bus_addr } else { 0 };
        assert_eq!(unmap(&self.domain, op.handle, host_addr, dev_bus_addr), GNTST_okay);
        if host {
            op.flags &= !GNTMAP_host_map;
        }
        if device {
            op.flags &= !GNTMAP_device_map;
        }
        if !op.flags.intersects(GNTMAP_host_map | GNTMAP_device_map) {
            self.mappings.remove(at);
        }
    }
}

fn reserve(domain: &Domain, command: u32, gfn: u64) -> isize {
    let mut list = [pfn(gfn)];
    let mut op = xen_memory_reservation {
        extent_start: xen_abi::GuestHandle::from_mut_slice(&mut list),
        nr_extents: 1,
        domid: DOMID_SELF,
        ..xen_memory_reservation::ZERO
    };
    memory_op(domain, command, &mut op)
}

fn run(guests: &mut [Guest], step: Step) {
    match step {
        Step::Grant { from, to, ref_, readonly } => {
            let to = domid(&guests[to].domain);
            guests[from].grant(ref_, readonly, to);
        }
        Step::Revoke { from, ref_ } => guests[from].revoke(ref_),
        // A guest that maps its own page loses its place on x86: that is another test's.
        Step::Map { by, from, .. } | Step::Copy { by, from, .. } if by == from => {}
        Step::Map { by, from, ref_, flags } => {
            let target = guests[by].domain.target();
            let op = map(&guests[by].domain, &guests[from].domain, ref_, flags, &target);
            if op.status.is_okay() {
                guests[by].mappings.push((op, target));
            }
        }
        Step::Unmap { by, mapping, host, device } => guests[by].unmap(mapping, host, device),
        Step::Copy { by, from, ref_, write, offset, len } => {
            let Some(own) = guests[by].domain.page() else { return };
            let (theirs, mine) = (by_ref(&guests[from].domain, ref_, offset), by_frame(&own, 0));
            let caller = &guests[by].domain;
            let _ = match write {
                true => copy(caller, mine, theirs, len, GNTCOPY_dest_gref),
                false => copy(caller, theirs, mine, len, GNTCOPY_source_gref),
            };
        }
        Step::Swap { by, a, b } => {
            let guest = &mut guests[by];
            let (ref_a, ref_b) = (grant_ref_t(a), grant_ref_t(b));
            let mut op = [gnttab_swap_grant_ref { ref_a, ref_b, ..gnttab_swap_grant_ref::ZERO }];
            assert_eq!(grant_op(&guest.domain, GNTTABOP_swap_grant_ref, &mut op), 0);
            if op[0].status.is_okay() {
                guest.pages.swap((a - 8) as usize, (b - 8) as usize);
            }
        }
        Step::SetVersion { by, version } => {
            let guest = &mut guests[by];
            let (done, now) = set_version(&guest.domain, version);
            if done == 0 && now != guest.version {
                // No entry is left.
                guest.pages.iter_mut().for_each(|page| *page = None);
            }
            guest.version = now;
        }
        Step::Decrease { by } => {
            if let Some(page) = guests[by].domain.page() {
                assert_eq!(
                    reserve(
                        &guests[by].domain,
                        XENMEM_decrease_reservation,
                        pfn_to_u64(page.frame())
                    ),
                    1
                );
            }
        }
        Step::Populate { by, gfn } => {
            reserve(&guests[by].domain, XENMEM_populate_physmap, 0x20_0000 + gfn);
        }
        Step::Fault { by, which } => {
            let faults = guests[by].domain.faults();
            match which {
                0 => faults.eagain(1),
                1 => faults.no_space(1),
                2 => faults.no_memory(1),
                3 => faults.lose_claims(5),
                4 => faults.busy(1),
                5 => faults.copying(1),
                _ => faults.clear(),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 100 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_books_are_always_right(
        steps in steps(),
        kind in prop::sample::select(vec![GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm]),
    ) {
        let xen = Xen::new();
        let mut guests: Vec<Guest> = (0..DOMAINS).map(|_| Guest::new(&xen, kind)).collect();
        // The toolstack's entry, which no operation here may touch.
        let seeded: Vec<u32> = guests.iter().map(|guest| {
            grant(&guest.domain, 0, GTF_permit_access, domid_t(0), xen_pfn_t(0x42));
            domid(&guest.domain).0.into()
        }).collect();
        for step in steps {
            run(&mut guests, step.clone());
            if let Err(wrong) = xen.check_invariants() {
                return Err(TestCaseError::fail(format!("{wrong} after {step:?}")));
            }
            for guest in &guests {
                let first = header(&guest.domain, 0).load(std::sync::atomic::Ordering::Relaxed);
                prop_assert_eq!(first, u32::from(GTF_permit_access.bits()));
                for (ref_, page) in (8..).zip(&guest.pages) {
                    // No reference is both free and pinned.
                    let pins = guest.domain.pins(grant_ref_t(ref_));
                    prop_assert!(page.is_some() || pins.is_zero(), "{} {:?}", ref_, pins);
                }
            }
        }
        // All of it can be undone.
        for guest in &mut guests {
            guest.domain.faults().clear();
            while !guest.mappings.is_empty() {
                guest.unmap(0, true, true);
            }
        }
        for guest in &mut guests {
            for ref_ in 8..8 + REFS {
                guest.revoke(ref_);
            }
            prop_assert_eq!(guest.domain.live_mappings(), 0);
            prop_assert!(guest.pages.iter().all(Option::is_none));
        }
        prop_assert_eq!(seeded.len(), DOMAINS);
        prop_assert_eq!(xen.check_invariants(), Ok(()));
    }
}
