//! Mapping another domain's resources.

use xen_abi::Errno;
use xen_abi::errno::*;
use xen_abi::memory::{
    XENMEM_acquire_resource, XENMEM_remove_from_physmap, XENMEM_resource_grant_table_id_status,
};
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::memory::acquire::{self, AcquireError, Resource, StillMapped};
use xen_ops::memory::{Error, Space, add_to_physmap};
use xen_sim::{DomainConfig, GuestKind, Release};

use super::{ABSENT, ME, PEER, RESOURCE_FRAMES, Rig, frame_of, frames};
use crate::lies::Outcome::{Do, Instead};
use crate::pfn_to_u64;

const TABLE: Resource = Resource::GrantTable { status: false };
/// Frames that Xen takes at a time when it maps a resource, and 4.14 in one call.
const STRIDE: usize = 32;

fn map_of(
    rig: &Rig,
    domid: domid_t,
    first: u32,
    list: &mut [xen_pfn_t],
) -> Result<(), AcquireError> {
    // SAFETY: nothing is at these guest frames.
    unsafe { acquire::map(&rig.xen, domid, TABLE, first, list) }
}

fn map(rig: &Rig, first: u32, list: &mut [xen_pfn_t]) -> Result<(), AcquireError> {
    map_of(rig, PEER, first, list)
}

fn nothing_is_at(rig: &Rig, list: &[xen_pfn_t]) -> bool {
    list.iter().all(|frame| !rig.has(pfn_to_u64(*frame)))
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
    let rig = Rig::privileged(GuestKind::Pvh);
    assert_eq!(acquire::size(&rig.xen, PEER, TABLE), Ok(RESOURCE_FRAMES));
    let errno = |domid| acquire::size(&rig.xen, domid, TABLE).unwrap_err().errno();
    assert_eq!(errno(ME), Some(XEN_EPERM));
    assert_eq!(errno(DOMID_SELF), Some(XEN_ESRCH));
    assert_eq!(errno(ABSENT), Some(XEN_ESRCH));
}

#[test]
fn frames_appear_where_the_list_says() {
    let rig = Rig::privileged(GuestKind::Pvh);
    let mut list = frames(0x1000..0x1003);
    map(&rig, 5, &mut list).unwrap();
    for (frame, index) in list.iter().zip(5..) {
        let address = frame_of(rig.peer.raw_table().shared(), index);
        assert_eq!(rig.us().address_of(*frame), address);
    }
    // SAFETY: as in `map_of`.
    unsafe { acquire::unmap(&rig.xen, &list) }.unwrap();
    assert!(nothing_is_at(&rig, &list));
}

#[test]
fn a_partial_acquire_is_undone() {
    let rig = Rig::privileged(GuestKind::Pvh);
    rig.us().faults().acquire_fails_after(2);
    let mut list = frames(0x1000..0x1005);
    failed(map(&rig, 0, &mut list), XEN_EIO);
    assert!(nothing_is_at(&rig, &list));
}

/// What Xen maps before it finds that the resource has no more frames stays mapped, without -EIO.
#[test]
fn a_partial_acquire_is_undone_whatever_the_error_number() {
    let rig = Rig::privileged(GuestKind::Pvh);
    let mut list = frames(0x1000..0x1001 + u64::from(RESOURCE_FRAMES));
    failed(map(&rig, 0, &mut list), XEN_EINVAL);
    assert!(nothing_is_at(&rig, &list));
    let calls = rig.xen.commands(__HYPERVISOR_memory_op);
    let removals = calls.iter().filter(|call| **call == XENMEM_remove_from_physmap).count();
    assert_eq!(removals, STRIDE + 1, "what was mapped, and the empty frame after it");
}

