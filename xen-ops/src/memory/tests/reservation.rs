//! Populating, giving back, allocating, trading, and what a domain has.

use std::string::ToString;

use xen_abi::errno::*;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};

use super::fake::{Kind, MAX_ORDER, PEER, What, Xen};
use super::frames;
use crate::memory::reservation::fits;
use crate::memory::{
    Error, ExchangeError, Extents, Give, MAX_EXTENTS, MemFlags, PageCount, PopulateError,
    Shortfall, Take, current_reservation, decrease_reservation, exchange, increase_reservation,
    maximum_gpfn, maximum_ram_page, maximum_reservation, populate_exactly, populate_physmap,
    sharing_freed_pages,
};

fn populate(xen: &Xen, order: u32, list: &mut [xen_pfn_t]) -> Extents {
    // SAFETY: the frames are a map's keys.
    unsafe { populate_physmap(xen, DOMID_SELF, order, MemFlags::ANY, list) }.unwrap()
}

fn exactly(xen: &Xen, order: u32, list: &mut [xen_pfn_t]) -> Result<(), PopulateError> {
    // SAFETY: as in `populate`.
    unsafe { populate_exactly(xen, DOMID_SELF, order, MemFlags::ANY, list) }
}

fn decrease(xen: &Xen, order: u32, list: &[xen_pfn_t]) -> Extents {
    // SAFETY: as in `populate`.
    unsafe { decrease_reservation(xen, DOMID_SELF, order, list) }.unwrap()
}

#[test]
fn zephyr_populate_is_never_negative_whatever_fails() {
    let xen = Xen::new(Kind::Hvm);
    let mut list = frames(0x100..0x102);
    let none = Extents::new(0, 2);
    assert_eq!(populate(&xen, MAX_ORDER + 1, &mut list), none, "an order above the maximum");
    let flags = [
        (MemFlags::ANY.address_bits(12), "less than a page"),
        (MemFlags::ANY.populate_on_demand(), "on demand, for oneself"),
    ];
    for (flags, why) in flags {
        // SAFETY: as in `populate`.
        let extents = unsafe { populate_physmap(&xen, DOMID_SELF, 0, flags, &mut list) };
        assert_eq!(extents, Ok(none), "{why}");
    }
    for domid in [PEER, domid_t(77)] {
        // SAFETY: as in `populate`.
        let extents = unsafe { populate_physmap(&xen, domid, 0, MemFlags::ANY, &mut list) };
        assert_eq!(extents, Ok(none), "not allowed, or no such domain");
    }
    xen.state.borrow_mut().free = 0;
    assert_eq!(populate(&xen, 0, &mut list), none, "no memory");
    assert_eq!(none.complete(), Err(Shortfall { done: 0, asked: 2 }));
}

#[test]
fn d4_a_partial_populate_says_which_frames_are_holes() {
    let xen = Xen::new(Kind::Hvm);
    xen.state.borrow_mut().free = 2;
    let mut list = frames(0x100..0x105);
    let extents = populate(&xen, 0, &mut list);
    assert_eq!((extents.done(), extents.asked(), extents.is_complete()), (2, 5, false));
    let (memory, holes) = extents.split(&list);
    assert!(memory.iter().all(|frame| xen.what(frame.0) == Some(What::Ram)));
    assert!(holes.iter().all(|frame| xen.what(frame.0).is_none()));
    assert_eq!((memory.len(), holes.len()), (2, 3));
}

#[test]
fn d4_populate_exactly_leaves_no_holes_and_no_memory_behind() {
    let xen = Xen::new(Kind::Hvm);
    xen.state.borrow_mut().free = 5;
    let mut list = frames(0x100..0x103);
    assert_eq!(exactly(&xen, 0, &mut list), Ok(()));
    let mut more = frames(0x200..0x203);
    let short = Shortfall { done: 2, asked: 3 };
    assert_eq!(exactly(&xen, 0, &mut more), Err(PopulateError::Shortfall(short)));
    let state = xen.state.borrow();
    assert_eq!((state.map.len(), state.free), (3, 2), "all of the first, none of the second");
}

