//! Frame numbers that need more than 32 bits.

use core::sync::atomic::Ordering::Relaxed;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::xen::xen_pfn_t;
use xen_ops::gnttab::{GrantError, Granted, Version};
use xen_ops::page::Page as _;
use xen_ops::{Failed, ReadOnly, ReadWrite};
use xen_sim::{DomainConfig, GuestKind, Xen};

use super::{Store, World, peer};

/// A machine without a frame whose number fits 32 bits.
fn high() -> World {
    World::with(Xen::builder().first_frame(xen_pfn_t(1 << 32)), DomainConfig::new(GuestKind::Pv))
}

/// Zephyr truncates the frame number to 32 bits. Here one that does not fit is refused, and nothing else
/// has happened; version 2 takes it.
#[test]
fn d4_a_frame_number_is_not_cut() {
    let (world, storage) = (high(), Store::new());
    let table = world.table(&storage, Version::V1);
    let free = table.free_refs();
    let page = world.page();
    let frame = page.frame();
    let refused = table.grant(peer(), page, ReadWrite).unwrap_err();
    let mut page = refused.returned.unwrap();
    assert_eq!(refused.error, GrantError::FrameTooBig(frame));
    assert_eq!(table.free_refs(), free);
    assert_eq!(world.header(grant_ref_t(8)).load(Relaxed), 0);
    page.frame = 0xffff_ffff;
    drop(table.grant(peer(), page, ReadWrite).unwrap());

    let (world, storage) = (high(), Store::new());
    let table = world.table(&storage, Version::V2);
    let page = world.page();
    let frame = page.frame().0;
    let granted = table.grant(peer(), page, ReadWrite).unwrap();
    let used = world.claim(granted.reference(), ReadWrite).unwrap();
    assert_eq!(used.machine_addr(), frame << 12);
    granted.view().write(0, b"high").unwrap();
    assert_eq!(used.view().read_obj::<[u8; 4]>(0).unwrap(), *b"high");
    drop(used);
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
fn a_page_that_a_per_cpu_handle_cannot_grant_is_returned() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let mut cpu = table.per_cpu(0);
    let mut page = world.page();
    page.frame = 1 << 32;
    let refused = cpu.grant(peer(), page, ReadOnly).unwrap_err();
    assert!(matches!(refused.error, GrantError::FrameTooBig(_)));
    assert_eq!((refused.returned.unwrap().frame, cpu.cached()), (1 << 32, 24));
}
