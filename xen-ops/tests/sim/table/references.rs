//! References: allocated once, freed once.

use core::future::Future;
use core::pin::pin;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use core::task::{Context, Poll, Waker};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Wake;
use std::vec::Vec;

use proptest::prelude::*;
use xen_abi::grant_table::grant_ref_t;

use super::{FRAMES, Store, World};
use xen_ops::gnttab::{AllocError, ReleaseError, Version, WaitError};

const ALL: usize = FRAMES * 512 - 8;

#[test]
fn every_reference_is_allocated_once_and_the_toolstacks_never() {
    for (version, per_frame) in [(Version::V1, 512), (Version::V2, 256)] {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let mut cpu = table.per_cpu(5);
        let mut taken = Vec::new();
        let error = loop {
            match cpu.alloc() {
                Ok(free) => taken.push(free),
                Err(error) => break error,
            }
        };
        assert_eq!(error, AllocError::Exhausted { frames: FRAMES as u32 });
        let numbers: BTreeSet<u32> = taken.iter().map(|free| free.reference().0).collect();
        assert!(numbers.iter().copied().eq(8..FRAMES as u32 * per_frame));
        assert_eq!(numbers.len(), taken.len());
        drop((taken, cpu));
        assert_eq!(table.free_refs(), numbers.len());
    }
}

#[test]
fn a_freed_reference_is_allocated_next() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let first = table.alloc().unwrap().reference();
    assert_eq!(table.alloc().unwrap().reference(), first);
    let elsewhere = table.per_cpu(1).alloc().unwrap().reference();
    assert!(elsewhere.0.abs_diff(first.0) * 8 >= 64 * 8, "{elsewhere:?} shares lines");
}

#[test]
fn a_run_follows_itself_across_words_and_frames() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let run = table.alloc_run(100).unwrap();
    assert_eq!((run.first(), run.len()), (Some(grant_ref_t(8)), 100));
    let long = table.alloc_run(1000).unwrap();
    assert_eq!(long.first(), Some(grant_ref_t(108)), "over the end of the first frame");
    assert_eq!(table.frames(), 3);
    assert_eq!(
        table.alloc_run(ALL as u32).unwrap_err(),
        AllocError::Exhausted { frames: FRAMES as u32 }
    );
    assert_eq!(table.free_refs(), ALL - 1100);
    let mut run = run;
    let kept: Vec<_> = run.by_ref().take(40).collect();
    assert_eq!(kept[39].reference().0, 47);
    drop(run);
    assert_eq!(table.free_refs(), ALL - 1040);
    assert_eq!(table.alloc_run(60).unwrap().first(), Some(grant_ref_t(48)));
    drop((kept, long));
    assert_eq!(table.free_refs(), ALL);
    assert_eq!(table.alloc_run(0).unwrap().first(), None);
    assert_eq!(table.alloc_run(u32::MAX).unwrap_err(), AllocError::Exhausted { frames: 4 });
}

#[test]
fn a_pool_has_references_when_the_table_has_none() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V2);
    let mut list = [grant_ref_t(0); 300];
    let mut pool = table.preallocate(&mut list).unwrap();
    assert_eq!((pool.left(), table.frames()), (300, 2));
    let all: Vec<_> = core::iter::from_fn(|| table.alloc().ok()).collect();
    assert_eq!(table.free_refs(), 0);
    let claimed = pool.claim().unwrap();
    assert!(all.iter().all(|free| free.reference() != claimed.reference()));
    pool.release(claimed).unwrap();
    drop(all);
    let full = pool.release(table.alloc().unwrap()).unwrap_err();
    drop((full, pool));
    assert_eq!(table.free_refs(), FRAMES * 256 - 8);

    let mut list = [grant_ref_t(0); 1100];
    let error = table.preallocate(&mut list).unwrap_err();
    assert_eq!(error, AllocError::Exhausted { frames: FRAMES as u32 });
    assert_eq!(table.free_refs(), FRAMES * 256 - 8, "all or none");
}