#[test]
fn d4_what_cannot_be_given_back_is_told() {
    let xen = Xen::new(Kind::Hvm);
    {
        let mut state = xen.state.borrow_mut();
        state.free = 3;
        state.sticky.insert(0x101, XEN_EBUSY);
    }
    let mut list = frames(0x100..0x105);
    let error = exactly(&xen, 0, &mut list).unwrap_err();
    let short = Shortfall { done: 3, asked: 5 };
    assert_eq!(error, PopulateError::Stranded { short, released: 1 });
    assert_eq!(xen.what(0x100), None);
    assert_eq!(xen.what(0x101), Some(What::Ram));
    assert!(error.to_string().contains("3 of 5 extents, only 1"), "{error}");
}

#[test]
fn nothing_populated_is_nothing_to_give_back() {
    let xen = Xen::new(Kind::Hvm);
    xen.state.borrow_mut().free = 0;
    let short = Shortfall { done: 0, asked: 1 };
    assert_eq!(exactly(&xen, 0, &mut frames(1..2)), Err(PopulateError::Shortfall(short)));
    assert_eq!(xen.calls(), 1);
}

#[test]
fn extents_of_an_order_are_that_many_pages() {
    let xen = Xen::new(Kind::Hvm);
    let mut list = [0x200, 0x400].map(xen_pfn_t);
    assert!(populate(&xen, 9, &mut list).is_complete());
    assert_eq!(current_reservation(&xen, DOMID_SELF), Ok(PageCount(1024)));
    assert!(decrease(&xen, 9, &list).is_complete());
    assert_eq!(current_reservation(&xen, DOMID_SELF), Ok(PageCount(0)));
}

#[test]
fn a_pv_guest_is_told_the_machine_frames() {
    let xen = Xen::new(Kind::Pv);
    xen.state.borrow_mut().free = 1;
    let mut list = frames(0x10..0x12);
    assert_eq!(populate(&xen, 0, &mut list), Extents::new(1, 2));
    assert_eq!(list, [0x8_0000, 0x11].map(xen_pfn_t));

    // Giving back goes by what was given.
    let mut list = frames(0x10..0x13);
    xen.state.borrow_mut().free = 2;
    assert!(matches!(exactly(&xen, 0, &mut list), Err(PopulateError::Shortfall(_))));
    assert_eq!(xen.state.borrow().free, 2);
}

#[test]
fn giving_back_ends_at_a_frame_with_nothing_behind_it() {
    let xen = Xen::new(Kind::Hvm).with_ram(0x10..0x12);
    let list = frames(0x10..0x14);
    let extents = decrease(&xen, 0, &list);
    assert_eq!((extents.done(), extents.asked()), (2, 4));
    assert_eq!(extents.to_string(), "2 of 4 extents done");
}

#[test]
fn increase_tells_a_pv_guest_only() {
    let xen = Xen::new(Kind::Hvm);
    let mut list = frames(1..3);
    let extents = increase_reservation(&xen, DOMID_SELF, 0, MemFlags::ANY, &mut list).unwrap();
    assert!(extents.is_complete());
    assert_eq!(list, frames(1..3));
    let xen = Xen::new(Kind::Pv);
    let extents = increase_reservation(&xen, DOMID_SELF, 0, MemFlags::ANY, &mut list).unwrap();
    assert!(extents.is_complete());
    assert!(list.iter().all(|frame| frame.0 >= 0x8_0000));
}

#[test]
fn frames_that_are_none_are_refused_before_the_call() {
    let xen = Xen::new(Kind::Hvm);
    let mut list = [xen_pfn_t(1), xen_pfn_t(!0)];
    let refused = Error::NotAFrame { index: 1, frame: xen_pfn_t(!0) };
    // SAFETY: refused.
    let results = unsafe {
        [
            populate_physmap(&xen, DOMID_SELF, 0, MemFlags::ANY, &mut list),
            decrease_reservation(&xen, DOMID_SELF, 0, &list),
        ]
    };
    assert_eq!(results, [Err(refused); 2]);
    assert_eq!(exactly(&xen, 0, &mut list), Err(PopulateError::Call(refused)));
    assert_eq!(xen.calls(), 0);
}

#[test]
fn a_list_that_xen_would_not_look_at_is_refused() {
    assert_eq!(fits(MAX_EXTENTS), Ok(()));
    let asked = MAX_EXTENTS + 1;
    assert_eq!(fits(asked), Err(Error::TooMany { asked, limit: MAX_EXTENTS }));
}

