//! Hypercalls whose memory is copied, with `/dev/zero` in the place of the memory, of which each mapping
//! is fresh too, and a model in the place of Xen.

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
use xen_ops::gnttab::DomainId;
use xen_ops::hypercall::{
    BufferDesc, Hypercall, HypercallBuffer, console_io, event_channel_op, grant_table_op,
    memory_op, xen_version,
};
use xen_ops::memory::acquire::Resource;
use xen_ops::view::ReadWrite;
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

use super::bounce::{ARENA, BounceBuffers};
use super::*;
use crate::testing::{allocations, in_child, is_mapped, memory};
use crate::{Cause, Error};

fn zero() -> Device {
    Device::open(Path::new("/dev/zero")).unwrap()
}

/// A privcmd that takes no ioctl.
fn privcmd() -> Privcmd {
    Privcmd { device: zero(), bounce: BounceBuffers::new(zero()).unwrap() }
}

/// A hypervisor that is reached through an bounce.
struct Copying<F> {
    bounce: BounceBuffers,
    xen: F,
}

// SAFETY: as `Privcmd`, with the model in Linux' place.
unsafe impl<F: Fn(u32, [usize; 5]) -> isize> Hypercall for Copying<F> {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        (self.xen)(number, arguments)
    }

    unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_in(memory) }
    }

    unsafe fn bounce_out(&self, memory: BufferDesc, lent: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_out(memory, lent) }
    }
}

fn copying<F: Fn(u32, [usize; 5]) -> isize>(xen: F) -> Copying<F> {
    Copying { bounce: BounceBuffers::new(zero()).unwrap(), xen }
}

/// What wrappers of every kind make of a fresh domain.
fn transcript(xen: &dyn Hypercall) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |what: &dyn std::fmt::Debug| lines.push(format!("{what:?}"));
    // Out of nothing, out of a value, out of several members.
    line(&xen_version::version(xen));
    line(&xen_version::extraversion(xen));
    line(&xen_version::get_features(xen, 0));
    line(&grant_table_op::query_size(xen, DOMID_SELF));
    line(&memory_op::current_reservation(xen, DOMID_SELF));
    // A text without a structure around it.
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
    // SAFETY: there is no such grant, and so nothing to be copied.
    line(&unsafe { grant_table_op::copy(xen, &mut copies) });
    // In and out.
    line(&event_channel_op::alloc_unbound(xen, DOMID_SELF, domid_t(0)));
    lines
}

fn guest() -> Domain {
    Xen::new().domain(DomainConfig::new(GuestKind::Pvh)).unwrap()
}

#[test]
fn hypercalls_are_what_they_are_without_copies() {
    let expected = transcript(&guest());
    assert!(expected.iter().any(|line| line.contains("GNTST_general_error")), "{expected:#?}");
    let guest = guest();
    // SAFETY: the wrappers' promise.
    let copying = copying(|number, arguments| unsafe { guest.call(number, arguments) });
    assert_eq!(transcript(&copying), expected);
    assert!(copying.bounce.is_free());
}

/// A table with an operation of each kind of memory, to see where it is.
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

    impl demo_sum {
        const ZERO: Self = Self { from: GuestHandle::NULL, to: GuestHandle::NULL, count: 0 };
    }

    hypercalls! {
        unsafe hypercall __HYPERVISOR_demo_op(command, argument);
        commands DEMOOP_*, arguments demo_*;

        /// Adds each element of one list to the one of the other.
        single sum {
            in from: [u8] counted by count,
            inout to: [u8] counted by count,
        } -> errno;
    }
}

