//! Populating, releasing, allocating, trading, and what a domain has.

use xen_abi::errno::*;
use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::memory::{
    Error, ExchangeError, Extents, Give, MemFlags, PageCount, PopulateError, Shortfall, Take,
    current_reservation, decrease_reservation, exchange, increase_reservation, maximum_gpfn,
    maximum_ram_page, maximum_reservation, populate_exactly, populate_physmap, sharing_freed_pages,
};
use xen_ops::page::PAGE_SIZE;
use xen_sim::GuestKind;

use super::{ABSENT, FIRST, PAGES, PEER, Rig, frames};
use crate::lies::Outcome::{Do, Instead};
use crate::{pfn, pfn_to_u64};

/// The highest order that an unprivileged guest may ask for.
const MAX_ORDER: u32 = 9;

fn populate(rig: &Rig, order: u32, list: &mut [xen_pfn_t]) -> Extents {
    // SAFETY: nothing is at these guest frames.
    unsafe { populate_physmap(&rig.xen, DOMID_SELF, order, MemFlags::ANY, list) }.unwrap()
}

fn exactly(rig: &Rig, order: u32, list: &mut [xen_pfn_t]) -> Result<(), PopulateError> {
    // SAFETY: as in `populate`.
    unsafe { populate_exactly(&rig.xen, DOMID_SELF, order, MemFlags::ANY, list) }
}

fn decrease(rig: &Rig, order: u32, list: &[xen_pfn_t]) -> Extents {
    // SAFETY: nothing uses these pages.
    unsafe { decrease_reservation(&rig.xen, DOMID_SELF, order, list) }.unwrap()
}

/// Pages that the guest has.
fn pages(rig: &Rig) -> usize {
    rig.us().pages()
}

#[test]
fn zephyr_populate_is_never_negative_whatever_fails() {
    let rig = Rig::new(GuestKind::Pvh);
    let mut list = frames(0x1000..0x1002);
    let none = |extents: Extents| (extents.done(), extents.asked()) == (0, 2);
    assert!(none(populate(&rig, MAX_ORDER + 1, &mut list)), "an order above the maximum");
    let flags = [
        (MemFlags::ANY.address_bits(12), "less than a page"),
        (MemFlags::ANY.populate_on_demand(), "on demand, for oneself"),
    ];
    for (flags, why) in flags {
        // SAFETY: as in `populate`.
        let extents = unsafe { populate_physmap(&rig.xen, DOMID_SELF, 0, flags, &mut list) };
        assert!(none(extents.unwrap()), "{why}");
    }
    for domid in [PEER, ABSENT] {
        // SAFETY: as in `populate`.
        let extents = unsafe { populate_physmap(&rig.xen, domid, 0, MemFlags::ANY, &mut list) };
        assert!(none(extents.unwrap()), "not allowed, or no such domain");
    }
    rig.us().faults().no_memory(1);
    let extents = populate(&rig, 0, &mut list);
    assert_eq!(extents.complete(), Err(Shortfall { done: 0, asked: 2 }), "no memory");
}

#[test]
fn d4_a_partial_populate_says_which_frames_are_holes() {
    let rig = Rig::with_free(GuestKind::Pvh, 2);
    let mut list = frames(0x1000..0x1005);
    let extents = populate(&rig, 0, &mut list);
    assert_eq!((extents.done(), extents.asked(), extents.is_complete()), (2, 5, false));
    let (memory, holes) = extents.split(&list);
    assert!(memory.iter().all(|frame| rig.has(pfn_to_u64(*frame))));
    assert!(holes.iter().all(|frame| !rig.has(pfn_to_u64(*frame))));
    assert_eq!((memory.len(), holes.len()), (2, 3));
}

#[test]
fn d4_populate_exactly_leaves_no_holes_and_no_memory_behind() {
    let rig = Rig::with_free(GuestKind::Pvh, 5);
    let mut list = frames(0x1000..0x1003);
    assert_eq!(exactly(&rig, 0, &mut list), Ok(()));
    let mut more = frames(0x2000..0x2003);
    let short = Shortfall { done: 2, asked: 3 };
    assert_eq!(exactly(&rig, 0, &mut more), Err(PopulateError::Shortfall(short)));
    assert!(list.iter().all(|frame| rig.has(pfn_to_u64(*frame))), "all of the first");
    assert!(more.iter().all(|frame| !rig.has(pfn_to_u64(*frame))), "none of the second");
    assert_eq!(pages(&rig), PAGES + 3);
}

