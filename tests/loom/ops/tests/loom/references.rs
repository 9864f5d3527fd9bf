//! The bitmap of free references: threads against each other.

use std::sync::atomic::Ordering;

use loom::thread;
use xen_ops_loom::gnttab::BitmapLine;
use xen_ops_loom::gnttab::protocol::{AllocHint, Orders, Proven, Refs, Taken};

use super::Page;

/// References 0 to `count`, all free, and a page for each.
pub(super) struct Shared {
    pub(super) refs: Refs<'static>,
    pages: Vec<Page>,
}

impl Shared {
    /// Never dropped, for the table's memory is borrowed.
    pub(super) fn new(count: u32) -> &'static Self {
        let refs = Refs::new(Box::leak(Box::new([BitmapLine::new()])));
        refs.extend(count);
        refs.free_run::<Proven>(0, count);
        Box::leak(Box::new(Self { refs, pages: (0..count).map(|_| Page::new()).collect() }))
    }

    /// Uses a reference as its only holder.
    pub(super) fn touch(&self, reference: u32) {
        self.pages[reference as usize].replace(reference);
    }
}

/// Two threads take, use and free single references.
fn one<O: Orders>(count: u32, times: u32) {
    loom::model(move || {
        let shared = Shared::new(count);
        let work = move |shared: &Shared| {
            let mut hint = AllocHint::new(0);
            for _ in 0..times {
                if let Some(reference) = shared.refs.take::<O>(&mut hint) {
                    shared.touch(reference);
                    shared.refs.free::<O>(Taken::one(reference));
                }
            }
        };
        let other = thread::spawn(move || work(shared));
        work(shared);
        other.join().unwrap();
        assert_eq!(shared.refs.count(), count as usize, "none is lost");
    });
}

/// One thread takes a run over the end of a word, the other takes several of one word.
fn run<O: Orders>() {
    loom::model(move || {
        let shared = Shared::new(34);
        let first = shared.refs.take_run::<Proven>(30).unwrap();
        assert_eq!(first, 0);
        let other = thread::spawn(move || {
            if let Some(first) = shared.refs.take_run::<O>(3) {
                (first..first + 3).for_each(|reference| shared.touch(reference));
                shared.refs.free_run::<O>(first, 3);
            }
        });
        if let Some(taken) = shared.refs.take_some::<O>(&mut AllocHint::new(0), 2) {
            let mut back = None::<Taken>;
            for reference in taken {
                shared.touch(reference);
                match &mut back {
                    Some(back) => assert!(back.add(reference)),
                    None => back = Some(Taken::one(reference)),
                }
            }
            shared.refs.free::<O>(back.unwrap());
        }
        other.join().unwrap();
        assert_eq!(shared.refs.count(), 4, "none is lost");
    });
}

pub(super) enum Take {}
impl Orders for Take {
    const TAKE: Ordering = Ordering::Relaxed;
}

pub(super) enum Free {}
impl Orders for Free {
    const FREE: Ordering = Ordering::Relaxed;
}

#[test]
fn the_same_reference_again_and_again() {
    one::<Proven>(1, 2);
}

#[test]
fn two_references() {
    one::<Proven>(2, 2);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn taken_relaxed() {
    one::<Take>(1, 2);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn freed_relaxed() {
    one::<Free>(1, 2);
}

#[test]
fn runs_and_several() {
    run::<Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn runs_and_several_relaxed() {
    run::<Take>();
}
