//! What a grant says, and how it ends.

use core::sync::atomic::Ordering::Relaxed;

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use super::{BOTH, Store, World, ended, peer};
use xen_ops::gnttab::{
    Accepted, GrantError, Granted, PageAllocator, Reaped, RevokeCounts, Version, revoke_all,
};
use xen_ops::page::Exhausted;
use xen_ops::view::{OutOfBounds, ReadOnly, ReadWrite};
use xen_ops::{DomainId, InvalidDomainId, RemoteGrant};

fn header(flags: GrantEntryFlags) -> u32 {
    u32::from(flags.bits()) | 7 << 16
}

#[test]
fn a_grant_says_who_may_do_what_with_which_frame() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let mut page = world.page();
        page.frame = 0x1234_5678;
        let granted = table.grant(peer(), page, ReadOnly).unwrap();
        let reference = granted.reference();
        assert_eq!(reference.0, 8, "the first that is not reserved");
        let said = world.header(reference).load(Relaxed);
        assert_eq!(said, header(GTF_permit_access | GTF_readonly));
        assert_eq!(world.frame(reference), 0x1234_5678);
        let (free, page) = ended(granted.revoke());
        assert_eq!(world.header(reference).load(Relaxed), 0);
        let granted = free.grant(peer(), page, ReadWrite).unwrap();
        assert_eq!(world.header(reference).load(Relaxed), header(GTF_permit_access));
        drop(granted);
        assert_eq!(world.header(reference).load(Relaxed), 0);
        assert_eq!(world.pages(), 0);
    }
}

#[test]
fn a_page_is_returned_once_the_peer_unmaps_it() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let free = table.free_refs();
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        assert!(world.claim_by_other(reference, ReadWrite).is_none(), "not the peer");
        let used = world.claim(reference, ReadWrite).unwrap();
        let revoking = granted.revoke().unwrap_err();
        assert_eq!(revoking.reference(), reference);
        let revoking = revoking.retry().unwrap_err();
        assert_eq!((table.free_refs(), world.pages()), (free - 1, 1));
        drop(used);
        drop(ended(revoking.retry()));
        assert_eq!((table.free_refs(), world.pages()), (free, 0));
        assert!(world.claim(reference, ReadWrite).is_none());
    }
}

#[test]
fn in_version_2_the_peer_cannot_come_back_while_revoking() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V2);
    let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
    let reference = granted.reference();
    let used = world.claim(reference, ReadOnly).unwrap();
    let revoking = granted.revoke().unwrap_err();
    drop(used);
    assert!(world.claim(reference, ReadOnly).is_none());
    drop(ended(revoking.retry()));
}

#[test]
fn writing_is_forbidden_only_while_the_peer_does_not_write() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        let used = world.claim(reference, ReadWrite).unwrap();
        let granted = granted.forbid_writing().unwrap_err().returned.unwrap();
        assert_eq!(
            world.header(reference).load(Relaxed) & u32::from(GTF_readonly.bits()),
            0,
            "as it was"
        );
        drop(used);
        let used = world.claim(reference, ReadOnly).unwrap();
        let granted = granted.forbid_writing().unwrap();
        drop(used);
        assert!(world.claim(reference, ReadWrite).is_none());
        let granted = granted.allow_writing();
        drop(world.claim(reference, ReadWrite).unwrap());
        drop(ended(granted.revoke()));
    }
}

/// An entry that was read-only stays so, also if the peer still writes the page.
#[test]
fn forbidding_writing_gives_no_right_to_write() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
        let reference = granted.reference();
        let used = world.claim(reference, ReadWrite).unwrap();
        world.header(reference).fetch_or(GTF_readonly.bits().into(), Relaxed);
        let granted = granted.forbid_writing().unwrap_err().returned.unwrap();
        assert_ne!(world.header(reference).load(Relaxed) & u32::from(GTF_readonly.bits()), 0);
        drop((used, granted));
    }
}

