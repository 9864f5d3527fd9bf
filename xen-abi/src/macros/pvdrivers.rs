//! Who wrote a PV driver, as its product number tells the emulated platform device.
//!
//! Upstream: `xen/include/public/hvm/pvdrivers.h`, the registry of these numbers.

/// Names and product numbers, by number.
///
/// `PVDRIVERS_PRODUCT_LIST` of `hvm/pvdrivers.h`.
pub const PRODUCT_LIST: [(&str, u16); 6] = [
    ("xensource-windows", 1),
    ("gplpv-windows", 2),
    ("linux", 3),
    ("xenserver-windows-v7.0+", 4),
    ("xenserver-windows-v7.2+", 5),
    ("experimental", 0xffff),
];
