//! How a table starts, grows, and comes back after a suspend.

use std::cell::RefCell;
use std::mem::forget;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use xen_abi::errno::{XEN_EINVAL, XEN_ENOSYS};
use xen_abi::grant_table::{GTF_invalid, GTF_permit_access, grant_ref_t};
use xen_abi::memory::{XENMEM_add_to_physmap, XENMEM_remove_from_physmap, xen_add_to_physmap};
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, domid_t, xen_ulong_t};
use xen_ops::ReadWrite;
use xen_ops::gnttab::{
    AllocError, Config, FrameRange, StartError, TableFrames, ToolstackEntry, ToolstackRef,
    Translated, Version, VersionPolicy,
};
use xen_ops::hypercall::grant_table_op;
use xen_sim::{DomainConfig, GuestKind, Xen};

use super::{FRAMES, Store, World, ended, peer};
use crate::lies::Outcome::{Do, Instead};
use crate::lies::{Says, peek};
use crate::pfn;

const STATUS: xen_ulong_t = 0x8000_0000;
const ENOSYS: isize = -(XEN_ENOSYS.0 as isize);

fn config(version: VersionPolicy) -> Config {
    Config { version, ..Config::default() }
}

fn world(change: impl FnOnce(DomainConfig) -> DomainConfig) -> World {
    World::with(Xen::builder(), change(DomainConfig::new(GuestKind::Pvh)))
}

/// The indices of the frames that were placed, in order.
fn placed(world: &World) -> Vec<xen_ulong_t> {
    world.xen.seen::<xen_add_to_physmap>().iter().map(|argument| argument.idx).collect()
}

#[test]
fn the_version_is_the_one_asked_for_or_the_one_there_is() {
    for (policy, max, version) in [
        (VersionPolicy::V1, 2, Some(Version::V1)),
        (VersionPolicy::V2, 2, Some(Version::V2)),
        (VersionPolicy::PreferV2, 2, Some(Version::V2)),
        (VersionPolicy::PreferV2, 1, Some(Version::V1)),
        (VersionPolicy::V2, 1, None),
    ] {
        let world = world(|config| config.max_grant_version(max));
        let storage = Store::new();
        match (world.start(&storage, config(policy)), version) {
            (Ok(table), Some(version)) => assert_eq!(table.version(), version, "{policy:?} {max}"),
            (Err(StartError::Version(Version::V2, error)), None) => {
                assert_eq!(error.errno(), Some(XEN_ENOSYS));
                assert_eq!(error.operation(), "GNTTABOP_set_version");
            }
            (started, _) => panic!("{policy:?} {max}: {started:?}"),
        }
    }
}

#[test]
fn a_xen_that_does_not_know_versions_has_the_first() {
    for (policy, asked) in [(VersionPolicy::V1, 1), (VersionPolicy::PreferV2, 2)] {
        let (world, storage) = (World::new(), Store::new());
        world.xen.outcome(vec![Instead(ENOSYS); asked]);
        let started = world.start(&storage, config(policy));
        assert_eq!(started.map(|table| table.version()), Ok(Version::V1), "{policy:?}");
    }
}

#[test]
fn frames_are_placed_from_the_highest_down() {
    let world = world(|config| config.max_grant_frames(FRAMES as u32));
    let storage = Store::new();
    let config = Config { initial_frames: 3, ..config(VersionPolicy::V2) };
    let table = world.start(&storage, config).unwrap();
    assert_eq!(placed(&world), [2, 1, 0, STATUS]);
    assert_eq!(table.free_refs(), 3 * 256 - 8);
    table.grow(1).unwrap();
    assert_eq!(placed(&world)[4..], [3], "the status frame is there");
    assert_eq!(table.grow(1), Err(AllocError::Exhausted { frames: FRAMES as u32 }));
    assert_eq!((table.frames(), table.free_refs()), (4, 4 * 256 - 8));
}

