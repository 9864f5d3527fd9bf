//! Hypercalls whose buffers are bounced, with `/dev/zero` in place of the device, of which each mapping is
//! fresh too, and the simulator in place of Xen.

#![allow(unsafe_code, reason = "plays the hypervisor")]

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use xen_abi::Errno;
use xen_abi::errno::{XEN_EBADF, XEN_ENOSYS};
use xen_abi::grant_table::{GNTCOPY_source_gref, gnttab_copy_ptr};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::hypercall::{
    BufferDesc, Hypercall, HypercallBuffer, console_io, event_channel_op, grant_table_op,
    memory_op, xen_version,
};
use xen_ops::memory::acquire::Resource;
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

use super::bounce::{BounceBuffers, POOL};
use super::*;
use crate::testing::{allocations, in_child, is_mapped, memory};
use crate::{Cause, Error, ReadWrite};

fn zero() -> Device {
    Device::open(Path::new("/dev/zero")).unwrap()
}

/// A privcmd that takes no ioctl.
fn privcmd() -> Privcmd {
    Privcmd { device: zero(), bounce: BounceBuffers::new(zero()).unwrap() }
}

/// A hypervisor that is called with bounced buffers.
struct Copying<F> {
    bounce: BounceBuffers,
    xen: F,
}

// SAFETY: as `Privcmd`, with the simulator in place of Linux.
unsafe impl<F: Fn(u32, [usize; 5]) -> isize> Hypercall for Copying<F> {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        (self.xen)(number, arguments)
    }

    unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_in(memory) }
    }

    unsafe fn bounce_out(&self, memory: BufferDesc, bounced: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_out(memory, bounced) }
    }
}

fn copying<F: Fn(u32, [usize; 5]) -> isize>(xen: F) -> Copying<F> {
    Copying { bounce: BounceBuffers::new(zero()).unwrap(), xen }
}

/// Results of wrappers of every kind in a fresh domain.
fn transcript(xen: &dyn Hypercall) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |what: &dyn std::fmt::Debug| lines.push(format!("{what:?}"));
    // Without an argument, with a value, with several members.
    line(&xen_version::version(xen));
    line(&xen_version::extraversion(xen));
    line(&xen_version::get_features(xen, 0));
    line(&grant_table_op::query_size(xen, DOMID_SELF));
    line(&memory_op::current_reservation(xen, DOMID_SELF));
    // A text that is not in a structure.
    line(&console_io::write(xen, b"hello"));
    // A list that is written.
    let mut frames = [xen_pfn_t(7); 3];
    line(&grant_table_op::setup_table(xen, DOMID_SELF, &mut frames));
    line(&frames);
    // Lists that are read beside one that is written.
    let mut errors = [1; 2];
    let (from, to) = ([0, 1], [xen_pfn_t(0x9000), xen_pfn_t(0x9001)]);
    let extra = Default::default();
    // SAFETY: nothing uses these frames.
    line(&unsafe {
        memory_op::add_to_physmap_batch(xen, DOMID_SELF, 1, extra, &from, &to, &mut errors)
    });
    line(&errors);
    // A batch.
    let mut copies = [1, 2].map(|length| {
        let end = gnttab_copy_ptr { domid: DOMID_SELF, ..gnttab_copy_ptr::ZERO };
        grant_table_op::Copy::new(end, end, length, GNTCOPY_source_gref)
    });
    // SAFETY: there is no such grant, so nothing is copied.
    line(&unsafe { grant_table_op::copy(xen, &mut copies) });
    // In and out.
    line(&event_channel_op::alloc_unbound(xen, DOMID_SELF, domid_t(0)));
    lines
}

fn guest() -> Domain {
    Xen::new().domain(DomainConfig::new(GuestKind::Pvh)).unwrap()
}

#[test]
fn results_are_the_same_with_and_without_bouncing() {
    let expected = transcript(&guest());
    assert!(expected.iter().any(|line| line.contains("GNTST_general_error")), "{expected:#?}");
    let guest = guest();
    // SAFETY: the wrappers' promise.
    let copying = copying(|number, arguments| unsafe { guest.call(number, arguments) });
    assert_eq!(transcript(&copying), expected);
    assert!(copying.bounce.is_free());
}

/// A table with an operation that has every kind of buffer, to see their addresses.
mod demo {
    #![allow(non_camel_case_types, non_upper_case_globals, reason = "named as upstream would")]