#[test]
fn only_version_2_grants_parts_of_pages() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let free = table.alloc().unwrap();
    let refused = free.grant_sub_page(peer(), world.page(), 0, 8, ReadOnly).unwrap_err();
    assert_eq!(refused.error, GrantError::NeedsVersion2);
    let (free, _page) = refused.returned.unwrap();
    let refused = free
        .grant_transitive(peer(), RemoteGrant::new(peer(), grant_ref_t(9)), ReadOnly)
        .unwrap_err();
    assert_eq!(refused.error, GrantError::NeedsVersion2);
}

#[test]
fn a_part_of_a_page_is_inside_it() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V2);
    let mut free = table.alloc().unwrap();
    let mut page = world.page();
    for (offset, length) in [(0, 0), (4096, 0), (1, 4096), (4096, 1), (u16::MAX, u16::MAX)] {
        let refused = free.grant_sub_page(peer(), page, offset, length, ReadOnly).unwrap_err();
        assert_eq!(
            refused.error,
            GrantError::OutOfBounds(OutOfBounds { offset: offset.into(), length: length.into() })
        );
        (free, page) = refused.returned.unwrap();
    }
    for (offset, length) in [(0, 4096), (4095, 1), (16, 32)] {
        let granted = free.grant_sub_page(peer(), page, offset, length, ReadOnly).unwrap();
        let reference = granted.reference();
        let flags = GTF_permit_access | GTF_readonly | GTF_sub_page;
        assert_eq!(world.header(reference).load(Relaxed), header(flags));
        assert_eq!(world.word(reference), u32::from(offset) | u32::from(length) << 16);
        (free, page) = ended(granted.revoke());
    }
}

#[test]
fn a_grant_is_passed_on() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V2);
    let free = table.alloc().unwrap();
    let owner = DomainId::new(domid_t(3)).unwrap();
    let passed =
        free.grant_transitive(peer(), RemoteGrant::new(owner, grant_ref_t(77)), ReadWrite).unwrap();
    let reference = passed.reference();
    assert_eq!(world.header(reference).load(Relaxed), header(GTF_transitive));
    assert_eq!((world.word(reference), world.frame(reference)), (3, 77));
    world.status(reference).fetch_or(GTF_reading.bits(), Relaxed);
    let passed = passed.revoke().unwrap_err();
    drop(passed);
    assert_eq!(table.deferred().waiting, 1);
    world.status(reference).fetch_and(!GTF_reading.bits(), Relaxed);
    assert_eq!(table.reap(1), Reaped { freed: 1, still_busy: 0 });
}

#[test]
fn an_accepted_page_arrives_or_the_offer_is_taken_back() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let accepting = table.alloc().unwrap().accept(peer());
        let reference = accepting.reference();
        assert_eq!(world.header(reference).load(Relaxed), header(GTF_accept_transfer));
        let accepting = accepting.received().unwrap_err().returned.unwrap();
        let Ok(Accepted::Cancelled(free)) = accepting.finish(0) else { panic!("not begun") };
        assert_eq!(world.header(reference).load(Relaxed), 0);

        let accepting = free.accept(peer());
        world.header(reference).fetch_or(GTF_transfer_committed.bits().into(), Relaxed);
        let accepting = accepting.finish(3).unwrap_err().returned.unwrap();
        let accepting = accepting.received().unwrap_err().returned.unwrap();
        world.header(reference).fetch_or(GTF_transfer_completed.bits().into(), Relaxed);
        let Ok((free, 0)) = accepting.received() else { panic!("completed") };
        assert_eq!(world.header(reference).load(Relaxed), 0);

        let accepting = free.accept(peer());
        world.header(reference).fetch_or(GTF_transfer_committed.bits().into(), Relaxed);
        drop(accepting);
        assert_eq!(table.deferred().leaked, 1);
    }
}

#[test]
fn a_batch_needs_no_more_references_than_it_has_pages() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let (all, frames) = (table.free_refs(), table.frames());
    let run = table.alloc_run(all as u32 - 5).unwrap();
    let mut slots: [Option<Granted<'_, _, ReadOnly>>; 8] = [const { None }; 8];
    let mut pages = core::iter::repeat_with(|| world.page()).take(5);
    assert_eq!(table.grant_all(peer(), &mut pages, ReadOnly, &mut slots).unwrap(), 5);
    assert_eq!((table.free_refs(), table.frames()), (0, frames));
    drop(run);
}

