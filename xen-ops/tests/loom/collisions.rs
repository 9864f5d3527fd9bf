//! A waiter that registers while it is being woken.

use loom::model::Builder;
use loom::thread;
use xen_ops::gnttab::protocol::{Proven, Taken};

use super::references::Shared;
use super::wake::{right, until_free};

/// One waits for three references. One thread frees the first, another one the two others, of different
/// words: it wakes while the waiter registers, or registers again. Without the wake-ups of
/// `register`'s two collisions, one of them is lost.
#[test]
fn no_wake_up_is_lost_to_a_collision() {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let shared = Shared::new(33);
        assert_eq!(shared.refs.take_run::<Proven>(33), Some(0));
        let free = |references: &'static [u32]| {
            thread::spawn(move || {
                for reference in references {
                    shared.refs.free::<Proven>(Taken::one(*reference));
                }
            })
        };
        let others = vec![free(&[0]), free(&[32, 1])];
        until_free(shared, 3, right, others);
    });
}
