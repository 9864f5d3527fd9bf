//! Frame numbers that need more than 32 bits, which there are everywhere but on 32-bit x86.

use core::sync::atomic::Ordering::Relaxed;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::xen::xen_pfn_t;

use super::fake::{Store, World, peer};
use crate::Failed;
use crate::gnttab::{GrantError, Granted, Version};
use crate::view::{ReadOnly, ReadWrite};

/// Zephyr cuts the frame number to 32 bits. Here one that does not fit is refused, and nothing else
/// has happened; version 2 takes it.
#[test]
fn d4_a_frame_number_is_not_cut() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let free = table.free_refs();
    let mut page = world.page();
    page.frame = 0x1_0000_0000;
    let refused = table.grant(peer(), page, ReadWrite).unwrap_err();
    let mut page = refused.returned.unwrap();
    assert_eq!(refused.error, GrantError::FrameTooBig(xen_pfn_t(0x1_0000_0000)));
    assert_eq!(table.free_refs(), free);
    assert_eq!(world.header(grant_ref_t(8)).load(Relaxed), 0);
    page.frame = 0xffff_ffff;
    drop(table.grant(peer(), page, ReadWrite).unwrap());

    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V2);
    let mut page = world.page();
    page.frame = 0x1_0000_0000;
    let granted = table.grant(peer(), page, ReadWrite).unwrap();
    assert_eq!(world.claim(granted.reference(), 7, true), Some(0x1_0000_0000));
    world.unclaim(granted.reference());
}

#[test]
fn a_batch_stops_at_a_page_that_cannot_be_granted() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut slots: [Option<Granted<'_, _, ReadOnly>>; 5] = [const { None }; 5];
    let mut count = 0;
    let mut pages = core::iter::repeat_with(|| {
        let mut page = world.page();
        count += 1;
        if count == 3 {
            page.frame = 1 << 32;
        }
        page
    });
    let free = table.free_refs();
    let Err(Failed { returned: Some(page), error: GrantError::FrameTooBig(frame) }) =
        table.grant_all(peer(), &mut pages, ReadOnly, &mut slots)
    else {
        panic!("too big");
    };
    assert_eq!((page.frame, frame.0), (1 << 32, 1 << 32));
    assert_eq!((slots.iter().flatten().count(), table.free_refs()), (2, free - 2));
}

#[test]
fn a_page_that_a_local_source_cannot_grant_comes_back() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut local = table.per_cpu(0);
    let mut page = world.page();
    page.frame = 1 << 32;
    let refused = local.grant(peer(), page, ReadOnly).unwrap_err();
    assert!(matches!(refused.error, GrantError::FrameTooBig(_)));
    assert_eq!((refused.returned.unwrap().frame, local.cached()), (1 << 32, 24));
}
