//! One test for each defect and advisory that concerns the granting side.

use core::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::vec::Vec;

use xen_abi::grant_table::GTF_permit_access;

use super::{BOTH, FRAMES, Store, World, ended, peer};
use xen_ops::gnttab::{AllocError, GrantError, Granted, Reaped, ReaperCounts, Version, revoke_all};
use xen_ops::{ReadOnly, ReadWrite};

/// Zephyr's check is inverted. Here a revoked reference is free again, as often as one likes, and one
/// in use is neither free nor said to be.
#[test]
fn d1_what_is_revoked_is_free_and_what_is_in_use_is_not() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        for _ in 0..2 * FRAMES * 512 / if cfg!(miri) { 64 } else { 1 } {
            let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
            drop(ended(granted.revoke()));
        }
        assert_eq!(table.frames(), 1, "none was lost");
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        let used = world.claim(reference, ReadOnly).unwrap();
        let revoking = granted.revoke().unwrap_err();
        assert_ne!(table.alloc().unwrap().reference(), reference);
        drop(used);
        drop(ended(revoking.retry()));
    }
}

/// Zephyr's macro reports a lost compare-and-swap as won. Here one that is lost to the peer is never
/// success: what a revoke returns is not in use, whatever the peer does meanwhile.
#[test]
fn d2_a_lost_compare_and_swap_is_no_success() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        for _ in 0..if cfg!(miri) { 5 } else { 2000 } {
            let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
            let reference = granted.reference();
            thread::scope(|scope| {
                let claim = scope.spawn(|| world.claim(reference, ReadWrite));
                let revoked = granted.revoke();
                let used = claim.join().unwrap();
                assert!(used.is_none() || revoked.is_err(), "never both");
                // In version 2, Xen may withdraw a claim that it made just when the grant ended.
                if version == Version::V1 {
                    assert!(used.is_some() || revoked.is_ok(), "and not neither");
                }
                drop(used);
            });
        }
    }
}

/// Zephyr waits forever when all references are taken. Here that is an error, at once.
#[test]
fn d4_exhaustion_is_an_error() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let all = table.alloc_run(FRAMES as u32 * 512 - 8).unwrap();
    let why = AllocError::Exhausted { frames: FRAMES as u32 };
    assert_eq!(table.alloc().unwrap_err(), why);
    let refused = table.grant(peer(), world.page(), ReadWrite).unwrap_err();
    assert_eq!(refused.error, GrantError::Alloc(why));
    assert_eq!(world.pages(), 1, "the page is in the error");
    drop(all);
}

/// stardust-oxide writes to a copy of the entry. Here the peer cannot use what was revoked.
#[test]
fn d8_what_is_revoked_is_revoked_in_the_shared_table() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        drop(world.claim(reference, ReadWrite).unwrap());
        let kept = ended(granted.revoke());
        assert!(world.claim(reference, ReadWrite).is_none());
        assert_eq!(world.header(reference).load(Relaxed), 0);
        drop(kept);
    }
}

/// FreeBSD loses its list of free references when it meets one in use. Here the others come back.
#[test]
fn d9_one_in_use_costs_no_other() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let free = table.free_refs();
    let mut slots: [Option<Granted<'_, _>>; 40] = [const { None }; 40];
    let mut pages = core::iter::repeat_with(|| world.page());
    table.grant_all(peer(), &mut pages, ReadWrite, &mut slots).unwrap();
    let used = [0, 17, 39].map(|busy: usize| {
        world.claim(slots[busy].as_ref().unwrap().reference(), ReadOnly).unwrap()
    });
    assert_eq!(revoke_all(&mut slots, drop).still_busy, 3);
    assert_eq!(table.free_refs(), free - 3);
    drop(used);
    assert_eq!(revoke_all(&mut slots, drop).done, 3);
    assert_eq!(table.free_refs(), free);
}

/// win-xenbus takes the last of its failures for success. Here no number of tries is success.
#[test]
fn d10_a_hundred_failures_are_no_success() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        let used = world.claim(reference, ReadWrite).unwrap();
        let mut revoking = granted.revoke().unwrap_err();
        for _ in 0..200 {
            revoking = revoking.retry().unwrap_err();
        }
        assert_eq!(world.pages(), 1);
        drop(used);
        drop(ended(revoking.retry()));
    }
}