#[test]
fn a_frame_is_placed_as_far_into_the_range_as_its_number_says() {
    let placed = RefCell::new(Vec::new());
    let xen = Says(|operation, argument| {
        assert_eq!(operation, XENMEM_add_to_physmap);
        let argument: xen_add_to_physmap = peek(argument);
        placed.borrow_mut().push((argument.idx, argument.gpfn));
        0
    });
    let range = |frame| FrameRange { address: NonNull::dangling(), frame: pfn(frame) };
    // SAFETY: this hypervisor places nothing, and nothing is accessed.
    let mut frames = unsafe { Translated::new(range(0x100), 10).with_status(range(0x200)) };
    frames.attach(&xen, Version::V2, 8..10).unwrap();
    let expected = [(9, pfn(0x109)), (8, pfn(0x108)), (STATUS | 1, pfn(0x201))];
    assert_eq!(*placed.borrow(), expected);
}

#[test]
fn the_limit_is_the_smallest_of_all() {
    for (xen, own, limit) in [(64, 64, FRAMES as u32), (2, 64, 2), (64, 3, 3)] {
        let world = world(|config| config.max_grant_frames(xen));
        let storage = Store::new();
        let config = Config { max_frames: own, initial_frames: 64, ..Config::default() };
        let table = world.start(&storage, config).unwrap();
        assert_eq!((table.max_frames(), table.frames()), (limit, limit));
    }
    let (world, storage) = (World::new(), Store::new());
    let config = Config { max_frames: 0, ..Config::default() };
    assert_eq!(world.start(&storage, config).unwrap_err(), StartError::NoFrames);
}

#[test]
fn a_table_that_cannot_grow_says_why_and_can_grow_later() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let all: Vec<_> = (0..504).map(|_| table.alloc().unwrap()).collect();
    let refused = |result| match result {
        Err(AllocError::Grow(error)) => {
            assert_eq!(error.operation(), "XENMEM_add_to_physmap");
            assert_eq!(error.errno(), Some(XEN_EINVAL));
        }
        other => panic!("{other:?}"),
    };
    world.xen.outcome([Do, Instead(-22)]);
    refused(table.grow(3));
    let commands = world.xen.commands(__HYPERVISOR_memory_op);
    let removed = commands.iter().filter(|command| **command == XENMEM_remove_from_physmap);
    assert_eq!(removed.count(), 1, "frame 3 was placed");
    assert_eq!((table.frames(), table.free_refs()), (1, 0));
    world.xen.outcome([Instead(-22)]);
    refused(table.alloc().map(drop));
    assert_eq!(table.alloc().unwrap().reference(), grant_ref_t(512));
    drop(all);
}

/// A frame of entries does not stay without its status frame: Arm places a frame only once.
#[test]
fn frames_are_removed_again_if_their_status_frames_cannot_be_placed() {
    let (world, storage) = (World::new(), Store::new());
    let config = Config { initial_frames: 2, ..config(VersionPolicy::V2) };
    // Version, size, two frames of entries, the status frame.
    world.xen.outcome([Do, Do, Do, Do, Instead(-12)]);
    let error = world.start(&storage, config).unwrap_err();
    assert!(matches!(error, StartError::Attach(_)), "{error:?}");
    assert_eq!(placed(&world), [1, 0, STATUS]);
    let commands = world.xen.commands(__HYPERVISOR_memory_op);
    let removed = commands.iter().filter(|command| **command == XENMEM_remove_from_physmap);
    assert_eq!(removed.count(), 2);
}

#[test]
fn what_was_granted_before_us_stays_out_of_service() {
    let (world, before, storage) = (World::new(), Store::new(), Store::new());
    {
        let table = world.table(&before, Version::V1);
        let last = table.alloc_run(93).unwrap().last().unwrap();
        forget(last.grant(peer(), world.page(), ReadWrite).unwrap());
    }
    let table = world.table(&storage, Version::V1);
    assert_eq!(table.free_refs(), 512 - 8 - 1);
    let run = table.alloc_run(100).unwrap();
    assert_eq!(run.first(), Some(grant_ref_t(101)));
}

