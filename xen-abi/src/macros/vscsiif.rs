//! SCSI results: `vscsiif_response.rslt`.
//!
//! Upstream: `xen/include/public/io/vscsiif.h`.

/// The SCSI status, as the device gave it.
///
/// `XEN_VSCSIIF_RSLT_STATUS` of `io/vscsiif.h`.
#[must_use]
pub const fn xen_vscsiif_rslt_status(rslt: i32) -> u8 {
    rslt as u8
}

/// What became of the request on its way there: `XEN_VSCSIIF_RSLT_HOST_*`.
///
/// `XEN_VSCSIIF_RSLT_HOST` of `io/vscsiif.h`.
///
/// ```
/// # use xen_abi::io::vscsiif::XEN_VSCSIIF_RSLT_HOST_NO_CONNECT;
/// # use xen_abi::macros::vscsiif::xen_vscsiif_rslt_host;
/// assert_eq!(xen_vscsiif_rslt_host(0x0001_0002), XEN_VSCSIIF_RSLT_HOST_NO_CONNECT);
/// ```
#[must_use]
pub const fn xen_vscsiif_rslt_host(rslt: i32) -> u32 {
    (rslt as u32 & 0x00ff_0000) >> 16
}
