//! Mapping another domain's resources.

use xen_abi::Errno;
use xen_abi::errno::*;
use xen_abi::memory::{
    XENMEM_acquire_resource, XENMEM_remove_from_physmap, XENMEM_resource_grant_table_id_status,
};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};

use super::fake::{Kind, ME, PEER, RESOURCE_FRAMES, STRIDE, What, Xen};
use super::frames;
use crate::memory::Error;
use crate::memory::acquire::{self, AcquireError, Resource, StillMapped};

const TABLE: Resource = Resource::GrantTable { status: false };

fn map(xen: &Xen, first: u32, list: &mut [xen_pfn_t]) -> Result<(), AcquireError> {
    // SAFETY: the frames are a map's keys.
    unsafe { acquire::map(xen, PEER, TABLE, first, list) }
}

#[track_caller]
fn failed(result: Result<(), AcquireError>, errno: Errno) {
    match result {
        Err(AcquireError::Failed(error)) => assert_eq!(error.errno(), Some(errno)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn zephyr_the_size_is_asked_with_no_list_and_no_frames() {
    let xen = Xen::new(Kind::Hvm);
    assert_eq!(acquire::size(&xen, PEER, TABLE), Ok(RESOURCE_FRAMES));
    let errno = |domid| acquire::size(&xen, domid, TABLE).unwrap_err().errno();
    assert_eq!(errno(ME), Some(XEN_EPERM));
    assert_eq!(errno(DOMID_SELF), Some(XEN_ESRCH));
    assert_eq!(errno(domid_t(77)), Some(XEN_ESRCH));
}

#[test]
fn frames_appear_where_the_list_says() {
    let xen = Xen::new(Kind::Hvm);
    let mut list = frames(0x100..0x103);
    map(&xen, 5, &mut list).unwrap();
    for (frame, page) in list.iter().zip(5..) {
        assert_eq!(xen.what(frame.0), Some(What::Resource(page)));
    }
    // SAFETY: as in `map`.
    unsafe { acquire::unmap(&xen, &list) }.unwrap();
    assert!(xen.state.borrow().map.is_empty());
}

#[test]
fn a_partial_acquire_is_undone() {
    let xen = Xen::new(Kind::Hvm).with_ram(0..4);
    xen.state.borrow_mut().bad.insert(0x102, XEN_ENOMEM);
    failed(map(&xen, 0, &mut frames(0x100..0x105)), XEN_EIO);
    assert_eq!(xen.state.borrow().map.len(), 4, "the caller's memory, and nothing else");
}

/// What Xen maps before it finds that the resource has no more frames stays mapped, without -EIO.
#[test]
fn a_partial_acquire_is_undone_whatever_the_error_number() {
    let xen = Xen::new(Kind::Hvm);
    let count = u64::from(RESOURCE_FRAMES) + 1;
    failed(map(&xen, 0, &mut frames(0x100..0x100 + count)), XEN_EINVAL);
    assert!(xen.state.borrow().map.is_empty());
    let state = xen.state.borrow();
    let removals = state.calls.iter().filter(|call| **call == XENMEM_remove_from_physmap).count();
    assert_eq!(removals, STRIDE + 1, "what was mapped, and the empty frame behind it");
}

#[test]
fn more_frames_than_4_14_takes_are_mapped_in_parts() {
    let xen = Xen::new(Kind::Hvm);
    xen.state.borrow_mut().is_4_14 = true;
    assert_eq!(acquire::size(&xen, domid_t(77), TABLE), Ok(32), "it looks at nothing");
    map(&xen, 1, &mut frames(0x100..0x122)).unwrap();
    assert_eq!(xen.what(0x100), Some(What::Resource(1)));
    assert_eq!(xen.what(0x120), Some(What::Resource(33)), "the first of the second part");
    assert_eq!(xen.state.borrow().calls, [XENMEM_acquire_resource; 3]);
}

#[test]
fn an_acquire_refused_at_once_leaves_nothing_to_undo() {
    let xen = Xen::new(Kind::Hvm);
    // SAFETY: as in `map`.
    let result = unsafe { acquire::map(&xen, ME, TABLE, 0, &mut frames(0x100..0x140)) };
    failed(result, XEN_EPERM);
    assert_eq!(xen.state.borrow().calls, [XENMEM_acquire_resource, XENMEM_remove_from_physmap]);
}

#[test]
fn what_cannot_be_undone_is_told() {
    let xen = Xen::new(Kind::Hvm);
    {
        let mut state = xen.state.borrow_mut();
        state.bad.insert(0x104, XEN_ENOMEM);
        state.sticky.insert(0x101, XEN_EPERM);
        state.sticky.insert(0x103, XEN_EBUSY);
    }
    let Err(AcquireError::Stranded { error, left: StillMapped { first, count, cause } }) =
        map(&xen, 0, &mut frames(0x100..0x106))
    else {
        panic!("two frames do not go away");
    };
    assert_eq!((error.errno(), cause.errno()), (Some(XEN_EIO), Some(XEN_EPERM)));
    assert_eq!((first, count), (1, 2));
    assert_eq!(xen.state.borrow().map.len(), 2);
}

#[test]
fn unmap_passes_over_empty_frames_and_goes_on_after_a_failure() {
    let xen = Xen::new(Kind::Hvm);
    map(&xen, 0, &mut frames(0x100..0x103)).unwrap();
    xen.state.borrow_mut().sticky.insert(0x100, XEN_EBUSY);
    let list = [0x100, 0x55, 0x101, 0x102].map(xen_pfn_t);
    // SAFETY: as in `map`.
    let left = unsafe { acquire::unmap(&xen, &list) }.unwrap_err();
    assert_eq!((left.first, left.count, left.cause.errno()), (0, 1, Some(XEN_EBUSY)));
    assert_eq!(xen.state.borrow().map.len(), 1);
}

#[test]
fn a_pv_guest_is_told_the_machine_frames() {
    let xen = Xen::new(Kind::Pv);
    let mut list = [xen_pfn_t(!0); 2];
    // SAFETY: the guest is a PV guest.
    unsafe { acquire::machine_frames(&xen, PEER, TABLE, 3, &mut list) }.unwrap();
    assert_eq!(list, [0x9_0003, 0x9_0004].map(xen_pfn_t));
}

#[test]
fn what_the_abi_cannot_say_is_refused() {
    let xen = Xen::new(Kind::Hvm);
    let refused = |error| Err(AcquireError::Failed(error));
    assert_eq!(map(&xen, 0, &mut []), refused(Error::NoFrames));
    let error = Error::TooMany { asked: 2, limit: 1 };
    assert_eq!(map(&xen, u32::MAX - 1, &mut frames(1..3)), refused(error));
    let error = Error::NotAFrame { index: 0, frame: xen_pfn_t(!0) };
    assert_eq!(map(&xen, 0, &mut [xen_pfn_t(!0)]), refused(error));
    assert_eq!(xen.calls(), 0);
    failed(map(&xen, u32::MAX - 1, &mut frames(1..2)), XEN_EINVAL);
}

#[test]
fn each_resource_has_its_type_and_id() {
    let encoded = [
        (Resource::IoreqServer { id: 7 }, (0, 7)),
        (TABLE, (1, 0)),
        (Resource::GrantTable { status: true }, (1, XENMEM_resource_grant_table_id_status)),
        (Resource::Vmtrace { vcpu: 3 }, (2, 3)),
    ];
    for (resource, expected) in encoded {
        assert_eq!(resource.encode(), expected);
    }
}
