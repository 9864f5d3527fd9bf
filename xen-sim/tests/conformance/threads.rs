//! Guests that run at the same time, with the memory that they share.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use xen_abi::grant_table::*;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_ops::view::Field;
use xen_sim::{DomainConfig, GuestKind};

use crate::support::*;

const ROUNDS: u32 = if cfg!(miri) { 10 } else { 100 };

const BYTES: [Field<u8>; 2] = [Field::at::<0>(), Field::at::<1>()];
const READY: Field<u32> = Field::at::<0>();
const VALUE: Field<u32> = Field::at::<8>();

/// Two threads map and unmap while the owner publishes and revokes: a page that was revoked is not
/// written any more by the former peer.
#[test]
fn a_revoked_page_is_the_owners_again() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = a.page().unwrap();
    let over = AtomicBool::new(false);
    let mapped = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for byte in BYTES {
            let (a, b, over, mapped) = (&a, &b, &over, &mapped);
            scope.spawn(move || {
                let target = b.target();
                while !over.load(Ordering::Relaxed) {
                    let op = map(b, a, 8, GNTMAP_host_map, &target);
                    if op.status.is_okay() {
                        view_of(&target).at(byte).store(1, Ordering::Relaxed);
                        assert_eq!(unmap(b, op.handle, target.host_addr(), 0), GNTST_okay);
                        mapped.fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert_eq!(op.status, GNTST_general_error);
                    }
                }
            });
        }
        for _ in 0..ROUNDS {
            grant(&a, 8, GTF_permit_access, domid(&b), page.frame());
            std::thread::yield_now();
            while !revoke(&a, 8) {
                std::thread::yield_now();
            }
            // No other owner writes the page: what is written stays.
            let bytes = BYTES.map(|byte| page.view().at(byte));
            for byte in bytes {
                byte.store(0, Ordering::Relaxed);
            }
            std::thread::yield_now();
            assert_eq!(bytes.map(|byte| byte.load(Ordering::Relaxed)), [0, 0]);
        }
        // The others must have had their turn at least once.
        grant(&a, 8, GTF_permit_access, domid(&b), page.frame());
        while mapped.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        over.store(true, Ordering::Relaxed);
    });
    xen.check_invariants().unwrap();
    assert_eq!(b.live_mappings(), 0);
}

/// The same with version 2, where the owner clears the header and then looks at the status word.
#[test]
fn a_revoked_page_is_the_owners_again_in_version_2() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    assert_eq!(set_version(&a, 2).0, 0);
    let page = a.page().unwrap();
    let own = b.page().unwrap();
    own.view().write(0, &[1]).unwrap();
    let over = AtomicBool::new(false);
    let copied = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let dest = by_ref(&a, 8, 0);
                let done = copy(&b, by_frame(&own, 0), dest, 1, GNTCOPY_dest_gref);
                if done.is_okay() {
                    copied.fetch_add(1, Ordering::Relaxed);
                } else {
                    assert_eq!(done, GNTST_general_error);
                }
            }
        });
        let grant = || grant2(&a, 8, GTF_permit_access, domid(&b), 0, pfn_to_u64(page.frame()));
        for _ in 0..ROUNDS {
            grant();
            std::thread::yield_now();
            header2(&a, 8).store(0, Ordering::Relaxed);
            std::sync::atomic::fence(Ordering::SeqCst);
            while !status(&a, 8).is_empty() {
                std::thread::yield_now();
            }
            let byte = page.view().at(BYTES[0]);
            byte.store(0, Ordering::Relaxed);
            std::thread::yield_now();
            assert_eq!(byte.load(Ordering::Relaxed), 0);
        }
        grant();
        while copied.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        over.store(true, Ordering::Relaxed);
    });
    xen.check_invariants().unwrap();
}

/// What a writer stores is what a reader of the same frame loads.
#[test]
fn memory_is_shared_between_threads() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    map_okay(&b, &a, 8, false, &target);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            view_of(&target).at(VALUE).store(42, Ordering::Relaxed);
            view_of(&target).at(READY).store(1, Ordering::Release);
        });
        while page.view().at(READY).load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(page.view().at(VALUE).load(Ordering::Relaxed), 42);
    });
}

#[test]
fn many_domains_at_once_keep_the_invariants() {
    let (xen, a) = machine(GuestKind::Pvh);
    let peers = [(); 3].map(|()| guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4)));
    let pages: Vec<_> = (8..)
        .zip(&peers)
        .map(|(ref_, peer)| granted(&a, ref_, GrantEntryFlags::empty(), peer))
        .collect();
    std::thread::scope(|scope| {
        for (ref_, peer) in (8..).zip(&peers) {
            let a = &a;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let target = peer.target();
                    let handle = map_okay(peer, a, ref_, round % 2 == 0, &target);
                    assert_eq!(unmap(peer, handle, target.host_addr(), 0), GNTST_okay);
                }
            });
        }
        for _ in 0..ROUNDS / 10 {
            // Marks in shared memory are Xen's, and change under its lock only.
            xen.check_invariants().unwrap();
        }
    });
    xen.check_invariants().unwrap();
    assert!(pages.iter().all(|page| a.references(page.frame()) == 1));
}
