//! Exchanging two grants of a table.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use xen_abi::errno::{XEN_EFAULT, XEN_ENOSYS};
use xen_abi::grant_table::{
    GNTST_bad_gntref, GNTST_eagain, GNTST_general_error, GTF_readonly, gnttab_swap_grant_ref,
    grant_ref_t,
};
use xen_ops::gnttab::retry::Backoff;
use xen_ops::gnttab::swap::SwapError;
use xen_ops::gnttab::{Granted, Version};
use xen_ops::{ReadOnly, ReadWrite};

use super::{BOTH, Store, Table, TestPage, World, ended, peer};
use crate::lies::Answer::{self, DoThenFault, Fault, Skip, Status};
use crate::lies::Outcome::Instead;

type Pair<'t, 'w> = (Granted<'t, TestPage<'w>, ReadWrite>, Granted<'t, TestPage<'w>, ReadOnly>);

/// Two grants of pages that say which they are.
fn pair<'t, 'w>(world: &'w World, table: &'t Table<'w>) -> Pair<'t, 'w> {
    let [first, second] = [b"first.", b"second"].map(|text| {
        let page = world.page();
        xen_ops::page::Page::view(&page).write(0, text).unwrap();
        page
    });
    (table.grant(peer(), first, ReadWrite).unwrap(), table.grant(peer(), second, ReadOnly).unwrap())
}

/// What the page says that the peer sees under a reference.
fn seen(world: &World, reference: grant_ref_t) -> [u8; 6] {
    world.claim(reference, ReadOnly).unwrap().view().read_obj(0).unwrap()
}

/// Whether the peer may write the page.
fn is_writable(world: &World, reference: grant_ref_t) -> bool {
    world.header(reference).load(Relaxed) & u32::from(GTF_readonly.bits()) == 0
}

#[test]
fn each_reference_grants_the_page_of_the_other() {
    for version in BOTH {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, version);
        let (a, b) = pair(&world, &table);
        let (at, bt) = (a.reference(), b.reference());
        let (a, b) = table.swap(a, b).unwrap();
        assert_eq!((a.reference(), b.reference()), (at, bt));
        assert_eq!((&seen(&world, at), &seen(&world, bt)), (b"second", b"first."));
        assert_eq!((is_writable(&world, at), is_writable(&world, bt)), (false, true));
        for (granted, text) in [(ended(a.revoke()).1, b"second"), (ended(b.revoke()).1, b"first.")]
        {
            let said: [u8; 6] = xen_ops::page::Page::view(&granted).read_obj(0).unwrap();
            assert_eq!(&said, text);
        }
        assert_eq!(world.pages(), 0);
    }
}

#[test]
fn grants_that_xen_has_not_exchanged_are_returned() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let free = table.free_refs();
    for status in [GNTST_eagain, GNTST_bad_gntref] {
        let (a, b) = pair(&world, &table);
        world.xen.answer([Status(status.0)]);
        let failed = table.swap(a, b).unwrap_err();
        let SwapError::Xen(error) = failed.error else { panic!("{failed:?}") };
        assert_eq!(error.status(), Some(status));
        let (a, b) = failed.returned.unwrap();
        assert_eq!(
            (&seen(&world, a.reference()), &seen(&world, b.reference())),
            (b"first.", b"second")
        );
        drop((a, b));
        assert_eq!((world.pages(), table.free_refs()), (0, free));
    }
    // Xen knows no such operation.
    let (a, b) = pair(&world, &table);
    world.xen.outcome([Instead(-(XEN_ENOSYS.0 as isize))]);
    let failed = table.swap(a, b).unwrap_err();
    let SwapError::Xen(error) = failed.error else { panic!("{failed:?}") };
    assert_eq!(error.errno(), Some(XEN_ENOSYS));
    drop(failed.returned.unwrap());
    assert_eq!((world.pages(), table.free_refs()), (0, free));
}

/// After these answers it is open which reference grants which page. Both stay granted: a page that is
/// freed may still be granted by the other reference.
#[test]
fn grants_that_xen_may_have_exchanged_are_leaked() {
    let open: [Answer; 5] = [Status(GNTST_general_error.0), Status(1), Skip, Fault, DoThenFault];
    for answer in open {
        let (world, storage) = (World::new(), Store::new());
        let table = world.table(&storage, Version::V1);
        let (a, b) = pair(&world, &table);
        let references = [a.reference(), b.reference()];
        let free = table.free_refs();
        world.xen.answer([answer]);
        let failed = table.swap(a, b).unwrap_err();
        assert!(failed.returned.is_none(), "{answer:?}");
        let SwapError::Xen(error) = failed.error else { panic!("{failed:?}") };
        if matches!(answer, Fault | DoThenFault) {
            assert_eq!(error.errno(), Some(XEN_EFAULT));
        }
        assert_eq!((world.pages(), table.free_refs()), (2, free), "{answer:?}");
        let mut texts = references.map(|reference| seen(&world, reference));
        texts.sort_unstable();
        assert_eq!(texts, [*b"first.", *b"second"]);
    }
}

#[test]
fn a_grant_of_another_table_is_returned_without_a_hypercall() {
    let (world, storage) = (World::new(), Store::new());
    let (other_world, other_storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let other = other_world.table(&other_storage, Version::V1);
    let ((a, b), (c, d)) = (pair(&world, &table), pair(&other_world, &other));
    let calls = world.xen.calls();
    let failed = table.swap(a, d).unwrap_err();
    assert_eq!(failed.error, SwapError::OtherTable(grant_ref_t(9)));
    let (a, d) = failed.returned.unwrap();
    let failed = table.swap(c, b).unwrap_err();
    assert_eq!(failed.error, SwapError::OtherTable(grant_ref_t(8)));
    let (c, b) = failed.returned.unwrap();
    assert_eq!(world.xen.calls(), calls);
    drop((a, b, c, d));
}

#[test]
fn an_exchange_is_tried_again_while_the_peer_uses_a_grant() {
    let (world, storage) = (World::new(), Store::new());
    let table = world.table(&storage, Version::V1);
    let (a, b) = pair(&world, &table);
    let (at, bt) = (a.reference(), b.reference());
    let used = Cell::new(world.claim(at, ReadOnly));
    let mut waits = 0;
    let mut retry = Backoff::new(|_| {
        waits += 1;
        if waits == 2 {
            drop(used.take());
        }
    });
    let (a, b) = table.swap_with_retry(a, b, &mut retry).unwrap();
    assert_eq!(world.xen.counts::<gnttab_swap_grant_ref>(), [1, 1, 1]);
    assert_eq!((&seen(&world, at), &seen(&world, bt)), (b"second", b"first."));

    // Without a policy there is one try.
    let _used = world.claim(bt, ReadOnly).unwrap();
    let failed = table.swap(a, b).unwrap_err();
    let SwapError::Xen(error) = failed.error else { panic!("{failed:?}") };
    assert_eq!(error.status(), Some(GNTST_eagain));
    assert_eq!(world.xen.counts::<gnttab_swap_grant_ref>(), [1, 1, 1, 1]);
    drop(failed.returned.unwrap());
}
