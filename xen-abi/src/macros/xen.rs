//! UUIDs.
//!
//! Upstream: `xen/include/public/xen.h`.

use crate::xen::xen_uuid_t;

/// A UUID from its groups as they are written: `aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee`.
///
/// `XEN_DEFINE_UUID` of `xen.h`.
///
/// ```
/// # use xen_abi::macros::xen::xen_define_uuid;
/// let uuid = xen_define_uuid(0x00112233, 0x4455, 0x6677, 0x8899, [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
/// assert_eq!(uuid.a, core::array::from_fn(|i| 0x11 * i as u8));
/// ```
#[must_use]
pub const fn xen_define_uuid(a: u32, b: u16, c: u16, d: u16, e: [u8; 6]) -> xen_uuid_t {
    let (a, b, c, d) = (a.to_be_bytes(), b.to_be_bytes(), c.to_be_bytes(), d.to_be_bytes());
    let [e1, e2, e3, e4, e5, e6] = e;
    xen_uuid_t {
        a: [a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], e1, e2, e3, e4, e5, e6],
    }
}
