//! How a table starts, grows, and comes back after a suspend.

use core::sync::atomic::Ordering::Relaxed;
use std::vec::Vec;

use xen_abi::grant_table::{GTF_permit_access, GTF_reading, grant_ref_t};
use xen_abi::xen::domid_t;

use super::fake::{ENOSYS, ROOM, Store, World, ended, peer};
use crate::gnttab::{
    AllocError, Config, StartError, ToolstackEntry, ToolstackRef, Version, VersionPolicy,
};
use crate::hypercall::Error;
use crate::view::ReadWrite;

const STATUS: u64 = 0x8000_0000;

fn config(version: VersionPolicy) -> Config {
    Config { version, ..Config::default() }
}

#[test]
fn the_version_is_the_one_asked_for_or_the_one_there_is() {
    for (policy, max, version) in [
        (VersionPolicy::V1, 2, Ok(Version::V1)),
        (VersionPolicy::V2, 2, Ok(Version::V2)),
        (VersionPolicy::PreferV2, 2, Ok(Version::V2)),
        (VersionPolicy::PreferV2, 1, Ok(Version::V1)),
        // A Xen that does not know the operation.
        (VersionPolicy::V1, 0, Ok(Version::V1)),
        (VersionPolicy::PreferV2, 0, Ok(Version::V1)),
        (VersionPolicy::V2, 1, Err(ENOSYS)),
    ] {
        let (world, storage) = (World::new(), Store::new());
        world.state.lock().unwrap().max_version = max;
        let started = world.start(&storage, config(policy)).map(|table| table.version());
        let expected = version.map_err(|result| {
            StartError::Version(Version::V2, Error::from_result("GNTTABOP_set_version", result))
        });
        assert_eq!(started, expected, "{policy:?} {max}");
    }
}

#[test]
fn frames_are_placed_from_the_highest_down() {
    let (world, storage) = (World::new(), Store::new());
    let config = Config { initial_frames: 3, ..config(VersionPolicy::V2) };
    let table = world.start(&storage, config).unwrap();
    assert_eq!(world.state.lock().unwrap().placed, [2, 1, 0, STATUS]);
    assert_eq!(table.free_refs(), 3 * 256 - 8);
    table.grow(1).unwrap();
    assert_eq!(world.state.lock().unwrap().placed[4..], [3], "the status frame is there");
    assert_eq!(table.grow(1), Err(AllocError::Exhausted { frames: ROOM as u32 }));
    assert_eq!((table.frames(), table.free_refs()), (4, 4 * 256 - 8));
}

#[test]
fn the_limit_is_the_smallest_of_all() {
    for (xen, own, limit) in [(64, 64, ROOM as u32), (2, 64, 2), (64, 3, 3)] {
        let (world, storage) = (World::new(), Store::new());
        world.state.lock().unwrap().max_frames = xen;
        let config = Config { max_frames: own, initial_frames: 64, ..Config::default() };
        let table = world.start(&storage, config).unwrap();
        assert_eq!((table.max_frames(), table.frames()), (limit, limit));
    }
    let (world, storage) = (World::new(), Store::new());
    world.state.lock().unwrap().max_frames = 0;
    assert_eq!(world.start(&storage, Config::default()).unwrap_err(), StartError::NoFrames);
}

#[test]
fn a_table_that_cannot_grow_says_why_and_can_grow_later() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let all: Vec<_> = (0..504).map(|_| table.alloc().unwrap()).collect();
    world.state.lock().unwrap().refuse = Some(2);
    let error = Error::from_result("XENMEM_add_to_physmap", -22);
    assert_eq!(table.grow(3), Err(AllocError::Grow(error)));
    assert_eq!(world.state.lock().unwrap().removed, 1, "frame 3 was placed");
    assert_eq!((table.frames(), table.free_refs()), (1, 0));
    world.state.lock().unwrap().refuse = Some(1);
    assert_eq!(table.alloc().unwrap_err(), AllocError::Grow(error));
    world.state.lock().unwrap().refuse = None;
    assert_eq!(table.alloc().unwrap().reference(), grant_ref_t(512));
    drop(all);
}

#[test]
fn what_was_granted_before_us_stays_out_of_service() {
    let (world, storage) = (World::new(), Store::new());
    world.header(grant_ref_t(100)).store(u32::from(GTF_permit_access) | 3 << 16, Relaxed);
    let table = world.table(&storage, Version::V1);
    assert_eq!(table.free_refs(), 512 - 8 - 1);
    let run = table.alloc_run(100).unwrap();
    assert_eq!(run.first(), Some(grant_ref_t(101)));
}

#[test]
fn the_toolstacks_entries_can_be_read() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let nothing = ToolstackEntry { flags: 0, peer: domid_t(0), frame: 0 };
    assert_eq!(table.toolstack_entry(ToolstackRef::CONSOLE), nothing);
    world.header(grant_ref_t(1)).store(u32::from(GTF_permit_access) | 3 << 16, Relaxed);
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
        let busy_reference = busy.reference();
        world.claim(busy_reference, 7, true).unwrap();
        let revoking = busy.revoke().unwrap_err();

        // The domain wakes up with an empty table of version 1.
        world.header(granted.reference()).store(0, Relaxed);
        world.header(busy_reference).store(0, Relaxed);
        world.status(busy_reference).store(0, Relaxed);
        {
            let mut state = world.state.lock().unwrap();
            state.version = 1;
            state.placed.clear();
        }
        // SAFETY: nobody uses the table meanwhile.
        unsafe { table.resume() }.unwrap();
        let state = world.state.lock().unwrap();
        assert_eq!(state.version, version.number());
        assert_eq!(state.placed[..2], [1, 0]);
        drop(state);
        drop((ended(granted.revoke()), ended(revoking.retry())));
        assert_eq!(world.pages(), 0);
        assert_eq!(table.free_refs() as u32, 2 * version.entries_per_frame() - 8);
    }
}

#[test]
fn a_suspend_may_end_where_the_version_is_not() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V2);
    world.state.lock().unwrap().max_version = 1;
    // SAFETY: nobody uses the table meanwhile.
    let error = unsafe { table.resume() }.unwrap_err();
    assert!(matches!(error, StartError::Version(Version::V2, _)));
}

#[test]
fn entries_in_use_are_not_taken_into_service() {
    let (world, storage) = (World::new(), Store::new());
    world.status(grant_ref_t(9)).store(GTF_reading, Relaxed);
    let table = world.table(&storage, Version::V2);
    assert_eq!(table.free_refs(), 256 - 8 - 1);
}

#[test]
fn the_storage_is_small() {
    // Linux has a free list of 4 bytes and a bitmap of 1 bit for each reference.
    let refs = ROOM * 512;
    let all = size_of::<crate::gnttab::Storage<(), ROOM, 0>>();
    assert!(8 * all <= refs * (32 + 1), "{all} bytes for {refs} references");
    let line = size_of::<crate::gnttab::BitmapLine>();
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
