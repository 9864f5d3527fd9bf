//! Where the model does otherwise than the hypervisors.
//!
//! Each would be a thing that the model could learn: then its row goes, or the test of the model fails.

use super::difference::Difference;
use crate::Arch;

/// See [`crate::differences`]; these come after the hypervisors' own.
pub(super) const MODEL: &[Difference] = &[Difference {
    place: |at| at.arch == Arch::Arm,
    scenario: "sched",
    steps: &[("watchdog, a third one", Some("4294967268"))],
    reason: "results have as many bits as the process that the model is in",
}];
