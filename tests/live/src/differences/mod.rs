//! Where hypervisors really differ from the reference, and the model from both, each with the reason.
//!
//! The reference is the newest release that is packaged, with a PV guest. A difference that no machine has any more is
//! found by [`stale`](crate::stale).

mod difference;
mod domains;
mod host;
mod kinds;
mod linux;
mod model;
mod narrow;
mod newer;
mod releases;

pub use difference::Where;

pub(crate) use difference::Difference;

use domains::DOMAINS;
use host::HOST;
use kinds::KINDS;
use linux::LINUX;
use model::MODEL;
use narrow::NARROW;
use newer::NEWER;
use releases::RELEASES;

/// All differences that are known for a place. A later one has the last word.
pub(crate) fn differences(place: Where) -> impl Iterator<Item = &'static Difference> {
    KINDS
        .iter()
        .chain(HOST)
        .chain(RELEASES)
        .chain(NEWER)
        .chain(NARROW)
        .chain(DOMAINS)
        .chain(LINUX)
        .chain(own(place))
        .filter(move |difference| (difference.place)(place))
}

/// The differences of that kind of place alone: those of the model, or none.
pub(crate) fn own(place: Where) -> &'static [Difference] {
    if place.model { MODEL } else { &[] }
}
