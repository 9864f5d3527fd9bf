//! References that one thread caches, against the bitmap that all threads share.

use loom::thread;
use xen_ops_loom::gnttab::protocol::{AllocHint, Orders, Proven, RefCache, Taken};

use super::references::{Free, Shared, Take};
use super::wake::{right, until_free};

/// One thread allocates and frees through its cache, the other one by one; each uses what it has.
fn both<O: Orders>(flush: fn(&mut RefCache, &Shared)) {
    loom::model(move || {
        let shared = Shared::new(2);
        let other = thread::spawn(move || {
            let mut hint = AllocHint::new(0);
            for _ in 0..2 {
                if let Some(reference) = shared.refs.take::<O>(&mut hint) {
                    shared.touch(reference);
                    shared.refs.free::<O>(Taken::one(reference));
                }
            }
        });
        let (mut cache, mut hint) = (RefCache::EMPTY, AllocHint::new(0));
        for _ in 0..2 {
            if let Some(reference) = cache.take::<O>(&shared.refs, &mut hint) {
                shared.touch(reference);
                cache.free::<O>(&shared.refs, reference);
            }
        }
        flush(&mut cache, shared);
        other.join().unwrap();
        assert_eq!(shared.refs.count(), 2, "none is lost");
    });
}

fn flushed<O: Orders>(cache: &mut RefCache, shared: &Shared) {
    cache.flush::<O>(&shared.refs);
}

/// What one thread freed is cached by another, which frees it again.
fn handed_over<O: Orders>() {
    loom::model(|| {
        let shared = Shared::new(1);
        let reference = shared.refs.take::<Proven>(&mut AllocHint::new(0)).unwrap();
        let other = thread::spawn(move || {
            shared.touch(reference);
            shared.refs.free::<O>(Taken::one(reference));
        });
        let mut cache = RefCache::EMPTY;
        if let Some(reference) = cache.take::<O>(&shared.refs, &mut AllocHint::new(0)) {
            shared.touch(reference);
            cache.free::<O>(&shared.refs, reference);
            cache.flush::<O>(&shared.refs);
        }
        other.join().unwrap();
        assert_eq!(shared.refs.count(), 1, "none is lost");
    });
}

/// One thread waits for a reference that another frees into its cache, and flushes in the end.
fn waited_for(flush: fn(&mut RefCache, &Shared)) {
    loom::model(move || {
        let shared = Shared::new(1);
        let mut cache = RefCache::EMPTY;
        let reference = cache.take::<Proven>(&shared.refs, &mut AllocHint::new(0)).unwrap();
        let other = thread::spawn(move || {
            cache.free::<Proven>(&shared.refs, reference);
            flush(&mut cache, shared);
        });
        until_free(shared, 1, right, vec![other]);
    });
}

#[test]
fn cached_and_shared() {
    both::<Proven>(flushed::<Proven>);
}

#[test]
#[should_panic(expected = "none is lost")]
fn what_is_not_flushed_is_lost() {
    both::<Proven>(|_, _| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn claimed_relaxed() {
    handed_over::<Take>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn flushed_relaxed() {
    both::<Free>(flushed::<Free>);
}

#[test]
fn a_waiter_gets_what_was_cached() {
    waited_for(flushed::<Proven>);
}

#[test]
#[should_panic(expected = "asleep forever")]
fn a_waiter_does_not_get_what_is_never_flushed() {
    waited_for(|_, _| {});
}