#[test]
fn d4_what_cannot_be_given_back_is_told() {
    let rig = Rig::with_free(GuestKind::Pvh, 3);
    // Of the three extents that were populated, Xen says that it takes one back.
    rig.xen.outcome([Do, Instead(1)]);
    let error = exactly(&rig, 0, &mut frames(0x1000..0x1005)).unwrap_err();
    let short = Shortfall { done: 3, asked: 5 };
    assert_eq!(error, PopulateError::Stranded { short, released: 1 });
    assert!(error.to_string().contains("3 of 5 extents, only 1"), "{error}");
}

#[test]
fn nothing_populated_is_nothing_to_give_back() {
    let rig = Rig::with_free(GuestKind::Pvh, 0);
    let short = Shortfall { done: 0, asked: 1 };
    assert_eq!(exactly(&rig, 0, &mut frames(1..2)), Err(PopulateError::Shortfall(short)));
    assert_eq!(rig.xen.calls(), 1);
}

#[test]
fn extents_of_an_order_are_that_many_pages() {
    let rig = Rig::with_free(GuestKind::Pvh, 1024);
    let mut list = [0x1200, 0x1400].map(xen_pfn_t);
    assert!(populate(&rig, 9, &mut list).is_complete());
    assert_eq!(current_reservation(&rig.xen, DOMID_SELF), Ok(PageCount(PAGES as u64 + 1024)));
    assert!(decrease(&rig, 9, &list).is_complete());
    assert_eq!(current_reservation(&rig.xen, DOMID_SELF), Ok(PageCount(PAGES as u64)));
}

#[test]
fn a_pv_guest_is_told_the_machine_frames() {
    let rig = Rig::with_free(GuestKind::Pv, 1);
    let mut list = frames(0x10..0x12);
    let extents = populate(&rig, 0, &mut list);
    assert_eq!((extents.done(), extents.asked()), (1, 2));
    assert!(rig.has(pfn_to_u64(list[0])), "a machine frame of the guest's");
    assert_eq!(list[1], xen_pfn_t(0x11));

    // What is released is what was populated.
    let rig = Rig::with_free(GuestKind::Pv, 2);
    let mut list = frames(0x10..0x13);
    assert!(matches!(exactly(&rig, 0, &mut list), Err(PopulateError::Shortfall(_))));
    assert_eq!(pages(&rig), PAGES);
}

#[test]
fn a_release_ends_at_a_frame_without_memory() {
    let rig = Rig::new(GuestKind::Pvh);
    let last = FIRST + PAGES as u64 - 2;
    let extents = decrease(&rig, 0, &frames(last..last + 4));
    assert_eq!((extents.done(), extents.asked()), (2, 4));
    assert_eq!(extents.to_string(), "2 of 4 extents done");
}

#[test]
fn increase_tells_a_pv_guest_only() {
    let rig = Rig::new(GuestKind::Pvh);
    let mut list = frames(1..3);
    let mut increase = |rig: &Rig| {
        let extents = increase_reservation(&rig.xen, DOMID_SELF, 0, MemFlags::ANY, &mut list);
        assert!(extents.unwrap().is_complete());
        list.clone()
    };
    assert_eq!(increase(&rig), frames(1..3));
    let rig = Rig::new(GuestKind::Pv);
    assert!(increase(&rig).iter().all(|frame| rig.has(pfn_to_u64(*frame))));
}

#[test]
fn frames_that_are_none_are_refused_before_the_call() {
    let rig = Rig::new(GuestKind::Pvh);
    let mut list = [xen_pfn_t(1), xen_pfn_t(!0)];
    let refused = Error::NotAFrame { index: 1, frame: xen_pfn_t(!0) };
    // SAFETY: refused.
    let results = unsafe {
        [
            populate_physmap(&rig.xen, DOMID_SELF, 0, MemFlags::ANY, &mut list),
            decrease_reservation(&rig.xen, DOMID_SELF, 0, &list),
        ]
    };
    assert_eq!(results, [Err(refused); 2]);
    assert_eq!(exactly(&rig, 0, &mut list), Err(PopulateError::Call(refused)));
    assert_eq!(rig.xen.calls(), 0);
}

#[test]
fn a_count_of_pages_is_in_bytes_if_64_bits_hold_it() {
    let most = u64::MAX / PAGE_SIZE as u64;
    assert_eq!(PageCount(most).bytes(), Some(most * PAGE_SIZE as u64));
    assert_eq!(PageCount(most + 1).bytes(), None);
}