    use xen_abi::GuestHandle;
    use xen_ops::hypercall::hypercalls;

    const __HYPERVISOR_demo_op: u32 = 55;
    const DEMOOP_sum: u32 = 1;

    #[derive(Clone, Copy)]
    #[repr(C)]
    pub(super) struct demo_sum {
        pub(super) from: GuestHandle<u8>,
        pub(super) to: GuestHandle<u8>,
        pub(super) count: u64,
    }

    // SAFETY: integers, which fill the structure.
    unsafe impl xen_abi::Plain for demo_sum {}

    impl demo_sum {
        const ZERO: Self = Self { from: GuestHandle::NULL, to: GuestHandle::NULL, count: 0 };
    }

    hypercalls! {
        unsafe hypercall __HYPERVISOR_demo_op(command, argument);
        commands DEMOOP_*, arguments demo_*;

        /// Adds each element of one list to that of the other.
        single sum {
            in from: [u8] counted by count,
            inout to: [u8] counted by count,
        } -> errno;
    }
}

/// A hypervisor for `demo`, which tells `seen` the addresses of its buffers.
fn sum(seen: impl Fn([usize; 3])) -> impl Fn(u32, [usize; 5]) -> isize {
    move |_, [_, address, ..]| {
        // SAFETY: the wrapper passes the address of a structure, which has those of two lists.
        unsafe {
            let argument = with_exposed_provenance::<demo::demo_sum>(address).read();
            let (from, to) = (argument.from.addr() as usize, argument.to.addr() as usize);
            seen([address, from, to]);
            for index in 0..argument.count as usize {
                let from = with_exposed_provenance::<u8>(from).add(index);
                let to = with_exposed_provenance_mut::<u8>(to).add(index);
                to.write(to.read().wrapping_add(from.read()));
            }
        }
        0
    }
}

#[test]
fn buffers_of_any_size_are_bounced() {
    for size in [0, 1, 4095, 4096, 4097, POOL / 2 - 4096, POOL / 2, POOL - 1, 3 * POOL] {
        let xen = copying(sum(|_| ()));
        let from: Vec<u8> = (0..size).map(|index| index as u8).collect();
        let mut to: Vec<u8> = (0..size).map(|index| (index / 256) as u8).collect();
        assert_eq!(demo::sum(&xen, &from, &mut to), Ok(()));
        let expected = (0..size).map(|index| (index as u8).wrapping_add((index / 256) as u8));
        assert!(to.into_iter().eq(expected), "{size}");
        assert!(from.into_iter().eq((0..size).map(|index| index as u8)), "{size}");
        assert!(xen.bounce.is_free(), "{size}");
    }
}

#[test]
fn xen_sees_addresses_in_the_pool() {
    let places = RefCell::new([0; 3]);
    let xen = copying(sum(|seen| *places.borrow_mut() = seen));
    let (from, mut to) = ([1; 4097], [2; 4097]);
    demo::sum(&xen, &from, &mut to).unwrap();
    let bounce = xen.bounce.addresses();
    let mut places = places.take();
    assert!(places.iter().all(|place| bounce.contains(place)), "{places:?} {bounce:?}");
    places.sort_unstable();
    assert_eq!(places.map(|place| place - bounce.start), [0, 2 * 4096, 4 * 4096]);
}

/// A buffer that Xen only reads may be in read-only memory.
#[test]
fn a_buffer_for_reading_is_not_written() {
    static TEXT: [u8; 3] = *b"abc";
    let xen = copying(|_, _| 0);
    let buffer = HypercallBuffer::to_read(&xen, &TEXT).unwrap();
    // SAFETY: three bytes are bounced there.
    unsafe { with_exposed_provenance_mut::<u8>(buffer.address()).write(b'x') };
    drop(buffer);
    assert_eq!(&TEXT, b"abc");
}

#[test]
fn no_hypercall_waits_for_a_full_pool() {
    let xen = copying(|_, _| 0);
    let objects = [[0_u8; 4096]; 70];
    let buffers: Vec<_> =
        objects.iter().map(|object| HypercallBuffer::to_read(&xen, object).unwrap()).collect();
    let bounce = xen.bounce.addresses();
    let inside = |buffer: &HypercallBuffer<'_, _, _>| bounce.contains(&buffer.address());
    assert_eq!(buffers.iter().filter(|buffer| inside(buffer)).count(), 64);
    let places: HashSet<_> = buffers.iter().map(HypercallBuffer::address).collect();
    assert_eq!(places.len(), 70);
    drop(buffers);
    assert!(xen.bounce.is_free());
}

