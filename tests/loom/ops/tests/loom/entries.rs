//! Entries: this domain against Xen.

use std::sync::atomic::Ordering;

use loom::sync::Arc;
use loom::thread;
use xen_ops_loom::gnttab::protocol::{
    Body, EntryV1, EntryV2, Header, Orders, Proven, Status, Transfer,
};
use xen_ops_loom::xen_abi::xen::domid_t;

use super::Page;

const PEER: domid_t = domid_t(7);

/// An entry of either version, and the page that it grants.
#[derive(Debug)]
struct Shared<E> {
    entry: E,
    page: Page,
}

/// What both versions have.
trait Entry: Send + Sync + Sized + 'static {
    fn new() -> Self;
    fn publish<O: Orders>(&self, header: Header);
    fn end<O: Orders>(&self) -> bool;
    fn forbid_writing<O: Orders>(&self) -> bool;
    fn claim(&self) -> bool;
    fn unclaim(&self);

    fn shared() -> Arc<Shared<Self>> {
        Arc::new(Shared { entry: Self::new(), page: Page::new() })
    }
}

impl Entry for EntryV1 {
    fn new() -> Self {
        Self::default()
    }
    fn publish<O: Orders>(&self, header: Header) {
        self.publish::<O>(header, Body::page(5));
    }
    fn end<O: Orders>(&self) -> bool {
        // Looks, and tries again, if that is not what the entry says.
        self.end_published::<O>(Header::access(PEER, false)).is_ok()
    }
    fn forbid_writing<O: Orders>(&self) -> bool {
        self.forbid_writing::<O>().is_ok()
    }
    fn claim(&self) -> bool {
        self.claim(PEER, true).map(|frame| assert_eq!(frame, 5)).is_some()
    }
    fn unclaim(&self) {
        self.unclaim();
    }
}

impl Entry for (EntryV2, Status) {
    fn new() -> Self {
        Self::default()
    }
    fn publish<O: Orders>(&self, header: Header) {
        self.0.publish::<O>(header, Body::page(5));
    }
    fn end<O: Orders>(&self) -> bool {
        self.0.end::<O>(&self.1).is_ok()
    }
    fn forbid_writing<O: Orders>(&self) -> bool {
        self.0.forbid_writing::<O>(&self.1).is_ok()
    }
    fn claim(&self) -> bool {
        self.0.claim(&self.1, PEER, true).map(|frame| assert_eq!(frame, 5)).is_some()
    }
    fn unclaim(&self) {
        self.1.unclaim();
    }
}

type V1 = EntryV1;
type V2 = (EntryV2, Status);

/// A peer that claims the entry sees the frame and what the page held.
fn publish<E: Entry, O: Orders>() {
    loom::model(|| {
        let shared = E::shared();
        let peer = thread::spawn({
            let shared = shared.clone();
            move || {
                if shared.entry.claim() {
                    assert_eq!(shared.page.replace(2), 1);
                }
            }
        });
        shared.page.replace(1);
        shared.entry.publish::<O>(Header::access(PEER, false));
        peer.join().unwrap();
    });
}

/// The peer uses a page in turn with us, and `take_away` says when it is ours alone.
fn share<E: Entry>(take_away: impl Fn(&E) -> bool + Sync + Send + Copy + 'static) {
    loom::model(move || {
        let shared = E::shared();
        shared.entry.publish::<Proven>(Header::access(PEER, false));
        let peer = thread::spawn({
            let shared = shared.clone();
            move || {
                if shared.entry.claim() {
                    shared.page.replace(1);
                    shared.entry.unclaim();
                }
            }
        });
        if take_away(&shared.entry) {
            shared.page.replace(2);
        }
        peer.join().unwrap();
    });
}

/// A page that comes back is not in use, and what the peer wrote is there.
fn end<E: Entry, O: Orders>() {
    share::<E>(|entry| entry.end::<O>());
}

/// Where writing is forbidden, the peer does not write.
fn forbid_writing<E: Entry, O: Orders>() {
    share::<E>(|entry| entry.forbid_writing::<O>());
}

/// The frame of a completed transfer is the one that Xen has put there.
fn transfer<O: Orders>() {
    loom::model(|| {
        let entry = Arc::new(EntryV1::default());
        entry.publish::<Proven>(Header::accept_transfer(PEER), Body::page(0));
        let xen = thread::spawn({
            let entry = entry.clone();
            move || entry.complete(9)
        });
        if let Transfer::Completed(frame) = entry.transfer::<O>() {
            assert_eq!(frame, 9, "the frame is seen before it is there");
        }
        xen.join().unwrap();
    });
}

macro_rules! weak {
    ($($name:ident: $($const:ident)?, $body:tt;)*) => {$(
        enum $name {}
        impl Orders for $name {
            $(const $const: Ordering = Ordering::$body;)?
        }
    )*};
}
weak! {
    Publish: PUBLISH, Relaxed;
    End: END, Relaxed;
    StatusWord: STATUS, Relaxed;
    Transferred: TRANSFER, Relaxed;
}

/// An acquire and release fence orders no store before a later load.
enum EndFence {}
impl Orders for EndFence {
    fn end_fence() {
        loom::sync::atomic::fence(Ordering::AcqRel);
    }
}

#[test]
fn publish_v1() {
    publish::<V1, Proven>();
}

#[test]
fn publish_v2() {
    publish::<V2, Proven>();
}

#[test]
#[should_panic]
fn publish_v1_relaxed() {
    publish::<V1, Publish>();
}

#[test]
#[should_panic]
fn publish_v2_relaxed() {
    publish::<V2, Publish>();
}

#[test]
fn end_v1() {
    end::<V1, Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn end_v1_relaxed() {
    end::<V1, End>();
}

#[test]
fn end_v2() {
    end::<V2, Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn end_v2_without_a_full_fence() {
    end::<V2, EndFence>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn end_v2_relaxed_status() {
    end::<V2, StatusWord>();
}

#[test]
fn forbid_writing_v1() {
    forbid_writing::<V1, Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn forbid_writing_v1_relaxed() {
    forbid_writing::<V1, End>();
}

#[test]
fn forbid_writing_v2() {
    forbid_writing::<V2, Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn forbid_writing_v2_without_a_full_fence() {
    forbid_writing::<V2, EndFence>();
}

#[test]
fn transferred() {
    transfer::<Proven>();
}

#[test]
#[should_panic(expected = "before it is there")]
fn transferred_relaxed() {
    transfer::<Transferred>();
}