#[test]
fn more_frames_than_4_14_takes_are_mapped_in_parts() {
    let rig = Rig::with(Release::V4_14, GuestKind::Pvh, DomainConfig::privileged);
    assert_eq!(acquire::size(&rig.xen, ABSENT, TABLE), Ok(32), "it looks at nothing");
    map(&rig, 1, &mut frames(0x1000..0x1022)).unwrap();
    let table = rig.peer.raw_table().shared();
    assert_eq!(rig.us().address_of(xen_pfn_t(0x1000)), frame_of(table, 1));
    assert_eq!(
        rig.us().address_of(xen_pfn_t(0x1020)),
        frame_of(table, 33),
        "the first of the second part"
    );
    assert_eq!(rig.xen.commands(__HYPERVISOR_memory_op), [XENMEM_acquire_resource; 3]);
}

#[test]
fn an_acquire_refused_at_once_leaves_nothing_to_undo() {
    let rig = Rig::privileged(GuestKind::Pvh);
    failed(map_of(&rig, ME, 0, &mut frames(0x1000..0x1040)), XEN_EPERM);
    let calls = [XENMEM_acquire_resource, XENMEM_remove_from_physmap];
    assert_eq!(rig.xen.commands(__HYPERVISOR_memory_op), calls);
}

#[test]
fn what_cannot_be_undone_is_told() {
    let rig = Rig::privileged(GuestKind::Pvh);
    rig.us().faults().acquire_fails_after(4);
    rig.xen.outcome([Do, Do, Instead(-1), Do, Instead(-16)]);
    let mut list = frames(0x1000..0x1006);
    let Err(AcquireError::Stranded { error, left: StillMapped { first, count, cause } }) =
        map(&rig, 0, &mut list)
    else {
        panic!("two frames do not go away");
    };
    assert_eq!((error.errno(), cause.errno()), (Some(XEN_EIO), Some(XEN_EPERM)));
    assert_eq!((first, count), (1, 2));
    let left: Vec<u64> =
        list.iter().map(|frame| pfn_to_u64(*frame)).filter(|frame| rig.has(*frame)).collect();
    assert_eq!(left, [0x1001, 0x1003]);
}

#[test]
fn unmap_passes_over_empty_frames_and_goes_on_after_a_failure() {
    let rig = Rig::privileged(GuestKind::Pvh);
    map(&rig, 0, &mut frames(0x1000..0x1003)).unwrap();
    rig.xen.outcome([Instead(-16)]);
    let list = [0x1000, 0x55, 0x1001, 0x1002].map(xen_pfn_t);
    // SAFETY: as in `map_of`.
    let left = unsafe { acquire::unmap(&rig.xen, &list) }.unwrap_err();
    assert_eq!((left.first, left.count, left.cause.errno()), (0, 1, Some(XEN_EBUSY)));
    assert!(rig.has(0x1000) && nothing_is_at(&rig, &list[1..]));
}

#[test]
fn a_pv_guest_is_told_the_machine_frames() {
    let rig = Rig::privileged(GuestKind::Pv);
    let mut list = [xen_pfn_t(!0); 2];
    // SAFETY: the guest is a PV guest.
    unsafe { acquire::machine_frames(&rig.xen, PEER, TABLE, 3, &mut list) }.unwrap();
    for (machine, frame) in list.iter().zip(3..) {
        let at = xen_pfn_t(0x2000);
        // SAFETY: nothing but the frame before is at this guest frame.
        unsafe { add_to_physmap(&rig.peer, DOMID_SELF, Space::GrantTable { frame }, at) }.unwrap();
        assert_eq!(rig.peer.machine_frame(at), Some(*machine));
    }
}

#[test]
fn what_the_abi_cannot_say_is_refused() {
    let rig = Rig::privileged(GuestKind::Pvh);
    let refused = |error| Err(AcquireError::Failed(error));
    assert_eq!(map(&rig, 0, &mut []), refused(Error::NoFrames));
    let error = Error::TooMany { asked: 2, limit: 1 };
    assert_eq!(map(&rig, u32::MAX - 1, &mut frames(1..3)), refused(error));
    let error = Error::NotAFrame { index: 0, frame: xen_pfn_t(!0) };
    assert_eq!(map(&rig, 0, &mut [xen_pfn_t(!0)]), refused(error));
    assert_eq!(rig.xen.calls(), 0);
    failed(map(&rig, u32::MAX - 1, &mut frames(1..2)), XEN_EINVAL);
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
