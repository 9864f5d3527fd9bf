//! Where the model does otherwise than the hypervisors.
//!
//! There is none at present. Each would be a thing that the model could learn: then its row goes, or the
//! test of the model fails.

use crate::differences::Difference;

/// See [`crate::differences`]; these come after the hypervisors' own.
pub(crate) const MODEL: &[Difference] = &[];
