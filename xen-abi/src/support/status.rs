//! Statuses of grant operations with their meaning.

use core::fmt;

use crate::support::newtypes::newtype;

newtype! {
    /// The status that Xen writes to each element of a grant operation: 0 is success, a negative value
    /// is an error. A positive value is not a success either. Values that this release does not define
    /// are kept.
    ///
    /// `GNTST_*` of [`grant_table.h`](crate::grant_table), where C has an `int16_t`.
    pub struct GrantStatus(pub i16);
    named
}

impl GrantStatus {
    /// Whether the operation did what it was asked to.
    #[must_use]
    pub const fn is_okay(self) -> bool {
        self.0 == 0
    }

    /// Upstream's name, or `None` for a status this release does not define.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|(name, _)| name)
    }

    /// What it means, or `None` for a status this release does not define.
    #[must_use]
    pub fn text(self) -> Option<&'static str> {
        self.entry().map(|(_, text)| text)
    }

    fn entry(self) -> Option<(&'static str, &'static str)> {
        let index = usize::try_from(i32::from(self.0).checked_neg()?).ok()?;
        TABLE.get(index).copied()
    }
}

impl fmt::Display for GrantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some((name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "unknown grant status {}", self.0),
        }
    }
}

impl core::error::Error for GrantStatus {}

/// Name and meaning, from 0 downwards.
const TABLE: [(&str, &str); 14] = [
    ("GNTST_okay", "success"),
    ("GNTST_general_error", "unspecified error"),
    ("GNTST_bad_domain", "unknown domain"),
    ("GNTST_bad_gntref", "unknown or unsuitable grant reference"),
    ("GNTST_bad_handle", "unknown or stale mapping handle"),
    ("GNTST_bad_virt_addr", "unsuitable virtual address"),
    ("GNTST_bad_dev_addr", "device address does not match the mapping"),
    ("GNTST_no_device_space", "no space left in the I/O translation"),
    ("GNTST_permission_denied", "caller lacks the privilege"),
    ("GNTST_bad_page", "page cannot be used for this operation"),
    ("GNTST_bad_copy_arg", "copy leaves its page"),
    ("GNTST_address_too_big", "frame number too large for the receiver"),
    ("GNTST_eagain", "not done yet, to be tried again"),
    ("GNTST_no_space", "no handles or other resources left"),
];
