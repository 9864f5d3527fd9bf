//! What releases do otherwise that are newer than the reference.

use super::difference::{Difference, ENOSYS, OK};

/// See [`super`].
pub(super) const NEWER: &[Difference] = &[
    Difference {
        place: |at| at.release == (4, 21),
        scenario: "version",
        steps: &[("version", Some("4.21"))],
        reason: "that is what the release is",
    },
    Difference {
        place: |at| at.release == (4, 22),
        scenario: "version",
        steps: &[("version", Some("4.22"))],
        reason: "that is what the release is",
    },
    Difference {
        place: |at| at.is_pv() && !at.before(21),
        scenario: "gnttab-entry",
        steps: &[("cache_flush, *", ENOSYS)],
        reason: "4.21 took the operation from x86, where it flushed the cache of the current processor only",
    },
    Difference {
        place: |at| at.is_pv() && !at.before(21),
        scenario: "gnttab-pv",
        steps: &[("flush, *", ENOSYS), ("flush, unmap", OK)],
        reason: "as above",
    },
];
