//! Which version of the table Xen and the guest agree on.

#![allow(unsafe_code, reason = "sets the version, which wipes the table")]

use xen_abi::errno::XEN_ENOSYS;
use xen_abi::xen::DOMID_SELF;

use super::config::VersionPolicy;
use super::error::StartError;
use crate::gnttab::granting::Version;
use crate::hypercall::{Error, Hypercall, grant_table_op};

pub(super) fn negotiate<H: Hypercall>(
    xen: &H,
    policy: VersionPolicy,
    has_status: bool,
) -> Result<Version, StartError> {
    match policy {
        VersionPolicy::V2 if !has_status => return Err(StartError::NoStatusFrames),
        VersionPolicy::V2 => return set_version(xen, Version::V2),
        VersionPolicy::PreferV2 if has_status => match set_version(xen, Version::V2) {
            Err(StartError::Version(_, error)) if is_absent(&error) => {}
            other => return other,
        },
        VersionPolicy::PreferV2 | VersionPolicy::V1 => {}
    }
    set_version(xen, Version::V1)
}

fn is_absent(error: &Error) -> bool {
    error.errno() == Some(XEN_ENOSYS)
}

pub(super) fn set_version<H: Hypercall>(xen: &H, version: Version) -> Result<Version, StartError> {
    // SAFETY: entries are wiped, but nothing is granted yet, or, after a suspend, in the new table.
    let (result, in_effect) = unsafe { grant_table_op::set_version(xen, version.number()) };
    match result {
        Ok(()) if in_effect == version.number() => Ok(version),
        Ok(()) => Err(StartError::OtherVersion { in_effect }),
        // A Xen that does not know the operation has version 1 alone.
        Err(error) if version == Version::V1 && is_absent(&error) => Ok(version),
        Err(error) => Err(StartError::Version(version, error)),
    }
}

/// How many frames Xen lets the table have.
pub(super) fn xen_limit<H: Hypercall>(xen: &H) -> Result<u32, StartError> {
    grant_table_op::query_size(xen, DOMID_SELF)
        .map(|size| size.max_nr_frames)
        .map_err(StartError::Size)
}