#[test]
fn a_batch_fills_the_empty_slots() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let mut slots: [Option<Granted<'_, _, ReadOnly>>; 100] = [const { None }; 100];
        slots[3] = Some(table.grant(peer(), world.page(), ReadOnly).unwrap());
        let free = table.free_refs();
        let mut pages = core::iter::repeat_with(|| world.page()).take(50);
        assert_eq!(table.grant_all(peer(), &mut pages, ReadOnly, &mut slots).unwrap(), 50);
        assert_eq!(table.free_refs(), free - 50);
        let mut pages = core::iter::repeat_with(|| world.page());
        assert_eq!(table.grant_all(peer(), &mut pages, ReadOnly, &mut slots).unwrap(), 49);
        assert!(slots.iter().all(Option::is_some));
        assert_eq!((table.free_refs(), world.pages()), (free - 99, 100));

        let busy = slots[40].as_ref().unwrap().reference();
        let used = world.claim(busy, ReadOnly).unwrap();
        let mut back = 0;
        let revoked = revoke_all(&mut slots, |_| back += 1);
        assert_eq!((revoked, back), (RevokeCounts { done: 99, still_busy: 1 }, 99));
        assert_eq!(slots.iter().flatten().count(), 1);
        assert_eq!((table.free_refs(), world.pages()), (free, 1));
        drop(used);
        assert_eq!(revoke_all(&mut slots, drop), RevokeCounts { done: 1, still_busy: 0 });
        assert_eq!(table.free_refs(), free + 1);
    }
}

#[test]
fn a_batch_may_be_of_several_tables() {
    let (world, storage) = (World::new(), Store::new());
    let (other_world, other_storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let other = other_world.table(&other_storage, Version::V2);
    let (free, others) = (table.free_refs(), other.free_refs());
    let mut slots = [(&table, &world), (&other, &other_world), (&other, &other_world)]
        .map(|(table, world)| Some(table.grant(peer(), world.page(), ReadWrite).unwrap()));
    let busy = slots[2].as_ref().unwrap().reference();
    let used = other_world.claim(busy, ReadOnly).unwrap();
    assert_eq!(revoke_all(&mut slots, drop), RevokeCounts { done: 2, still_busy: 1 });
    assert_eq!((table.free_refs(), other.free_refs()), (free, others - 1));
    assert_eq!((world.pages(), other_world.pages()), (0, 1));
    drop(used);
    assert_eq!(revoke_all(&mut slots, drop), RevokeCounts { done: 1, still_busy: 0 });
    assert_eq!(other.free_refs(), others);
}

#[test]
fn domain_ids_are_those_of_domains() {
    assert!(DomainId::new(domid_t(0)).is_ok());
    assert!(DomainId::new(domid_t(0x7fef)).is_ok());
    for reserved in [0x7ff0, 0x7ff1, 0x7ff4, 0x7fff, 0x8000, 0xffff] {
        assert_eq!(DomainId::new(domid_t(reserved)), Err(InvalidDomainId(domid_t(reserved))));
    }
}

#[test]
fn a_new_page_is_zero_before_the_peer_sees_it() {
    struct Pool<'w>(&'w World);
    impl<'w> PageAllocator for Pool<'w> {
        type Page = super::TestPage<'w>;
        fn take(&self) -> Result<Self::Page, Exhausted> {
            if self.0.pages() < 1 { Ok(self.0.page()) } else { Err(Exhausted) }
        }
    }
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let granted = table.grant(peer(), world.page(), ReadWrite).unwrap();
    granted.view().write(0, &[0xff; 4096]).unwrap();
    drop(granted);
    let granted = table.grant_zeroed(peer(), &Pool(&world), ReadWrite).unwrap();
    let mut bytes = [0xff; 4096];
    granted.view().read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 4096]);
    let none = table.grant_zeroed(peer(), &Pool(&world), ReadWrite);
    assert_eq!(none.unwrap_err(), GrantError::NoPage(Exhausted));
}