/// In the pool it would be taken for this table's reference of that number.
#[test]
fn a_pool_refuses_a_reference_of_another_table() {
    let (world, storage) = (World::new(), Store::new());
    let (other_world, other_storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let other = other_world.table(&other_storage, Version::V1);
    let free = other.free_refs();
    let mut list = [grant_ref_t(0)];
    let mut pool = table.preallocate(&mut list).unwrap();
    std::mem::forget(pool.claim().unwrap());
    let refused = pool.release(other.alloc().unwrap()).unwrap_err();
    assert_eq!((refused.error, pool.left()), (ReleaseError::OtherTable, 0));
    assert_eq!(other.free_refs(), free - 1, "it is returned");
    drop(refused);
    assert_eq!(other.free_refs(), free);
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_waiter_is_woken_when_references_are_freed() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut all: Vec<_> = core::iter::from_fn(|| table.alloc().ok()).collect();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut context = Context::from_waker(&waker);
    let woken = || count.0.load(Relaxed);
    {
        let mut waiter = pin!(table.waiter(2).unwrap());
        assert_eq!(waiter.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(woken(), 0);
        all.pop();
        assert_eq!(woken(), 1);
        assert_eq!(waiter.as_mut().poll(&mut context), Poll::Pending, "one of two");
        all.pop();
        assert_eq!(woken(), 2);
        assert_eq!(waiter.as_mut().poll(&mut context), Poll::Ready(()));
    }
    all.pop();
    assert_eq!(woken(), 2, "there is no waiter");
    assert_eq!(table.waiter(ALL + 1).unwrap_err(), WaitError::TooManyRefs { max: ALL });
    let waiters: Vec<_> = (0..8).map(|_| table.waiter(1).unwrap()).collect();
    assert_eq!(table.waiter(1).unwrap_err(), WaitError::TooManyWaiters);
    drop(waiters);
    assert!(table.waiter(1).is_ok());
}

#[test]
fn a_waiter_that_is_dropped_is_not_woken() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let all: Vec<_> = core::iter::from_fn(|| table.alloc().ok()).collect();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut waiter = table.waiter(1).unwrap();
    assert!(!waiter.is_ready(&waker));
    assert_eq!(Arc::strong_count(&count), 3, "the waiter has a waker");
    drop(waiter);
    assert_eq!(Arc::strong_count(&count), 2, "it is dropped with the waiter");
    drop(all);
    assert_eq!(count.0.load(Relaxed), 0);
}

#[derive(Clone, Debug)]
enum Step {
    One,
    Run(u32),
    Many(usize),
    Free(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::One),
        (0..200_u32).prop_map(Step::Run),
        (0..100_usize).prop_map(Step::Many),
        any::<prop::sample::Index>().prop_map(|at| Step::Free(at.index(1 << 20))),
    ];
    prop::collection::vec(step, 1..if cfg!(miri) { 6 } else { 80 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 128 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_reference_is_allocated_twice_and_none_is_lost(steps in steps()) {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, Version::V1);
        let mut held: Vec<Vec<_>> = Vec::new();
        for step in steps {
            match step {
                Step::One => held.extend(table.alloc().ok().map(|free| {
                    std::vec![free]
                })),
                Step::Run(count) => if let Ok(run) = table.alloc_run(count) {
                    let run: Vec<_> = run.collect();
                    prop_assert_eq!(run.len(), count as usize);
                    let follow = run.windows(2).all(|pair| {
                        pair[0].reference().0 + 1 == pair[1].reference().0
                    });
                    prop_assert!(follow);
                    held.push(run);
                },
                Step::Many(count) => {
                    let mut list = std::vec![grant_ref_t(0); count];
                    if let Ok(mut pool) = table.preallocate(&mut list) {
                        held.push(core::iter::from_fn(|| pool.claim()).collect());
                    }
                }
                Step::Free(at) if !held.is_empty() => drop(held.swap_remove(at % held.len())),
                Step::Free(_) => {}
            }
            let numbers: BTreeSet<u32> =
                held.iter().flatten().map(|free| free.reference().0).collect();
            prop_assert_eq!(numbers.len(), held.iter().flatten().count(), "allocated twice");
            prop_assert!(numbers.iter().all(|number| *number >= 8), "one of the toolstack's");
            let all = table.frames() as usize * 512 - 8;
            prop_assert_eq!(table.free_refs() + numbers.len(), all);
        }
    }
}
