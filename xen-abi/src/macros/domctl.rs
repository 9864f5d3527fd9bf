//! Options of a domain to create.
//!
//! Upstream: `xen/include/public/domctl.h`.

use crate::domctl::{XEN_DOMCTL_ALTP2M_mode_mask, XEN_DOMCTL_GRANT_version_mask};

/// The largest grant-table version a domain may choose, of or for
/// `xen_domctl_createdomain.grant_opts`.
///
/// `XEN_DOMCTL_GRANT_version` of `domctl.h`.
#[must_use]
pub const fn xen_domctl_grant_version(version: u32) -> u32 {
    version & XEN_DOMCTL_GRANT_version_mask
}

/// Who may use alternate memory maps (`XEN_DOMCTL_ALTP2M_*`), of or for
/// `xen_domctl_createdomain.altp2m.opts`, before Xen 4.21 `altp2m_opts`.
///
/// `XEN_DOMCTL_ALTP2M_mode` of `domctl.h`.
#[must_use]
pub const fn xen_domctl_altp2m_mode(mode: u32) -> u32 {
    mode & XEN_DOMCTL_ALTP2M_mode_mask
}
