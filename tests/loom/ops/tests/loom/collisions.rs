//! A waiter that registers while it is being woken.

use loom::model::Builder;
use loom::thread;
use xen_ops_loom::gnttab::protocol::{Proven, Taken};

use super::references::Shared;
use super::wake::{right, until_free};

/// One waits for three references, which a thread for each of the lists frees. It preempts threads up to
/// `preemptions` times.
fn collide(lists: &'static [&'static [u32]], preemptions: usize) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let shared = Shared::new(33);
        assert_eq!(shared.refs.take_run::<Proven>(33), Some(0));
        let free = |references: &'static [u32]| {
            thread::spawn(move || {
                for reference in references {
                    shared.refs.free::<Proven>(Taken::one(*reference));
                }
            })
        };
        let others = lists.iter().map(|references| free(references)).collect();
        until_free(shared, 3, right, others);
    });
}

/// One thread wakes while the waiter registers, or registers again. Without either of the wake-ups in
/// `register`, the waiter stays asleep.
#[test]
fn no_wake_up_is_lost_to_a_collision() {
    collide(&[&[0], &[32, 1]], 3);
}

/// One thread wakes, the second one collides with the next registration, and the third one takes the waker
/// after that: it needs the release when `register` resets the state.
#[test]
fn a_waker_is_accessed_by_one_thread_at_a_time() {
    collide(&[&[0], &[1], &[32]], 4);
}