#[test]
fn entries_in_use_are_not_taken_into_service() {
    let (world, before, storage) = (World::new(), Store::new(), Store::new());
    let _used = {
        let table = world.table(&before, Version::V2);
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let used = world.claim(granted.reference(), ReadWrite).unwrap();
        forget(granted.revoke().unwrap_err());
        assert_eq!(world.header(grant_ref_t(8)).load(Relaxed), 0);
        used
    };
    let table = world.table(&storage, Version::V2);
    assert_eq!(table.free_refs(), 256 - 8 - 1);
}

#[test]
fn the_toolstacks_entries_can_be_read() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let nothing = ToolstackEntry { flags: GTF_invalid, peer: domid_t(0), frame: 0 };
    assert_eq!(table.toolstack_entry(ToolstackRef::CONSOLE), nothing);
    world.header(grant_ref_t(1)).store(u32::from(GTF_permit_access.bits()) | 3 << 16, Relaxed);
    let granted = ToolstackEntry { flags: GTF_permit_access, peer: domid_t(3), frame: 0 };
    assert_eq!(table.toolstack_entry(ToolstackRef::XENSTORE), granted);
    assert_eq!(
        ToolstackRef::new(grant_ref_t(7)).map(ToolstackRef::reference),
        Some(grant_ref_t(7))
    );
    assert_eq!(ToolstackRef::new(grant_ref_t(8)), None);
}

#[test]
fn after_a_suspend_the_table_is_attached_again_and_old_grants_end() {
    for policy in [VersionPolicy::V1, VersionPolicy::V2] {
        let (world, storage) = (World::new(), Store::new());
        let config = Config { initial_frames: 2, ..config(policy) };
        let table = world.start(&storage, config).unwrap();
        let version = table.version();
        let grant = || table.grant(peer(), world.page(), ReadWrite).unwrap();
        let (granted, busy) = (grant(), grant());
        let references = [granted.reference(), busy.reference()];
        let used = world.claim(busy.reference(), ReadWrite).unwrap();
        let revoking = busy.revoke().unwrap_err();

        // On the other host, nothing is mapped, and the table is empty and of version 1.
        drop(used);
        for reference in references {
            world.header(reference).store(0, Relaxed);
        }
        // SAFETY: what was granted is forgotten.
        assert_eq!(unsafe { grant_table_op::set_version(world.us(), 1) }, (Ok(()), 1));
        let before = placed(&world).len();
        // SAFETY: the table is not used meanwhile.
        unsafe { table.resume() }.unwrap();
        assert_eq!(grant_table_op::get_version(world.us(), DOMID_SELF), Ok(version.number()));
        assert_eq!(placed(&world)[before..][..2], [1, 0]);
        drop((ended(granted.revoke()), ended(revoking.retry())));
        assert_eq!(world.pages(), 0);
        assert_eq!(table.free_refs() as u32, 2 * version.entries_per_frame() - 8);
    }
}

#[test]
fn a_suspend_may_end_where_the_version_is_not() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V2);
    world.xen.outcome([Instead(ENOSYS)]);
    // SAFETY: the table is not used meanwhile.
    let error = unsafe { table.resume() }.unwrap_err();
    assert!(matches!(error, StartError::Version(Version::V2, _)));
}

#[test]
fn the_storage_is_small() {
    // Linux has a free list of 4 bytes and a bitmap of 1 bit for each reference.
    let refs = FRAMES * 512;
    let all = size_of::<xen_ops::gnttab::Storage<(), FRAMES, 0>>();
    assert!(8 * all <= refs * (32 + 1), "{all} bytes for {refs} references");
    let line = size_of::<xen_ops::gnttab::BitmapLine>();
    assert_eq!((line, 4 * line), (64, 256), "a quarter of a byte for each");
}

#[test]
fn what_the_table_can_never_have_does_not_make_it_grow() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.start(&storage, config(VersionPolicy::V1)).unwrap();
    for count in [table.max_frames() * 512 - 7, u32::MAX] {
        assert!(matches!(table.alloc_run(count), Err(AllocError::Exhausted { .. })), "{count}");
    }
    assert_eq!(table.frames(), 1);
}