#[test]
fn threads_do_not_share_places() {
    let xen = copying(sum(|_| ()));
    thread::scope(|scope| {
        for number in 0..8_u8 {
            let xen = &xen;
            scope.spawn(move || {
                for round in 0..200_usize {
                    let size = (round * 977 + usize::from(number) * 4099) % (6 * 4096);
                    let (from, mut to) = (vec![number; size], vec![number; size]);
                    demo::sum(xen, &from, &mut to).unwrap();
                    assert!(to.iter().all(|&byte| byte == 2 * number));
                }
            });
        }
    });
    assert!(xen.bounce.is_free());
}

#[test]
fn a_panic_leaves_no_buffer() {
    let xen = copying(|_, _| panic!("no hypervisor"));
    let (from, mut to) = ([1; 4097], vec![2; 2 * POOL]);
    let call = || demo::sum(&xen, &from, &mut to);
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert!(xen.bounce.is_free());
}

/// And the hypercall is not issued.
#[test]
fn a_failure_to_bounce_is_the_result() {
    let full = Device::open(Path::new("/proc/self/mem")).unwrap();
    let xen = copying(|_, _| panic!("the hypercall is not issued"));
    let xen = Copying { bounce: xen.bounce.with_device(full), ..xen };
    let mut to = vec![2; 2 * POOL];
    let error = demo::sum(&xen, &[1; 4097], &mut to).unwrap_err();
    assert_eq!(error.errno(), Some(Errno(19)), "{error}");
    assert_eq!(to, vec![2; 2 * POOL]);
    assert!(xen.bounce.is_free());
}

#[test]
fn hypercalls_allocate_nothing() {
    let xen = copying(sum(|_| ()));
    let (from, mut to) = ([1; 4097], [2; 4097]);
    let before = allocations();
    for _ in 0..3 {
        demo::sum(&xen, &from, &mut to).unwrap();
    }
    assert_eq!(allocations(), before);
    let xen = privcmd();
    let before = allocations();
    assert!(demo::sum(&xen, &from, &mut to).is_err());
    assert!(memory_op::maximum_ram_page(&xen).is_err());
    assert_eq!(allocations(), before);
}

#[test]
fn a_child_issues_no_hypercalls() {
    let xen = privcmd();
    let mut value = [7_u8; 8];
    let address = (&raw mut value).expose_provenance();
    let memory = BufferDesc { address, length: 8, is_written: true };
    // SAFETY: eight bytes, which have no other user.
    let bounced = unsafe { xen.bounce_in(memory) }.unwrap();
    // SAFETY: they are bounced there.
    unsafe { with_exposed_provenance_mut::<u8>(bounced).write(8) };
    in_child(|| {
        // SAFETY: as before; the place is the parent's.
        unsafe { xen.bounce_out(memory, bounced) };
        assert_eq!(value, [7; 8]);
        assert_eq!(HypercallBuffer::to_read(&xen, &value).unwrap_err(), XEN_EBADF);
        let error = xen_version::version(&xen).unwrap_err();
        assert_eq!(error.errno(), Some(XEN_EBADF));
        let error = xen_version::extraversion(&xen).unwrap_err();
        assert_eq!(error.errno(), Some(XEN_EBADF));
        let domain = DomainId::new(domid_t(3)).unwrap();
        let error = xen.map_frames(domain, &[xen_pfn_t(1)], ReadWrite).unwrap_err();
        assert_eq!(error.cause(), &Cause::Forked);
    });
}

#[test]
fn linux_error_numbers_are_results() {
    let xen = privcmd();
    // `/dev/zero` takes no ioctl.
    assert_eq!(xen_version::version(&xen).unwrap_err().errno(), Some(XEN_ENOSYS));
    let error = memory_op::maximum_ram_page(&xen).unwrap_err();
    assert_eq!(error.errno(), Some(XEN_ENOSYS));
    // A descriptor that is opened for its path takes no ioctl.
    let path = open("/dev/zero", OFlags::PATH, Mode::empty()).unwrap();
    let xen =
        Privcmd { device: Device::new(path).unwrap(), bounce: BounceBuffers::new(zero()).unwrap() };
    assert_eq!(xen_version::version(&xen).unwrap_err().errno(), Some(XEN_EBADF));
    assert!(xen.bounce.is_free());
}

