//! References that one thread holds back, against the bitmap that all threads share.

use loom::thread;
use xen_ops::gnttab::protocol::{AllocHint, Orders, Proven, RefCache, Taken};

use super::references::{Free, Shared, Take};
use super::wake::{right, until_free};

/// One thread takes and frees through what it holds, the other one by one; each uses what it has.
fn both<O: Orders>(flush: fn(&mut RefCache, &Shared)) {
    loom::model(move || {
        let shared = Shared::new(2);
        let other = thread::spawn(move || {
            let mut cursor = AllocHint::new(0);
            for _ in 0..2 {
                if let Some(reference) = shared.refs.take::<O>(&mut cursor) {
                    shared.touch(reference);
                    shared.refs.free::<O>(Taken::one(reference));
                }
            }
        });
        let (mut hold, mut cursor) = (RefCache::EMPTY, AllocHint::new(0));
        for _ in 0..2 {
            if let Some(reference) = hold.take::<O>(&shared.refs, &mut cursor) {
                shared.touch(reference);
                hold.free::<O>(&shared.refs, reference);
            }
        }
        flush(&mut hold, shared);
        other.join().unwrap();
        assert_eq!(shared.refs.count(), 2, "none is lost");
    });
}

fn flushed<O: Orders>(hold: &mut RefCache, shared: &Shared) {
    hold.flush::<O>(&shared.refs);
}

/// What one thread freed is held by another, which frees it again.
fn handed_over<O: Orders>() {
    loom::model(|| {
        let shared = Shared::new(1);
        let reference = shared.refs.take::<Proven>(&mut AllocHint::new(0)).unwrap();
        let other = thread::spawn(move || {
            shared.touch(reference);
            shared.refs.free::<O>(Taken::one(reference));
        });
        let mut hold = RefCache::EMPTY;
        if let Some(reference) = hold.take::<O>(&shared.refs, &mut AllocHint::new(0)) {
            shared.touch(reference);
            hold.free::<O>(&shared.refs, reference);
            hold.flush::<O>(&shared.refs);
        }
        other.join().unwrap();
        assert_eq!(shared.refs.count(), 1, "none is lost");
    });
}

/// One thread waits for a reference that another frees through what it holds, and perhaps holds back:
/// it gives back in the end.
fn waited_for(flush: fn(&mut RefCache, &Shared)) {
    loom::model(move || {
        let shared = Shared::new(1);
        let mut hold = RefCache::EMPTY;
        let reference = hold.take::<Proven>(&shared.refs, &mut AllocHint::new(0)).unwrap();
        let other = thread::spawn(move || {
            hold.free::<Proven>(&shared.refs, reference);
            flush(&mut hold, shared);
        });
        until_free(shared, 1, right, vec![other]);
    });
}

#[test]
fn held_and_shared() {
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
fn given_back_relaxed() {
    both::<Free>(flushed::<Free>);
}

#[test]
fn one_who_waits_gets_what_was_held() {
    waited_for(flushed::<Proven>);
}

#[test]
#[should_panic(expected = "asleep for ever")]
fn one_who_waits_does_not_get_what_is_never_given_back() {
    waited_for(|_, _| {});
}