#[test]
fn of_two_wishes_about_the_same_the_last_holds() {
    let node = |flags: MemFlags, node| flags.node(node).unwrap();
    let exact = MemFlags::ANY.exact_vnode(0xfe).unwrap();
    assert_eq!(exact.mem_flags().bits(), 0x6_ff00);
    assert_eq!(node(exact, 0).mem_flags().bits(), 0x100, "neither exact nor virtual any more");
    let flags = MemFlags::ANY.address_bits(0xff).address_bits(32).populate_on_demand();
    assert_eq!(node(flags, 1).mem_flags().bits(), 0x1_0220);
    let exact = exact.exact_node(1).unwrap();
    assert_eq!(exact.mem_flags().bits(), 0x2_0200, "not virtual any more");
    for refused in [MemFlags::node, MemFlags::exact_node, MemFlags::vnode, MemFlags::exact_vnode] {
        assert_eq!(refused(MemFlags::ANY, 255), None);
    }
}

fn trade(rig: &Rig, given: &[xen_pfn_t], wanted: &mut [xen_pfn_t]) -> Result<(), ExchangeError> {
    let give = Give { order: 0, frames: given };
    let take = Take { order: 0, flags: MemFlags::ANY, frames: wanted };
    // SAFETY: nothing uses the pages that are given.
    unsafe { exchange(&rig.xen, DOMID_SELF, give, take) }
}

#[test]
fn an_exchange_trades_one_for_one() {
    let rig = Rig::new(GuestKind::Pv);
    let (given, mut wanted) = (rig.own::<2>(), frames(0..2));
    trade(&rig, &given, &mut wanted).unwrap();
    assert!(wanted.iter().all(|frame| rig.has(pfn_to_u64(*frame))));
    let gone = |frame: &xen_pfn_t| wanted.contains(frame) || !rig.has(pfn_to_u64(*frame));
    assert!(given.iter().all(gone));
    assert_eq!(pages(&rig), PAGES);
}

#[test]
fn an_exchange_that_ends_early_tells_how_far_it_came() {
    let rig = Rig::new(GuestKind::Pv);
    let [first, second, third] = rig.own();
    let given = [first, second, xen_pfn_t(0xdead), third];
    let error = trade(&rig, &given, &mut frames(0..4)).unwrap_err();
    assert_eq!((error.error.errno(), error.exchanged), (Some(XEN_EINVAL), 2));
    assert!(rig.has(pfn_to_u64(third)), "not traded");
    rig.us().faults().no_memory(1);
    let error = trade(&rig, &[third], &mut frames(0..1)).unwrap_err();
    assert_eq!((error.error.errno(), error.exchanged), (Some(XEN_ENOMEM), 0));

    let pvh = Rig::new(GuestKind::Pvh);
    let error = trade(&pvh, &frames(FIRST..FIRST + 1), &mut frames(0..1)).unwrap_err();
    assert_eq!((error.error.errno(), error.exchanged), (Some(XEN_EOPNOTSUPP), 0));
}

#[test]
fn an_exchange_of_unequal_sides_is_refused() {
    let rig = Rig::new(GuestKind::Pv);
    let one = frames(1..2);
    for (give_order, take_order, given, wanted) in [
        (0, 0, Some(1), Some(2)),
        (0, 1, Some(1), Some(4)),
        (64, 64, None, None),
        #[cfg(target_pointer_width = "64")]
        (63, 63, Some(1 << 63), None),
        #[cfg(target_pointer_width = "32")]
        (31, 31, Some(1 << 31), None),
        (u32::MAX, 0, None, Some(2)),
    ] {
        let mut two = frames(1..3);
        let give = Give { order: give_order, frames: &one };
        let take = Take { order: take_order, flags: MemFlags::ANY, frames: &mut two };
        // SAFETY: refused.
        let refused = unsafe { exchange(&rig.xen, DOMID_SELF, give, take) }.unwrap_err();
        let error = Error::PageCount { given, wanted };
        assert_eq!(refused, ExchangeError { error, exchanged: 0 });
    }
    assert_eq!(rig.xen.calls(), 0);
}

#[test]
fn questions_about_a_domain_have_values() {
    let rig = Rig::with_free(GuestKind::Pvh, 4);
    let (pages, last) = (PAGES as u64, FIRST + PAGES as u64 - 1);
    assert_eq!(current_reservation(&rig.xen, DOMID_SELF), Ok(PageCount(pages)));
    assert_eq!(maximum_reservation(&rig.xen, DOMID_SELF), Ok(PageCount(pages + 4)));
    assert_eq!(maximum_gpfn(&rig.xen, DOMID_SELF), Ok(pfn(last)));
    assert!(maximum_ram_page(&rig.xen).unwrap() > rig.us().machine_frame(pfn(last)).unwrap());
    assert_eq!(sharing_freed_pages(&rig.xen), Ok(PageCount(0)));
    let errno = |result: Result<PageCount, Error>| result.unwrap_err().errno();
    assert_eq!(errno(current_reservation(&rig.xen, PEER)), Some(XEN_EPERM));
    assert_eq!(errno(maximum_reservation(&rig.xen, ABSENT)), Some(XEN_ESRCH));
}
