//! Where searches begin and end, and how much they take.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;
use std::task::Wake;

use super::*;
use crate::gnttab::references::Proven;

/// Four lines, of which two are in service, with these references free: starts and ends.
fn with<R>(free: &[(u32, u32)], test: impl FnOnce(&Refs<'_>) -> R) -> R {
    let lines = [const { BitmapLine::new() }; 4];
    let refs = Refs::new(&lines);
    refs.extend(2 * PER_LINE);
    for (start, end) in free {
        refs.free_run::<Proven>(*start, end - start);
    }
    test(&refs)
}

#[test]
fn the_word_before_the_hint_is_searched_last() {
    with(&[(32, 33)], |refs| {
        let mut hint = AllocHint::at_word(2);
        assert_eq!(refs.take::<Proven>(&mut hint), Some(32));
        assert_eq!((hint.word(), refs.take::<Proven>(&mut hint)), (1, None));
    });
}

#[test]
fn a_run_is_found_at_the_start_of_a_word_after_a_gap() {
    with(&[(8, 10), (32, 36), (40, 41)], |refs| {
        assert_eq!(refs.find_run(0, 2), Some(8));
        assert_eq!(refs.find_run(0, 3), Some(32));
        assert_eq!(refs.find_run(8, 4), Some(32));
        assert_eq!(refs.find_run(0, 5), None);
    });
    with(&[(30, 70)], |refs| assert_eq!(refs.find_run(0, 40), Some(30)));
    // What is free at the end of what is in service has nothing after it.
    with(&[(510, 512)], |refs| {
        assert_eq!((refs.find_run(0, 2), refs.find_run(0, 3)), (Some(510), None));
    });
}

/// As when another thread takes a part of it between search and claim.
#[test]
fn a_run_that_is_not_free_is_not_taken_in_part() {
    with(&[(0, 70), (71, 128)], |refs| {
        let before = refs.count();
        assert_eq!(refs.claim_run::<Proven>(10, 80), Err(64));
        assert_eq!(refs.claim_run::<Proven>(69, 5), Err(70));
        assert_eq!(refs.count(), before);
        assert_eq!(refs.claim_run::<Proven>(71, 57), Ok(()));
        assert_eq!(refs.count(), before - 57);
    });
}

#[test]
fn no_more_of_a_word_is_taken_than_is_asked_for() {
    for (limit, taken) in [(1, 0x10), (2, 0x30), (3, 0xb0), (4, 0xb0)] {
        let word = AtomicU64::new(WAITED | 0xb0);
        assert_eq!(take_lowest_of::<Proven>(&word, limit), Some(taken));
        assert_eq!(word.load(Relaxed), WAITED | (0xb0 & !u64::from(taken)));
    }
    assert_eq!(take_lowest_of::<Proven>(&AtomicU64::new(WAITED), 1), None);
}

#[test]
fn a_run_of_two_words_wakes_as_one_of_one_does() {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Relaxed);
        }
    }
    for end in [31, 33, 65] {
        with(&[], |refs| {
            let woken = Arc::new(Woken(AtomicBool::new(false)));
            assert_eq!(refs.wait::<Proven>(0, &Arc::clone(&woken).into()), 0);
            refs.free_run::<Proven>(8, end - 8);
            assert!(woken.0.load(Relaxed), "{end}");
        });
    }
}