#[test]
fn threads_may_share_it() {
    fn check<T: Send + Sync>() {}
    check::<Privcmd>();
    check::<Frames<ReadWrite>>();
    check::<ResourceFrames<ReadWrite>>();
}

#[test]
fn another_device_is_not_taken_for_privcmd() {
    let error = Privcmd::open_at("/dev/zero", "/dev/zero").unwrap_err();
    assert_eq!((error.operation(), error.cause()), ("/dev/xen/privcmd", &Cause::Unsupported));
    let error = Privcmd::open_at("/dev/xen/none", "/dev/zero").unwrap_err();
    assert!(matches!(error.cause(), Cause::Open { .. }));
}

#[test]
fn counts_are_checked_before_any_call() {
    let xen = privcmd();
    let domain = DomainId::new(domid_t(3)).unwrap();
    let count = |error: Error| match error.cause() {
        Cause::Count { count, .. } => *count,
        other => panic!("{other:?}"),
    };
    assert_eq!(count(xen.map_frames(domain, &[], ReadWrite).unwrap_err()), 0);
    let table = Resource::GrantTable { status: false };
    for frames in [0, usize::MAX, 1 << 31] {
        let error = xen.map_resource(domain, table, 0, frames, ReadWrite).unwrap_err();
        assert_eq!(count(error), frames);
    }
    assert_eq!(count(xen.dm_op(domain, &mut []).unwrap_err()), 0);
    let mut bytes = [[0_u8; 1]; 17];
    let mut buffers = bytes.each_mut().map(|bytes| Buffer::slice(bytes));
    assert_eq!(count(xen.dm_op(domain, &mut buffers).unwrap_err()), 17);
}

/// The region is mapped, and the ioctl fails.
#[test]
fn a_failed_ioctl_leaves_no_mapping() {
    let (device, _) = memory("no-frames", 2 * rustix::param::page_size());
    let xen = Privcmd { device, bounce: BounceBuffers::new(zero()).unwrap() };
    let domain = DomainId::new(domid_t(3)).unwrap();
    let error = xen.map_frames(domain, &[xen_pfn_t(1), xen_pfn_t(2)], ReadWrite).unwrap_err();
    assert_eq!(error.cause(), &Cause::Unsupported);
    let table = Resource::GrantTable { status: false };
    let error = xen.map_resource(domain, table, 0, 1, ReadWrite).unwrap_err();
    assert_eq!(error.cause(), &Cause::Unsupported);
    assert!(!is_mapped("no-frames"));
}

#[test]
fn descriptors_that_are_not_accepted_are_returned() {
    let open = || OwnedFd::from(std::fs::File::open("/dev/zero").unwrap());
    let failed = Privcmd::new(open(), open()).unwrap_err();
    assert_eq!(failed.error.operation(), "/dev/xen/privcmd");
    assert!(failed.returned.is_some());
}

/// In an ordinary file another process could write while a hypercall's memory is there.
#[test]
fn memory_that_others_may_write_is_not_taken_for_bounce_buffers() {
    let (file, _) = memory("no-bounce-buffers", POOL);
    for device in [file, zero()] {
        let error = Privcmd::buffers(device).unwrap_err();
        assert_eq!((error.operation(), error.cause()), ("/dev/xen/hypercall", &Cause::Unsupported));
    }
    assert!(!is_mapped("no-bounce-buffers"));
}

#[test]
fn frames_that_are_not_unmapped_are_returned() {
    let (device, _) = memory("returned-frames", rustix::param::page_size());
    let prot = rustix::mm::ProtFlags::READ;
    let region = crate::mmap_region::MmapRegion::map(&device, 0, 4096, prot).unwrap();
    let frames = ResourceFrames::<ReadWrite>::new(region);
    assert_eq!((frames.count(), frames.size()), (1, 4096));
    in_child(|| {
        let failed = frames.unmap().unwrap_err();
        assert_eq!(failed.error.cause(), &Cause::Forked);
        assert_eq!(failed.returned.unwrap().count(), 1);
    });
}
