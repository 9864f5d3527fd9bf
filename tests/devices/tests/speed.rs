//! The system calls and allocations of every operation that has been performed before.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use xen_devices::Program;

/// A case of `src/bin/cases`, its calls in order, and how many allocations it makes.
const TABLE: &[(&str, &[&str], u64)] = &[
    ("map", BATCH, 0),
    ("map-many", BATCH, 0),
    ("map-read-only", BATCH, 0),
    ("unmap", BATCH, 0),
    ("locate", &["ioctl(gntdev, GET_OFFSET_FOR_VADDR)"], 0),
    ("notify", &["ioctl(gntdev, SET_UNMAP_NOTIFY)"], 0),
    ("copy", &["ioctl(gntdev, GRANT_COPY)"], 0),
    ("copy-many", &["ioctl(gntdev, GRANT_COPY)"], 0),
    ("share", SHARE, 1),
    ("share-many", SHARE, 1),
    ("share-notify", &["ioctl(gntalloc, SET_UNMAP_NOTIFY)"], 0),
    ("hypercall", HYPERCALL, 0),
    ("hypercall-buffer", HYPERCALL, 0),
    ("hypercall-wide", HYPERCALL, 0),
    ("hypercall-large", &["mmap(hypercall)", HYPERCALL[0], "munmap(hypercall)"], 0),
    ("foreign-map", &["mmap(privcmd)", "ioctl(privcmd, MMAPBATCH_V2)", "munmap(privcmd)"], 2),
    ("foreign-retry", &["ioctl(privcmd, MMAPBATCH_V2)"], 0),
    ("resource-size", &["ioctl(privcmd, MMAP_RESOURCE)"], 0),
    ("resource-map", &["mmap(privcmd)", "ioctl(privcmd, MMAP_RESOURCE)", "munmap(privcmd)"], 0),
    ("dm-op", &["ioctl(privcmd, DM_OP)"], 0),
    ("bind-virq", &["ioctl(evtchn, BIND_VIRQ)", "ioctl(evtchn, UNBIND)"], 0),
    ("event", &["ioctl(evtchn, NOTIFY)", "read(evtchn)", "write(evtchn)"], 0),
    ("wait", &["ppoll()"], 0),
];

/// One grant or many, mapped and unmapped.
const BATCH: &[&str] = &[
    "ioctl(gntdev, MAP_GRANT_REF)",
    "mmap(gntdev)",
    "munmap(gntdev)",
    "ioctl(gntdev, UNMAP_GRANT_REF)",
];

/// One page or many, shared and no longer shared.
const SHARE: &[&str] = &[
    "ioctl(gntalloc, ALLOC_GREF)",
    "mmap(gntalloc)",
    "munmap(gntalloc)",
    "ioctl(gntalloc, DEALLOC_GREF)",
];

const HYPERCALL: &[&str] = &["ioctl(privcmd, HYPERCALL)"];

#[test]
fn operations_make_these_calls_and_no_others() {
    for (case, calls, heap) in TABLE {
        let run = Program::new(env!("CARGO_BIN_EXE_cases")).arg(case).run().unwrap();
        let window = run.window(case);
        let made: Vec<_> = window.calls.iter().map(|call| call.signature()).collect();
        assert_eq!(made, *calls, "{case}");
        assert_eq!(window.heap_requests, *heap, "{case}: allocations");
    }
}
