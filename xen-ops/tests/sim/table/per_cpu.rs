//! References through a source of one's own: taken once, freed once, and nobody's for ever.

use core::task::{Context, Poll, Waker};
use std::collections::BTreeSet;
use std::vec::Vec;

use core::future::Future;
use core::pin::pin;
use proptest::prelude::*;

use super::fake::{ROOM, Store, World, peer};
use crate::gnttab::{AllocError, FreeRef, Version};
use crate::view::{ReadOnly, ReadWrite};

const ALL: usize = ROOM * 512 - 8;

#[test]
fn a_word_is_held_and_given_back() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let free = table.free_refs();
    let mut local = table.per_cpu(0);
    assert_eq!((local.cached(), table.free_refs()), (0, free));
    let first = local.alloc().unwrap();
    // The first 8 of the word are reserved.
    assert_eq!((first.reference().0, local.cached(), table.free_refs()), (8, 23, free - 24));
    local.free(first);
    assert_eq!((local.cached(), table.free_refs()), (24, free - 24));
    local.flush();
    assert_eq!((local.cached(), table.free_refs()), (0, free));
    let kept = local.alloc().unwrap();
    drop(local);
    assert_eq!(table.free_refs(), free - 1);
    drop(kept);
    assert_eq!(table.free_refs(), free);
}

#[test]
fn a_page_is_granted_and_taken_back() {
    for version in [Version::V1, Version::V2] {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let free = table.free_refs();
        let mut local = table.per_cpu(0);
        let granted = local.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        assert!(world.claim(reference, 7, true).is_some());
        let revoking = local.revoke(granted).unwrap_err();
        assert_eq!((revoking.reference(), world.pages(), local.cached()), (reference, 1, 23));
        world.unclaim(reference);
        let (back, page) = super::fake::ended(revoking.retry());
        local.free(back);
        assert_eq!(local.cached(), 24);
        let granted = local.grant(peer(), page, ReadOnly).unwrap();
        assert_eq!(granted.reference(), reference, "the entry that is in the cache");
        drop(local.revoke(granted).unwrap_or_else(|_| panic!("still in use")));
        assert_eq!((local.cached(), world.pages()), (24, 0));
        drop(local);
        assert_eq!(table.free_refs(), free);
    }
}

#[test]
fn the_table_grows_until_every_reference_is_out() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut local = table.per_cpu(0);
    let mut taken: Vec<_> = core::iter::from_fn(|| local.alloc().ok()).collect();
    assert_eq!((taken.len(), table.frames()), (ALL, ROOM as u32));
    assert_eq!(local.alloc().unwrap_err(), AllocError::Exhausted { frames: ROOM as u32 });
    local.free(taken.swap_remove(0));
    assert!(table.alloc().is_err(), "what is held counts as taken");
    local.flush();
    assert!(table.alloc().is_ok());
}

#[test]
fn a_reference_of_another_table_goes_back_there() {
    let (world, storage) = (World::new(), Store::new());
    let (other_world, other_storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let other = other_world.table(&other_storage, Version::V1);
    let (free, others) = (table.free_refs(), other.free_refs());
    let mut local = table.per_cpu(0);
    let mine = local.alloc().unwrap();
    local.free(other.alloc().unwrap());
    let page = other_world.page();
    let granted = other.grant(peer(), page, ReadOnly).unwrap();
    drop(local.revoke(granted).unwrap_or_else(|_| panic!("nobody uses it")));
    assert_eq!((local.cached(), other.free_refs()), (23, others));
    drop((mine, local));
    assert_eq!(table.free_refs(), free);
}

#[test]
fn who_is_seen_to_wait_gets_what_is_held() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut local = table.per_cpu(0);
    let mine = local.alloc().unwrap();
    let all: Vec<_> = core::iter::from_fn(|| table.alloc().ok()).collect();
    assert_eq!((all.len(), table.free_refs()), (ALL - 24, 0));
    let mut waiter = pin!(table.waiter(24).unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(waiter.as_mut().poll(&mut context), Poll::Pending);
    local.free(mine);
    assert_eq!((local.cached(), table.free_refs()), (0, 24));
    assert_eq!(waiter.as_mut().poll(&mut context), Poll::Ready(()));
}

#[derive(Clone, Debug)]
enum Step {
    /// Take one: from a source of one's own, or by a cursor.
    Take(usize),
    /// Free one of those that were taken: through a source of one's own, or by dropping it.
    Free(usize, usize),
    Flush(usize),
}

/// How many have a source of their own. Whoever has a greater number has none.
const LOCALS: usize = 2;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..=LOCALS;
    let step = prop_oneof![
        6 => who().prop_map(Step::Take),
        4 => (who(), any::<prop::sample::Index>())
            .prop_map(|(who, at)| Step::Free(who, at.index(1 << 20))),
        1 => (0..LOCALS).prop_map(Step::Flush),
    ];
    prop::collection::vec(step, 1..if cfg!(miri) { 20 } else { 400 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The model: a reference is free for all, or held, or out, and never two of these.
    #[test]
    fn no_reference_is_had_twice_and_none_is_lost(steps in steps()) {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, Version::V1);
        // Both look in the same place first.
        let mut locals = [0; LOCALS].map(|number| table.per_cpu(number));
        let mut out: Vec<FreeRef<'_, _>> = Vec::new();
        let mut numbers = BTreeSet::new();
        for step in steps {
            match step {
                Step::Take(who) => {
                    let taken = match locals.get_mut(who) {
                        Some(local) => local.alloc(),
                        None => table.alloc(),
                    }.unwrap();
                    prop_assert!(taken.reference().0 >= 8, "a reserved one");
                    prop_assert!(numbers.insert(taken.reference().0), "had twice");
                    out.push(taken);
                }
                Step::Free(who, at) if !out.is_empty() => {
                    let free = out.swap_remove(at % out.len());
                    numbers.remove(&free.reference().0);
                    match locals.get_mut(who) {
                        Some(local) => local.free(free),
                        None => drop(free),
                    }
                }
                Step::Free(..) => {}
                Step::Flush(who) => locals[who].flush(),
            }
            let held: usize = locals.iter().map(|local| local.cached()).sum();
            prop_assert!(locals.iter().all(|local| local.cached() <= 32));
            let all = table.frames() as usize * 512 - 8;
            prop_assert_eq!(table.free_refs() + held + out.len(), all);
        }
        drop((locals, out));
        prop_assert_eq!(table.free_refs(), table.frames() as usize * 512 - 8);
    }
}
