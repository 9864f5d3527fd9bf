//! Sources of targets.

use alloc::vec::Vec;
use core::ptr::NonNull;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::page::PAGE_SIZE;

const WORDS: usize = Pool::words(200);

fn words() -> [AtomicUsize; WORDS] {
    // What is in them does not matter.
    core::array::from_fn(|_| AtomicUsize::new(0x5555))
}

#[allow(unsafe_code, reason = "nothing is mapped in the pool, or looked at")]
fn pool(words: &[AtomicUsize], count: usize) -> Result<Pool<'_>, InvalidPool> {
    let address = NonNull::new(core::ptr::without_provenance_mut(0x7000_0000)).unwrap();
    // SAFETY: nothing is mapped or looked at.
    unsafe { Pool::new(0x4000_0000, address, count, words) }
}

#[test]
fn a_pool_hands_out_each_frame_once_and_again_when_it_is_back() {
    let words = words();
    for count in [0, 1, 63, 64, 65, 128, 200] {
        let pool = &pool(&words, count).unwrap();
        let targets: Vec<_> = core::iter::from_fn(|| pool.take().ok()).collect();
        assert_eq!((targets.len(), pool.free(), pool.count()), (count, 0, count));
        for (at, target) in targets.iter().enumerate() {
            assert_eq!(target.host_addr(), 0x4000_0000 + (at * PAGE_SIZE) as u64);
            assert_eq!(target.address().addr().get(), 0x7000_0000 + at * PAGE_SIZE);
        }
        drop(targets);
        assert_eq!(pool.free(), count);
    }
}

#[test]
fn a_leaked_target_is_never_handed_out_again() {
    let words = words();
    let pool = &pool(&words, 2).unwrap();
    core::mem::forget(pool.take());
    let second = pool.take().unwrap();
    assert_eq!(second.host_addr(), 0x4000_1000);
    assert!(pool.take().is_err());
    drop(second);
    assert_eq!(pool.take().unwrap().host_addr(), 0x4000_1000);
}

#[test]
fn a_run_is_frames_next_to_each_other() {
    let words = words();
    let pool = &pool(&words, 130).unwrap();
    let gap = (0..62).map(|_| pool.take().unwrap()).collect::<Vec<_>>().pop();
    // 61 free frames, the gap, 68 free frames.
    let run: Vec<_> = pool.take_run(66).unwrap().collect();
    assert_eq!(run.len(), 66);
    for (at, target) in run.iter().enumerate() {
        assert_eq!(target.host_addr(), 0x4000_0000 + ((62 + at) * PAGE_SIZE) as u64);
    }
    assert_eq!(pool.free(), 61 + 2);
    assert!(pool.take_run(62).is_none());
    assert_eq!(pool.free(), 61 + 2, "what was tried is free again");
    let mut part = pool.take_run(61).unwrap();
    assert_eq!((part.len(), part.next().unwrap().host_addr()), (61, 0x4000_0000));
    assert_eq!(part.len(), 60);
    drop(part);
    drop((gap, run));
    assert_eq!(pool.free(), 130);
    assert!(pool.take_run(0).is_none() && pool.take_run(131).is_none());
    assert_eq!(pool.take_run(130).unwrap().len(), 130);
    let first = pool.take().unwrap();
    assert_eq!(pool.take_run(2).unwrap().next().unwrap().host_addr(), 0x4000_1000);
    drop(first);
}

#[test]
#[allow(unsafe_code, reason = "no such pool is made")]
fn a_range_that_cannot_be_is_refused() {
    let words = words();
    let new = |host: u64, virt: usize, count| {
        let virt = NonNull::new(core::ptr::without_provenance_mut(virt)).unwrap();
        // SAFETY: refused.
        unsafe { Pool::new(host, virt, count, &words) }.map(|_| ())
    };
    assert_eq!(new(0, 4096, 1), Err(InvalidPool::Range));
    assert_eq!(new(4097, 4096, 1), Err(InvalidPool::Range));
    assert_eq!(new(4096, 4097, 1), Err(InvalidPool::Range));
    assert_eq!(new(4096, 4096, usize::MAX), Err(InvalidPool::Range));
    assert_eq!(new(u64::MAX - 4095, 4096, 2), Err(InvalidPool::Range));
    let given = words.len();
    let needed = Pool::words(64 * given + 1);
    assert_eq!(new(4096, 4096, 64 * given + 1), Err(InvalidPool::Words { needed, given }));
}

#[test]
fn xsa_406_threads_never_get_the_same_frame() {
    let words = words();
    let pool = &pool(&words, 70).unwrap();
    let owners: Vec<AtomicUsize> = (0..70).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..if cfg!(miri) { 3 } else { 300 } {
                    let targets: Vec<_> = (0..30).filter_map(|_| pool.take().ok()).collect();
                    let index =
                        |target: &PoolTarget<'_>| (target.host_addr() >> 12) as usize & 0xff;
                    for target in &targets {
                        assert_eq!(owners[index(target)].swap(1, Relaxed), 0);
                    }
                    for target in &targets {
                        owners[index(target)].store(0, Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(pool.free(), 70);
}

#[test]
fn a_cache_keeps_the_last_and_refuses_more_than_it_holds() {
    let words = words();
    let pool = &pool(&words, 3).unwrap();
    let mut cache = Cache::<_, 2>::new();
    let mut targets: Vec<_> = (0..3).map(|_| cache.take(pool).unwrap()).collect();
    assert!(cache.take(pool).is_err());
    let third = targets.pop().unwrap();
    cache.put(third).unwrap();
    cache.put(targets.pop().unwrap()).unwrap();
    assert!(cache.put(targets.pop().unwrap()).is_err(), "and so it was dropped");
    assert_eq!((cache.len(), cache.is_empty(), pool.free()), (2, false, 1));
    assert_eq!(cache.take(pool).unwrap().host_addr(), 0x4000_1000);
    cache.shrink(5);
    assert_eq!(cache.len(), 1);
    cache.shrink(0);
    assert!(cache.is_empty());
    assert_eq!(pool.free(), 3);
}
