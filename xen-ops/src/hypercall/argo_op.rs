//! `XEN_ARGO_OP_*`: messages between domains through Xen.
//!
//! `EOPNOTSUPP` from each if Xen was not started with `argo=1`, `EPERM` if the security policy refuses.
//!
//! Upstream: `xen/include/public/argo.h`.

use xen_abi::argo::*;
use xen_abi::xen::__HYPERVISOR_argo_op;

use super::hypercalls;

/// An argument that the operation does not have.
const NONE: usize = 0;

hypercalls! {
    unsafe hypercall __HYPERVISOR_argo_op(command, ..);
    commands XEN_ARGO_OP_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Registers a ring for messages, in the frames of `gfns`.
    ///
    /// # Errors
    ///
    /// `EINVAL` (a length that does not fit the frames, or is too small or too large; `flags` other than
    /// `XEN_ARGO_REGISTER_FLAG_*`; frames that are not writable memory of the caller's), `ESRCH` (no such
    /// partner), `ECONNREFUSED` (it has no messages), `ENOSPC` (too many rings), `EEXIST` (the ring is
    /// registered and `flags` do not allow that, or with another length), `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Xen writes to the frames from then on: they are used for nothing else, and accessed as shared memory
    /// only.
    unsafe call register_ring(
        in ring: &xen_argo_register_ring,
        in gfns: [xen_argo_gfn_t],
        count gfns,
        in flags: u32,
    ) -> errno;

    /// Ends a ring.
    ///
    /// # Errors
    ///
    /// `EINVAL` (padding that is not 0), `ENODEV` (the caller has no messages), `ENOENT` (no such ring).
    call unregister_ring(
        in ring: &xen_argo_unregister_ring,
        gfns = NONE,
        size = NONE,
        flags = NONE,
    ) -> errno;

    /// Sends a message that consists of the parts `iovs`, at most 8, and returns its length in bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` (too many parts, or too long; a source that is not the caller), `EPERM`, `ESRCH` (no such
    /// domain), `ENODEV` or `ECONNREFUSED` (it has no such ring), `EMSGSIZE` (longer than the ring), `EAGAIN`
    /// (no space in the ring; Xen notifies the caller when there is), `EBUSY`, `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Each handle in `iovs` is to as many bytes as the part says.
    unsafe call sendv(
        in addresses: &xen_argo_send_addr,
        in iovs: [xen_argo_iov],
        count iovs,
        in message_type: u32,
    ) -> value;

    /// Asks which of other domains' rings have space: `ring_data` is upstream's `xen_argo_ring_data` with its
    /// entries.
    ///
    /// # Errors
    ///
    /// `ENODEV` (the caller has no messages), `EACCES` or `EINVAL` (entries that cannot be), `ENOMEM`.
    ///
    /// # Safety
    ///
    /// There are as many entries as the first member says.
    unsafe call notify(
        inout ring_data: [u32],
        gfns = NONE,
        size = NONE,
        flags = NONE,
    ) -> errno;

    /// Sends the notifications that wait, and asks for nothing.
    ///
    /// # Errors
    ///
    /// `ENODEV`: the caller has no messages.
    call notify_pending = XEN_ARGO_OP_notify(
        ring_data = NONE,
        gfns = NONE,
        size = NONE,
        flags = NONE,
    ) -> errno;
}
