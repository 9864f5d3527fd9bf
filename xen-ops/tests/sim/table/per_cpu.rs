//! References through a per-CPU handle: allocated once, freed once, and never lost.

use core::task::{Context, Poll, Waker};
use std::collections::BTreeSet;
use std::vec::Vec;

use core::future::Future;
use core::pin::pin;
use proptest::prelude::*;

use super::{FRAMES, Store, World, peer};
use xen_ops::gnttab::{AllocError, FreeRef, Version};
use xen_ops::{ReadOnly, ReadWrite};

const ALL: usize = FRAMES * 512 - 8;

#[test]
fn a_word_is_cached_and_freed() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let free = table.free_refs();
    let mut cpu = table.per_cpu(0);
    assert_eq!((cpu.cached(), table.free_refs()), (0, free));
    let first = cpu.alloc().unwrap();
    // The first 8 of the word are reserved.
    assert_eq!((first.reference().0, cpu.cached(), table.free_refs()), (8, 23, free - 24));
    cpu.free(first);
    assert_eq!((cpu.cached(), table.free_refs()), (24, free - 24));
    cpu.flush();
    assert_eq!((cpu.cached(), table.free_refs()), (0, free));
    let kept = cpu.alloc().unwrap();
    drop(cpu);
    assert_eq!(table.free_refs(), free - 1);
    drop(kept);
    assert_eq!(table.free_refs(), free);
}

#[test]
fn a_page_is_granted_and_revoked() {
    for version in [Version::V1, Version::V2] {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let free = table.free_refs();
        let mut cpu = table.per_cpu(0);
        let granted = cpu.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        let used = world.claim(reference, ReadWrite).unwrap();
        let revoking = cpu.revoke(granted).unwrap_err();
        assert_eq!((revoking.reference(), world.pages(), cpu.cached()), (reference, 1, 23));
        drop(used);
        let (back, page) = super::ended(revoking.retry());
        cpu.free(back);
        assert_eq!(cpu.cached(), 24);
        let granted = cpu.grant(peer(), page, ReadOnly).unwrap();
        assert_eq!(granted.reference(), reference, "the entry that is in the cache");
        drop(cpu.revoke(granted).unwrap_or_else(|_| panic!("still in use")));
        assert_eq!((cpu.cached(), world.pages()), (24, 0));
        drop(cpu);
        assert_eq!(table.free_refs(), free);
    }
}

#[test]
fn pages_are_granted_from_where_the_handle_searches() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut cpu = table.per_cpu(0);
    let mut slots = [None, None, None];
    let mut pages = (0..2).map(|_| world.page());
    let granted = cpu.grant_all(peer(), &mut pages, ReadOnly, &mut slots).unwrap();
    assert_eq!((granted, cpu.cached(), world.pages()), (2, 0, 2));
    let references: Vec<_> = slots.iter().flatten().map(|slot| slot.reference().0).collect();
    assert_eq!(references, [8, 9]);
    for granted in slots.into_iter().flatten() {
        drop(super::ended(granted.revoke()));
    }
    assert_eq!(world.pages(), 0);
}

#[test]
fn the_table_grows_until_every_reference_is_out() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut cpu = table.per_cpu(0);
    let mut taken: Vec<_> = core::iter::from_fn(|| cpu.alloc().ok()).collect();
    assert_eq!((taken.len(), table.frames()), (ALL, FRAMES as u32));
    assert_eq!(cpu.alloc().unwrap_err(), AllocError::Exhausted { frames: FRAMES as u32 });
    cpu.free(taken.swap_remove(0));
    assert!(table.alloc().is_err(), "what is cached counts as allocated");
    cpu.flush();
    assert!(table.alloc().is_ok());
}

#[test]
fn a_reference_of_another_table_is_freed_there() {
    let (world, storage) = (World::new(), Store::new());
    let (other_world, other_storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let other = other_world.table(&other_storage, Version::V1);
    let (free, others) = (table.free_refs(), other.free_refs());
    let mut cpu = table.per_cpu(0);
    let mine = cpu.alloc().unwrap();
    cpu.free(other.alloc().unwrap());
    let page = other_world.page();
    let granted = other.grant(peer(), page, ReadOnly).unwrap();
    drop(cpu.revoke(granted).unwrap_or_else(|_| panic!("not in use")));
    assert_eq!((cpu.cached(), other.free_refs()), (23, others));
    drop((mine, cpu));
    assert_eq!(table.free_refs(), free);
}

#[test]
fn a_waiter_that_is_seen_gets_what_is_cached() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut cpu = table.per_cpu(0);
    let mine = cpu.alloc().unwrap();
    let all: Vec<_> = core::iter::from_fn(|| table.alloc().ok()).collect();
    assert_eq!((all.len(), table.free_refs()), (ALL - 24, 0));
    let mut waiter = pin!(table.waiter(24).unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(waiter.as_mut().poll(&mut context), Poll::Pending);
    cpu.free(mine);
    assert_eq!((cpu.cached(), table.free_refs()), (0, 24));
    assert_eq!(waiter.as_mut().poll(&mut context), Poll::Ready(()));
}

#[derive(Clone, Debug)]
enum Step {
    /// Allocate one: through a per-CPU handle, or without.
    Take(usize),
    /// Free one of those that were allocated: through a per-CPU handle, or by dropping it.
    Free(usize, usize),
    Flush(usize),
}

/// How many handles there are. A greater number stands for none.
const CPUS: usize = 2;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..=CPUS;
    let step = prop_oneof![
        6 => who().prop_map(Step::Take),
        4 => (who(), any::<prop::sample::Index>())
            .prop_map(|(who, at)| Step::Free(who, at.index(1 << 20))),
        1 => (0..CPUS).prop_map(Step::Flush),
    ];
    prop::collection::vec(step, 1..if cfg!(miri) { 20 } else { 400 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The model: a reference is free for all, or cached, or allocated, and never two of these.
    #[test]
    fn no_reference_is_allocated_twice_and_none_is_lost(steps in steps()) {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, Version::V1);
        // Both look in the same place first.
        let mut cpus = [0; CPUS].map(|number| table.per_cpu(number));
        let mut out: Vec<FreeRef<'_, _>> = Vec::new();
        let mut numbers = BTreeSet::new();
        for step in steps {
            match step {
                Step::Take(who) => {
                    let taken = match cpus.get_mut(who) {
                        Some(cpu) => cpu.alloc(),
                        None => table.alloc(),
                    }.unwrap();
                    prop_assert!(taken.reference().0 >= 8, "one of the toolstack's");
                    prop_assert!(numbers.insert(taken.reference().0), "allocated twice");
                    out.push(taken);
                }
                Step::Free(who, at) if !out.is_empty() => {
                    let free = out.swap_remove(at % out.len());
                    numbers.remove(&free.reference().0);
                    match cpus.get_mut(who) {
                        Some(cpu) => cpu.free(free),
                        None => drop(free),
                    }
                }
                Step::Free(..) => {}
                Step::Flush(who) => cpus[who].flush(),
            }
            let cached: usize = cpus.iter().map(|cpu| cpu.cached()).sum();
            prop_assert!(cpus.iter().all(|cpu| cpu.cached() <= 32));
            let all = table.frames() as usize * 512 - 8;
            prop_assert_eq!(table.free_refs() + cached + out.len(), all);
        }
        drop((cpus, out));
        prop_assert_eq!(table.free_refs(), table.frames() as usize * 512 - 8);
    }
}
