//! What `domctl` and `sysctl` have in common: each release has its own structures and versions.

use crate::config::Release;

/// `$body` with `$v` as the release's headers.
///
/// For 4.14 they are those of 4.17, which has the same structures in what is answered here.
macro_rules! of_release {
    ($release:expr, $v:ident => $body:expr) => {
        match $release {
            $crate::config::Release::V4_14 | $crate::config::Release::V4_17 => {
                use xen_abi::toolstack::v4_17 as $v;
                $body
            }
            $crate::config::Release::V4_20 => {
                use xen_abi::toolstack::v4_20 as $v;
                $body
            }
            $crate::config::Release::V4_21 => {
                use xen_abi::toolstack::v4_21 as $v;
                $body
            }
            $crate::config::Release::V4_22 => {
                use xen_abi::toolstack::v4_22 as $v;
                $body
            }
        }
    };
}
pub(crate) use of_release;

/// The interface versions of domctl and sysctl.
pub(crate) fn versions(release: Release) -> (u32, u32) {
    if release == Release::V4_14 {
        return (0x12, 0x13);
    }
    of_release!(release, v => {
        (v::domctl::XEN_DOMCTL_INTERFACE_VERSION, v::sysctl::XEN_SYSCTL_INTERFACE_VERSION)
    })
}