#[test]
fn of_two_wishes_about_the_same_the_last_holds() {
    let node = |flags: MemFlags, node| flags.node(node).unwrap();
    let exact = MemFlags::ANY.exact_vnode(0xfe).unwrap();
    assert_eq!(exact.bits(), 0x6_ff00);
    assert_eq!(node(exact, 0).bits(), 0x100, "neither exact nor virtual any more");
    let flags = MemFlags::ANY.address_bits(0xff).address_bits(32).populate_on_demand();
    assert_eq!(node(flags, 1).bits(), 0x1_0220);
    for refused in [MemFlags::node, MemFlags::exact_node, MemFlags::vnode, MemFlags::exact_vnode] {
        assert_eq!(refused(MemFlags::ANY, 255), None);
    }
}

fn trade(xen: &Xen, given: &[xen_pfn_t], wanted: &mut [xen_pfn_t]) -> Result<(), ExchangeError> {
    let give = Give { order: 0, frames: given };
    let take = Take { order: 0, flags: MemFlags::ANY, frames: wanted };
    // SAFETY: as in `populate`.
    unsafe { exchange(xen, DOMID_SELF, give, take) }
}

#[test]
fn an_exchange_trades_one_for_one() {
    let xen = Xen::new(Kind::Pv).with_ram(0x10..0x12);
    let mut wanted = frames(0..2);
    trade(&xen, &frames(0x10..0x12), &mut wanted).unwrap();
    assert!(wanted.iter().all(|frame| xen.what(frame.0) == Some(What::Ram)));
    assert_eq!(xen.what(0x10), None);
}

#[test]
fn an_exchange_that_ends_early_tells_how_far_it_came() {
    let xen = Xen::new(Kind::Pv).with_ram(0x10..0x13);
    xen.state.borrow_mut().free = 2;
    let error = trade(&xen, &frames(0x10..0x13), &mut frames(0..3)).unwrap_err();
    assert_eq!((error.error.errno(), error.exchanged), (Some(XEN_ENOMEM), 2));
    assert_eq!(xen.what(0x12), Some(What::Ram), "not traded");
    let hvm = Xen::new(Kind::Hvm).with_ram(0x10..0x11);
    let error = trade(&hvm, &frames(0x10..0x11), &mut frames(0..1)).unwrap_err();
    assert_eq!((error.error.errno(), error.exchanged), (Some(XEN_EOPNOTSUPP), 0));
}

#[test]
fn an_exchange_of_unequal_sides_is_refused() {
    let xen = Xen::new(Kind::Pv);
    let one = frames(1..2);
    for (give_order, take_order, given, wanted) in [
        (0, 0, Some(1), Some(2)),
        (0, 1, Some(1), Some(4)),
        (64, 64, None, None),
        (63, 63, Some(1 << 63), None),
        (u32::MAX, 0, None, Some(2)),
    ] {
        let mut two = frames(1..3);
        let give = Give { order: give_order, frames: &one };
        let take = Take { order: take_order, flags: MemFlags::ANY, frames: &mut two };
        // SAFETY: refused.
        let refused = unsafe { exchange(&xen, DOMID_SELF, give, take) }.unwrap_err();
        let error = Error::PageCount { given, wanted };
        assert_eq!(refused, ExchangeError { error, exchanged: 0 });
    }
    assert_eq!(xen.calls(), 0);
}

#[test]
fn questions_about_a_domain_have_values() {
    let xen = Xen::new(Kind::Hvm).with_ram(0x10..0x20);
    assert_eq!(current_reservation(&xen, DOMID_SELF), Ok(PageCount(16)));
    assert_eq!(maximum_reservation(&xen, DOMID_SELF), Ok(PageCount(1 << 20)));
    assert_eq!(maximum_gpfn(&xen, DOMID_SELF), Ok(xen_pfn_t(0x1f)));
    assert_eq!(maximum_ram_page(&xen), Ok(xen_pfn_t(0x10_0000)));
    let errno = |result: Result<PageCount, Error>| result.unwrap_err().errno();
    assert_eq!(errno(current_reservation(&xen, PEER)), Some(XEN_EPERM));
    assert_eq!(errno(maximum_reservation(&xen, domid_t(77))), Some(XEN_ESRCH));
    assert_eq!(errno(sharing_freed_pages(&xen)), Some(XEN_ENOSYS));
}
