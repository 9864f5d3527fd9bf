//! `XEN_HYPFS_OP_*`: Xen's parameters and properties as a file system.
//!
//! For a control domain, else `EPERM`. `ENOSYS` if Xen was built without (`CONFIG_HYPFS`), and before 4.14.
//!
//! Upstream: `xen/include/public/hypfs.h`.

use xen_abi::hypfs::*;
use xen_abi::xen::__HYPERVISOR_hypfs_op;

use super::hypercalls;

/// An argument that the operation does not have.
const NONE: usize = 0;

hypercalls! {
    unsafe hypercall __HYPERVISOR_hypfs_op(command, ..);
    commands XEN_HYPFS_OP_*;
    callers control as OPERATIONS;

    /// The version of the interface, 1.
    call get_version(path = NONE, path_size = NONE, data = NONE, size = NONE) -> value;

    /// Reads the entry of an absolute path: `buffer` has `xen_hypfs_direntry`, and after it the contents, of a
    /// directory a list of `xen_hypfs_dirlistentry`.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EPERM`, `EINVAL` (a path of more than 1024 bytes, or not an absolute one;
    /// that is `ENOENT` in 4.14), `ENOENT` (no such entry, or one below what is no directory), `EINVAL`
    /// (`buffer` is smaller than `xen_hypfs_direntry`), `ENOBUFS` (the contents do not fit; `buffer` has the
    /// `xen_hypfs_direntry`).
    call read(in path: &CStr, count path, out buffer: [u8], count buffer) -> errno;

    /// Sets the contents of an entry.
    ///
    /// # Errors
    ///
    /// As [`read`], then `EACCES` (it cannot be written), `EINVAL` or `EDOM` (contents that it cannot have),
    /// `ENOSPC` (too long), `ENOMEM`.
    call write_contents(in path: &CStr, count path, in contents: [u8], count contents) -> errno;
}
