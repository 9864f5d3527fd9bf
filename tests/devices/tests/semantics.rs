//! The devices answer as Linux's drivers do, to system calls without a library.
//!
//! Each transcript is the output of `src/bin/probe`; read it beside the case there.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use xen_devices::{Ending, Program};

/// Runs a case of the probe: it must print this, end normally, and leak nothing.
#[track_caller]
fn prints(case: &str, expected: &str) {
    let run = Program::new(env!("CARGO_BIN_EXE_probe")).arg(case).run().unwrap();
    assert_eq!(run.ending, Ending::Exited(0), "{}", run.stderr);
    assert_eq!(run.stdout, expected.trim_start());
    assert_eq!(run.left.to_string(), "nothing");
}

/// gntdev: a map has an index and a count, is mapped once and whole, and notifies when it is unmapped.
#[test]
fn map() {
    prints(
        "map",
        "
none: EINVAL
too many: EINVAL
set the most: ENOTTY
two: 0
one more: 0
at pages 0 and 2
a part: EINVAL
both: EINVAL
private: EINVAL
shows (1, 20) and (2, 30)
again: EINVAL
offset: 0
at page 0, 2 pages
offset of the stack: EINVAL
notify: 0
notify beyond: ENOENT
notify otherwise: EINVAL
notify by no port: EINVAL
unmap other counts: ENOENT
once only: EINVAL
unmap: 0
unmap again: ENOENT
the page again: 0
shows (2, 0x12345600)
notify of a read-only page: EINVAL
gone: 0
  mapped: EINVAL
reserved: 0
  mapped: EINVAL
beyond: 0
  mapped: EINVAL
read-only: 0
  mapped: EINVAL
no such request: ENOTTY
",
    );
}

/// gntdev: a copy has a status for each segment.
#[test]
fn copy() {
    prints(
        "copy",
        "
none: 0
  statuses []
from a page: 0
  statuses [0]
  [1, 8]
to it: 0
  statuses [0]
page to page: 0
  statuses [0]
back: 0
  statuses [0]
  [77, 78]
local to local: EINVAL
  statuses [0]
across pages: EINVAL
  statuses [0]
bad memory: EFAULT
  statuses [0]
each its own: 0
  statuses [-2, -3, -1, 0]
",
    );
}

/// gntdev: buffers are exported and imported.
#[test]
fn dmabuf() {
    prints(
        "dmabuf",
        "
both flags: EINVAL
bad grant: EINVAL
export: 0
no wait: ETIMEDOUT
a wait in vain: ETIMEDOUT
import too few: EINVAL
import nothing: EBADF
import: 0
as [8, 9]
release: 0
release again: ENOENT
a wait: 0
another: ENOENT
",
    );
}

/// gntalloc: pages are shared until they are deallocated and unmapped.
#[test]
fn share() {
    prints(
        "share",
        "
two: 0
at page 0, as [8, 9]
one: 0
at page 2, as [10]
private: EINVAL
beyond: ENOENT
shows 0
shows 5
mapped by its own domain: 0
shows 5
notify: 0
notify beyond: ENOENT
notify otherwise: EINVAL
unshare one of two: 0
unshare it again: EINVAL
unshare the others: 0
still shows 5
one later: 0
at page 3, as [8]
",
    );
}

/// gntalloc: all programs share one limit.
#[test]
fn limit() {
    prints(
        "limit",
        "
beyond the limit: ENOSPC
the limit: 0
one more: ENOSPC
later: 0
",
    );
}

/// evtchn: ports are bound, notified, read and unmasked.
#[test]
fn events() {
    prints(
        "events",
        "
unbound: 1
to it: 2
to it again: EINVAL
to another domain: 3
to one that is gone: ESRCH
an interrupt: 4
the same: EEXIST
none such: EINVAL
notify another's: ENOTCONN
notify beyond: EINVAL
nothing to read: EAGAIN
readable: false
notify: 0
readable: true
notify again: 0
read: 4
port 1, readable: false
unmask: 12
readable: true
reset: 0
readable: false
blocking: EINTR
unbind another's: ENOTCONN
unbind: 0
again: ENOTCONN
no such request: ENOSYS
",
    );
}

/// evtchn: a restricted descriptor binds to one domain.
#[test]
fn restricted() {
    prints(
        "restricted",
        "
to domain 0: EINVAL
to domain 1: 0
again: EACCES
domain 1: 1
domain 2: EACCES
an interrupt: EACCES
reset: EACCES
",
    );
}

/// privcmd: hypercalls, with arguments in memory of the hypercall device.
#[test]
fn hypercalls() {
    prints(
        "hypercalls",
        "
private: EINVAL
version: 262164
extra version: 0
0x302e
extra version to nowhere: EFAULT
size of a table: 0
1 of 64 frames, status 0
of two: EINVAL
pages: 32768
of one that is gone: ESRCH
no such call: ENOSYS
restrict: 0
the same: 0
otherwise: EINVAL
version: EPERM
",
    );
}

/// privcmd: memory of another domain, with an error for each page.
#[test]
fn foreign() {
    prints(
        "foreign",
        "
none: EINVAL
  []
a part: EINVAL
  [0]
elsewhere: EINVAL
  [0]
some: ENOENT
  [0, -2, -22]
shows 5 and 0
the holes: 0
  [0, 0]
shows 6 and 7
again: EINVAL
  [0, 0, 0]
one that is gone: 0
  [-3]
restrict: 0
another domain: EPERM
  [1]
this domain: 0
  [0]
",
    );
}

/// privcmd: resources have a size and are mapped once.
#[test]
fn resource() {
    prints(
        "resource",
        "
size: 0
4 frames
pages nowhere: EINVAL
none such: EOPNOTSUPP
one that is gone: ESRCH
beyond: EINVAL
two: 0
shows 2 and 3
again: EINVAL
",
    );
}

/// privcmd: a device model's operations.
#[test]
fn model() {
    prints(
        "model",
        "
no buffers: 0
create: 0
server 1
too many buffers: E2BIG
too large: E2BIG
nowhere: EFAULT
one that is gone: ESRCH
not writable: EFAULT
no such operation: EOPNOTSUPP
",
    );
}