/// A hypervisor for `demo`, which tells `seen` where its memory is.
fn sum(seen: impl Fn([usize; 3])) -> impl Fn(u32, [usize; 5]) -> isize {
    move |_, [_, address, ..]| {
        // SAFETY: the wrapper says where a structure is, and that where two lists are.
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
fn memory_of_any_size_is_copied_there_and_back() {
    for size in [0, 1, 4095, 4096, 4097, ARENA / 2 - 4096, ARENA / 2, ARENA - 1, 3 * ARENA] {
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
fn xen_sees_places_of_its_own() {
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

/// What is not written is the caller's own, and may be read-only.
#[test]
fn what_is_lent_for_reading_is_not_written() {
    static TEXT: [u8; 3] = *b"abc";
    let xen = copying(|_, _| 0);
    let lent = HypercallBuffer::to_read(&xen, &TEXT).unwrap();
    // SAFETY: three bytes are lent there.
    unsafe { with_exposed_provenance_mut::<u8>(lent.address()).write(b'x') };
    drop(lent);
    assert_eq!(&TEXT, b"abc");
}

#[test]
fn a_full_arena_makes_nobody_wait() {
    let xen = copying(|_, _| 0);
    let objects = [[0_u8; 4096]; 70];
    let lent: Vec<_> =
        objects.iter().map(|object| HypercallBuffer::to_read(&xen, object).unwrap()).collect();
    let bounce = xen.bounce.addresses();
    let inside = |lent: &HypercallBuffer<'_, _, _>| bounce.contains(&lent.address());
    assert_eq!(lent.iter().filter(|lent| inside(lent)).count(), 64);
    let places: HashSet<_> = lent.iter().map(HypercallBuffer::address).collect();
    assert_eq!(places.len(), 70);
    drop(lent);
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
fn a_panic_leaves_nothing_behind() {
    let xen = copying(|_, _| panic!("no hypervisor"));
    let (from, mut to) = ([1; 4097], vec![2; 2 * ARENA]);
    let call = || demo::sum(&xen, &from, &mut to);
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert!(xen.bounce.is_free());
}

/// Neither is what would be lent for a hypercall that is never made.
#[test]
fn what_cannot_be_lent_is_the_result() {
    let full = Device::open(Path::new("/proc/self/mem")).unwrap();
    let xen = copying(|_, _| panic!("the hypercall is not made"));
    let xen = Copying { bounce: xen.bounce.with_device(full), ..xen };
    let mut to = vec![2; 2 * ARENA];
    let error = demo::sum(&xen, &[1; 4097], &mut to).unwrap_err();
    assert_eq!(error.errno(), Some(Errno(19)), "{error}");
    assert_eq!(to, vec![2; 2 * ARENA]);
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
fn a_child_makes_no_hypercalls() {
    let xen = privcmd();
    let mut value = [7_u8; 8];
    let address = (&raw mut value).expose_provenance();
    let memory = BufferDesc { address, length: 8, is_written: true };
    // SAFETY: eight bytes, which nobody uses meanwhile.
    let lent = unsafe { xen.bounce_in(memory) }.unwrap();
    // SAFETY: they are lent there.
    unsafe { with_exposed_provenance_mut::<u8>(lent).write(8) };
    in_child(|| {
        // SAFETY: as before; the place is the parent's.
        unsafe { xen.bounce_out(memory, lent) };
        assert_eq!(value, [7; 8]);
        assert_eq!(HypercallBuffer::to_read(&xen, &value).unwrap_err(), XEN_EBADF);
        let error = xen_version::version(&xen).unwrap_err();
        assert_eq!(error.errno(), Some(XEN_EBADF));
        let error = xen_version::extraversion(&xen).unwrap_err();
        assert_eq!(error.errno(), Some(XEN_EBADF));
        let peer = DomainId::new(domid_t(3)).unwrap();
        let error = xen.map::<ReadWrite>(peer, &[xen_pfn_t(1)]).unwrap_err();
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
    // Nothing can be done with a descriptor for a path.
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
    assert_eq!((error.operation(), error.cause()), ("IOCTL_PRIVCMD_DM_OP", &Cause::Unsupported));
    let error = Privcmd::open_at("/dev/xen/none", "/dev/zero").unwrap_err();
    assert!(matches!(error.cause(), Cause::Open { .. }));
}

#[test]
fn counts_are_checked_before_any_call() {
    let xen = privcmd();
    let peer = DomainId::new(domid_t(3)).unwrap();
    let count = |error: Error| match error.cause() {
        Cause::Count { count, .. } => *count,
        other => panic!("{other:?}"),
    };
    assert_eq!(count(xen.map::<ReadWrite>(peer, &[]).unwrap_err()), 0);
    let table = Resource::GrantTable { status: false };
    for frames in [0, usize::MAX, 1 << 31] {
        let error = xen.map_resource::<ReadWrite>(peer, table, 0, frames).unwrap_err();
        assert_eq!(count(error), frames);
    }
    assert_eq!(count(xen.dm_op(peer, &mut []).unwrap_err()), 0);
    let mut bytes = [[0_u8; 1]; 17];
    let mut buffers = bytes.each_mut().map(|bytes| Buffer::slice(bytes));
    assert_eq!(count(xen.dm_op(peer, &mut buffers).unwrap_err()), 17);
}

/// The area is there, and the ioctl fails.
#[test]
fn what_is_not_mapped_leaves_no_area() {
    let (device, _) = memory("no-frames", 2 * rustix::param::page_size());
    let xen = Privcmd { device, bounce: BounceBuffers::new(zero()).unwrap() };
    let peer = DomainId::new(domid_t(3)).unwrap();
    let error = xen.map::<ReadWrite>(peer, &[xen_pfn_t(1), xen_pfn_t(2)]).unwrap_err();
    assert_eq!(error.cause(), &Cause::Unsupported);
    let table = Resource::GrantTable { status: false };
    let error = xen.map_resource::<ReadWrite>(peer, table, 0, 1).unwrap_err();
    assert_eq!(error.cause(), &Cause::Unsupported);
    assert!(!is_mapped("no-frames"));
}