/// EDK2 and others stop at the frames they begin with. Here the table grows, to its limit.
#[test]
fn d11_the_table_grows() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    assert_eq!(table.frames(), 1);
    let all: Vec<_> = core::iter::from_fn(|| table.alloc().ok()).collect();
    assert_eq!((table.frames() as usize, all.len()), (FRAMES, FRAMES * 512 - 8));
}

/// Unbounded pools. Here what waits for the reaper is bounded by the caller's storage, and what does
/// not fit is counted and never used again.
#[test]
fn xsa_300_what_is_deferred_is_bounded() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let (mut references, mut uses) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        uses.push(world.claim(granted.reference(), ReadWrite).unwrap());
        references.push(granted.reference());
        drop(granted);
    }
    let counted = ReaperCounts { waiting: 4, total: 4, reclaimed: 0, leaked: 2 };
    assert_eq!((table.deferred(), world.pages()), (counted, 6));
    assert_eq!(table.reap(100), Reaped { freed: 0, still_busy: 4 });
    drop(uses);
    assert_eq!(table.reap(3), Reaped { freed: 3, still_busy: 0 });
    assert_eq!(table.reap(3), Reaped { freed: 1, still_busy: 0 });
    let counted = ReaperCounts { waiting: 0, total: 4, reclaimed: 4, leaked: 2 };
    assert_eq!((table.deferred(), world.pages()), (counted, 2));
    let others: Vec<_> = (0..1000).map(|_| table.alloc().unwrap()).collect();
    assert!(others.iter().all(|free| !references[4..].contains(&free.reference())));
}

/// Live handles overwritten. Here an entry that is in use is not written to, and no other grant gets
/// its reference.
#[test]
fn xsa_371_an_entry_in_use_is_left_alone() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
    let reference = granted.reference();
    let used = world.claim(reference, ReadWrite).unwrap();
    let before = (world.header(reference).load(Relaxed), world.frame(reference));
    drop(granted.revoke().unwrap_err().retry().unwrap_err());
    assert_eq!(table.reap(10), Reaped { freed: 0, still_busy: 1 });
    for _ in 0..1000 {
        let other = table.grant(peer(), world.page(), ReadWrite).unwrap();
        assert_ne!(other.reference(), reference);
    }
    assert_eq!((world.header(reference).load(Relaxed), world.frame(reference)), before);
    drop(used);
    assert_eq!(table.reap(10).freed, 1);
}

/// Unbounded waits driven by a peer. Here a peer that maps and unmaps all the time blocks nothing:
/// each call ends.
#[test]
fn xsa_376_a_peer_that_maps_all_the_time_blocks_nothing() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let mut granted = Some(table.grant(peer(), world.page(), ReadWrite).unwrap());
        let reference = granted.as_ref().unwrap().reference();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..if cfg!(miri) { 20 } else { 5_000 } {
                    drop(world.claim(reference, ReadWrite));
                }
            });
            for _ in 0..if cfg!(miri) { 5 } else { 1000 } {
                granted = Some(match granted.take().unwrap().forbid_writing() {
                    Ok(granted) => granted.allow_writing(),
                    Err(failed) => failed.returned.unwrap(),
                });
            }
        });
        drop(ended(granted.take().unwrap().revoke()));
    }
}

/// The peer comes between asking and ending, and the page is freed while it is mapped. Here there is
/// nothing to ask: ending says whether it has ended, and only then there is a page to be freed.
#[test]
fn xsa_396_a_page_is_not_freed_while_it_is_mapped() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        // The peer does not use it, and then, before it is ended, does.
        let unused = world.header(reference).load(Relaxed);
        assert_eq!(unused & 0xffff, u32::from(GTF_permit_access.bits()));
        let used = world.claim(reference, ReadWrite).unwrap();
        drop(granted);
        assert_eq!((world.pages(), table.deferred().waiting), (1, 1));
        drop(used);
        assert_eq!(table.reap(1).freed, 1);
        assert_eq!((world.pages(), table.deferred().waiting), (0, 0));
    }
}
