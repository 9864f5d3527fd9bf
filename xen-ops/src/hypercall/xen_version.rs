//! `XENVER_*`: the version and the features of Xen.
//!
//! Texts end at the first 0 byte, and those of a fixed size are truncated to it. Xen tells the command
//! line and the build ID to a control domain only: for others [`commandline`] is `<denied>`, and
//! [`build_id`] and [`commandline2`] fail with `EPERM`. Another security policy (Flask) can withhold more:
//! a text is then `<denied>` or empty.
//!
//! Upstream: `xen/include/public/version.h`.

use xen_abi::version::*;
use xen_abi::xen::{__HYPERVISOR_xen_version, xen_domain_handle_t, xen_ulong_t};

use super::{Writable, hypercalls};

hypercalls! {
    unsafe hypercall __HYPERVISOR_xen_version(command, argument);
    commands XENVER_*, arguments xen_*;
    callers pv, hvm, arm as OPERATIONS;

    /// The version: the major number times 2^16, plus the minor one.
    single version -> value;

    /// The rest of the version after the two numbers, such as `.2`.
    single extraversion(out text: xen_extraversion_t) -> errno;

    /// Who compiled this Xen, where, when and with what.
    single compile_info {
        out compiler: [u8; 64],
        out compile_by: [u8; 16],
        out compile_domain: [u8; 32],
        out compile_date: [u8; 32],
    } -> errno;

    /// The kinds of guest that Xen runs here, as `xen-3.0-x86_64`, with spaces between them.
    single capabilities(out text: xen_capabilities_info_t) -> errno;

    /// The changeset that this Xen was built from.
    single changeset(out text: xen_changeset_info_t) -> errno;

    /// The virtual address at which Xen's part of a 32-bit PV guest's address space begins. Other guests
    /// have no use for it.
    single platform_parameters {
        out virt_start: xen_ulong_t,
    } -> errno;

    /// The features `XENFEAT_*` from number 32 times `submap_idx` on, one bit each. They depend on the
    /// release and on the kind of the guest.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a `submap_idx` other than 0.
    single get_features: xen_feature_info {
        in submap_idx: u32,
        out submap: u32,
    } -> errno;

    /// The size of a page of Xen's, in bytes.
    single pagesize -> value;

    /// The UUID that the toolstack gave the domain.
    single guest_handle(out handle: xen_domain_handle_t) -> errno;

    /// Xen's command line; `<denied>` unless the caller is a control domain.
    single commandline(out text: xen_commandline_t) -> errno;

    /// The build ID that the linker wrote, and its length in bytes.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EPERM` (the caller is not a control domain), before 4.20 `EINVAL` (a
    /// buffer of no bytes), `ENODATA` (there is none), `ENOBUFS` (it does not fit).
    single build_id(out buffer: &mut Varbuf) -> value;

    /// The length of [`build_id`] in bytes.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not a control domain), `ENODATA` (there is none).
    single build_id_size = XENVER_build_id -> value;

    /// The whole of [`extraversion`], and its length in bytes. There is no 0
    /// byte at the end. Since 4.20, as are the three others like it.
    ///
    /// # Errors
    ///
    /// `ENOSYS` before 4.20, `ENOBUFS` (it does not fit).
    single extraversion2(out buffer: &mut Varbuf) -> value;

    /// The length of [`extraversion2`] in bytes.
    ///
    /// # Errors
    ///
    /// `ENOSYS` before 4.20.
    single extraversion2_size = XENVER_extraversion2 -> value;

    /// The whole of [`capabilities`], likewise.
    ///
    /// # Errors
    ///
    /// As [`extraversion2`].
    single capabilities2(out buffer: &mut Varbuf) -> value;

    /// The length of [`capabilities2`] in bytes.
    ///
    /// # Errors
    ///
    /// As [`extraversion2_size`].
    single capabilities2_size = XENVER_capabilities2 -> value;

    /// The whole of [`changeset`], likewise.
    ///
    /// # Errors
    ///
    /// As [`extraversion2`].
    single changeset2(out buffer: &mut Varbuf) -> value;

    /// The length of [`changeset2`] in bytes.
    ///
    /// # Errors
    ///
    /// As [`extraversion2_size`].
    single changeset2_size = XENVER_changeset2 -> value;

    /// The whole of [`commandline`], likewise.
    ///
    /// # Errors
    ///
    /// `ENOSYS` before 4.20, `EPERM` (the caller is not a control domain), `ENOBUFS` (it does not fit).
    single commandline2(out buffer: &mut Varbuf) -> value;

    /// The length of [`commandline2`] in bytes.
    ///
    /// # Errors
    ///
    /// `ENOSYS` before 4.20, `EPERM` (the caller is not a control domain).
    single commandline2_size = XENVER_commandline2 -> value;
}

/// A buffer for a text of any size: upstream's `xen_varbuf`, a number of bytes and the bytes.
///
/// ```
/// # #![allow(unsafe_code)]
/// use xen_ops::backend::Script;
/// use xen_ops::hypercall::xen_version::{Varbuf, build_id};
///
/// // SAFETY: nothing here relies on what a hypercall has done.
/// let xen = unsafe { Script::new(&[20]) };
/// let mut buffer = Varbuf::<[u8; 64]>::new();
/// let length = build_id(&xen, &mut buffer)?;
/// assert_eq!(buffer.bytes(length), [0; 20]);
/// # Ok::<(), xen_ops::hypercall::Error>(())
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct Varbuf<B: ?Sized = [u8]> {
    /// Bytes in `buf`. Never more than there are, since Xen writes that many.
    len: u32,
    buf: B,
}

// SAFETY: a number and bytes.
#[allow(unsafe_code, reason = "states a fact about integers")]
unsafe impl Writable for Varbuf {}

impl<const N: usize> Varbuf<[u8; N]> {
    /// A buffer of `N` bytes.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N <= u32::MAX as usize, "Xen reads 32 bits of the number of bytes") };
        Self { len: N as u32, buf: [0; N] }
    }

    /// The first `length` bytes, or all if there are fewer.
    #[must_use]
    pub fn bytes(&self, length: usize) -> &[u8] {
        self.buf.get(..length).unwrap_or(&self.buf)
    }
}

impl<const N: usize> Default for Varbuf<[u8; N]> {
    fn default() -> Self {
        Self::new()
    }
}
