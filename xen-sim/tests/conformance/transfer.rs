//! `GNTTABOP_transfer`, `GNTTABOP_swap_grant_ref` and `GNTTABOP_cache_flush`.

use xen_abi::GrantStatus;
use xen_abi::grant_table::*;
use xen_abi::xen::*;
use xen_ops::page::Page as _;
use xen_sim::{Domain, DomainConfig, GuestKind, GuestPage, Release, Xen, Xsm};

use crate::support::*;

fn transfer(from: &Domain, frame: xen_pfn_t, to: domid_t, ref_: u32) -> (isize, GrantStatus) {
    let mut op = [gnttab_transfer {
        mfn: frame,
        domid: to,
        ref_: grant_ref_t(ref_),
        status: UNTOUCHED,
        ..gnttab_transfer::ZERO
    }];
    (grant_op(from, GNTTABOP_transfer, &mut op), op[0].status)
}

/// A page that is not put back after another domain has got it.
fn gone(page: GuestPage) -> xen_pfn_t {
    page.frame()
}

#[test]
fn a_page_changes_its_owner() {
    for version in [1, 2] {
        let (xen, a, b) = pair(GuestKind::Pv);
        assert_eq!(set_version(&b, version).0, 0);
        let page = a.page().unwrap();
        page.view().write(0, b"mine").unwrap();
        let frame = gone(page);
        let (flags, committed) = match version {
            1 => {
                grant(&b, 8, GTF_accept_transfer, domid(&a), xen_pfn_t(0));
                let done = transfer(&a, frame, domid(&b), 8);
                (flags(&b, 8), done)
            }
            _ => {
                grant2(&b, 8, GTF_accept_transfer, domid(&a), 0, 0);
                let done = transfer(&a, frame, domid(&b), 8);
                let header = header2(&b, 8).load(std::sync::atomic::Ordering::Acquire);
                (GrantEntryFlags(header as u16), done)
            }
        };
        assert_eq!(committed, (0, GNTST_okay));
        let place = if version == 1 { 8 * 8 + 4 } else { 8 * 16 + 8 };
        let named = word32(&b, place).load(std::sync::atomic::Ordering::Acquire);
        assert_eq!(u64::from(named), pfn_to_u64(frame));
        let all = GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed;
        assert_eq!(flags, all);
        assert_eq!((a.pages(), b.pages()), (7, 9));
        assert_eq!(machine_frame(&b, pfn_to_u64(frame)), Some(pfn_to_u64(frame)));
        assert_eq!(machine_frame(&a, pfn_to_u64(frame)), None);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn a_page_that_no_domain_accepts_is_lost() {
    let xen = Xen::builder().xsm(Xsm::Silo).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8));
    let b = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8).privileged());
    let c = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8));
    let full = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8).max_pages(8).privileged());
    let dying = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8).privileged());
    for target in [&full, &dying] {
        grant(target, 8, GTF_accept_transfer, domid(&a), xen_pfn_t(0));
    }
    dying.set_dying();
    let general = GNTST_general_error;
    for (to, ref_, status) in [
        (domid_t(77), 8, GNTST_bad_domain),
        (domid(&c), 8, GNTST_permission_denied),
        (domid(&full), 8, general),
        (domid(&dying), 8, general),
        (domid(&b), 5000, general),
        (domid(&b), 8, general),
    ] {
        let (frame, before) = (gone(a.page().unwrap()), a.pages());
        assert_eq!(transfer(&a, frame, to, ref_), (0, status));
        assert_eq!(a.pages(), before - 1, "{status}");
        xen.check_invariants().unwrap();
    }
    // But not a frame that does not exist, or that another domain has mapped.
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    map_okay(&b, &a, 8, true, &b.target());
    let before = a.pages();
    assert_eq!(transfer(&a, page.frame(), domid(&b), 8), (0, GNTST_bad_page));
    assert_eq!(transfer(&a, xen_pfn_t(0xdead), domid(&b), 8), (0, GNTST_bad_page));
    assert_eq!(a.pages(), before);
    xen.check_invariants().unwrap();
}

/// A frame number of 32-bit x86 always fits.
#[cfg(not(target_arch = "x86"))]
#[test]
fn a_frame_too_far_up_for_a_version_1_table_is_refused() {
    let guests = |first_frame| {
        let xen = Xen::builder().first_frame(xen_pfn_t(first_frame)).build();
        let [a, b] = [(); 2].map(|()| guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8)));
        (xen, a, b)
    };
    let (_xen, a, b) = guests(1 << 32);
    grant(&b, 8, GTF_accept_transfer, domid(&a), xen_pfn_t(0));
    let frame = gone(a.page().unwrap());
    assert_eq!(transfer(&a, frame, domid(&b), 8), (0, GNTST_address_too_big));
    // The last that version 1 can name.
    let (_xen, from, to) = guests((1 << 33) - 1 - pfn_to_u64(frame));
    grant(&to, 8, GTF_accept_transfer, domid(&from), xen_pfn_t(0));
    let last = from.page().unwrap();
    assert_eq!(last.frame(), xen_pfn_t(u64::from(u32::MAX)));
    assert_eq!(transfer(&from, gone(last), domid(&to), 8), (0, GNTST_okay));
    assert_eq!(set_version(&b, 2).0, 0);
    grant2(&b, 8, GTF_accept_transfer, domid(&a), 0, 0);
    let frame = gone(a.page().unwrap());
    assert_eq!(transfer(&a, frame, domid(&b), 8), (0, GNTST_okay));
}

#[test]
fn translated_guests_cannot_transfer() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let page = a.page().unwrap();
    assert_eq!(transfer(&a, page.frame(), domid(&b), 8), (-38, UNTOUCHED));
    let (_, a, b) = pair(GuestKind::Arm);
    let page = a.page().unwrap();
    assert_eq!(transfer(&a, page.frame(), domid(&b), 8), (-95, UNTOUCHED));
    let xen = Xen::builder().release(Release::V4_14).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Arm).pages(8));
    let page = a.page().unwrap();
    assert_eq!(transfer(&a, page.frame(), domid(&a), 8), (0, GNTST_general_error));
}

fn swap(domain: &Domain, a: u32, b: u32) -> GrantStatus {
    let mut op = [gnttab_swap_grant_ref {
        ref_a: grant_ref_t(a),
        ref_b: grant_ref_t(b),
        status: UNTOUCHED,
        ..gnttab_swap_grant_ref::ZERO
    }];
    assert_eq!(grant_op(domain, GNTTABOP_swap_grant_ref, &mut op), 0);
    op[0].status
}

#[test]
fn unused_entries_are_swapped() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _pages = [granted(&a, 8, GrantEntryFlags::empty(), &b), granted(&a, 9, GTF_readonly, &b)];
    assert_eq!(swap(&a, 8, 9), GNTST_okay);
    assert_eq!(flags(&a, 8), GTF_permit_access | GTF_readonly);
    assert_eq!(flags(&a, 9), GTF_permit_access);
    map_okay(&b, &a, 9, false, &b.target());
    assert_eq!(swap(&a, 512, 9), GNTST_bad_gntref);
    assert_eq!(swap(&a, 9, 512), GNTST_bad_gntref);
    assert_eq!(swap(&a, 8, 9), GNTST_eagain);
    assert_eq!(swap(&a, 9, 8), GNTST_eagain);
    assert_eq!(swap(&a, 9, 9), GNTST_okay, "itself, in use or not");
    xen.check_invariants().unwrap();

    let (_, a, b) = pair(GuestKind::Pvh);
    assert_eq!(set_version(&a, 2).0, 0);
    let page = a.page().unwrap();
    grant2(&a, 8, GTF_permit_access, domid(&b), 0, pfn_to_u64(page.frame()));
    assert_eq!(swap(&a, 8, 200), GNTST_okay);
    map_okay(&b, &a, 200, false, &b.target());
}

fn flush(domain: &Domain, command: u32, op: gnttab_cache_flush) -> isize {
    grant_op(domain, command, &mut [op])
}

#[test]
fn caches_are_flushed_for_owners_and_mappers_on_arm() {
    let (xen, a, b) = pair(GuestKind::Arm);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let frame = machine_frame(&a, pfn_to_u64(page.frame())).unwrap();
    let good = gnttab_cache_flush {
        a: gnttab_cache_flush_a::from_dev_bus_addr(frame << 12),
        offset: 0,
        length: 4096,
        op: GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL,
    };
    let command = GNTTABOP_cache_flush;
    assert_eq!(flush(&a, command, good), 0);
    assert_eq!(flush(&b, command, good), -22, "does not map it");
    map_okay(&b, &a, 8, false, &b.target());
    assert_eq!(flush(&b, command, good), 0);
    for bad in [
        gnttab_cache_flush { offset: 4096, length: 0, ..good },
        gnttab_cache_flush { length: 4097, ..good },
        gnttab_cache_flush { offset: 1, ..good },
        gnttab_cache_flush { op: CacheFlushFlags(4), ..good },
        gnttab_cache_flush { op: GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_SOURCE_GREF, ..good },
        gnttab_cache_flush { a: gnttab_cache_flush_a::from_dev_bus_addr(1 << 50), ..good },
    ] {
        assert_eq!(flush(&b, command, bad), -22);
    }
    let nothing = gnttab_cache_flush { length: 0, ..good };
    assert_eq!(flush(&b, command, nothing), 0);
    assert_eq!(flush(&b, command, gnttab_cache_flush { op: CacheFlushFlags(0), ..good }), 0);
    // The command's upper bits continue a search, which one of nothing never starts.
    assert_eq!(flush(&b, command | 0x1000, nothing), -84);
    // One of the owner's frames that it does not map, and one that another maps.
    let other = granted(&a, 9, GrantEntryFlags::empty(), &b);
    let frame_of = |page: &GuestPage| machine_frame(&a, pfn_to_u64(page.frame())).unwrap() << 12;
    let other = gnttab_cache_flush_a::from_dev_bus_addr(frame_of(&other));
    assert_eq!(flush(&b, command, gnttab_cache_flush { a: other, ..good }), -22);
    let c = guest(&xen, DomainConfig::new(GuestKind::Arm).pages(8));
    assert_eq!(flush(&c, command, good), -22);
    // A frame without an owner.
    let before = a.pages();
    a.destroy();
    assert_eq!(before, 8);
    let free = gnttab_cache_flush_a::from_dev_bus_addr((frame + 1) << 12);
    assert_eq!(flush(&b, command, gnttab_cache_flush { a: free, ..good }), -1);
}

#[test]
fn x86_cannot_discard_what_caches_hold() {
    for (kind, discarded) in [(GuestKind::Arm, 0), (GuestKind::Pv, -95)] {
        let xen = Xen::builder().release(Release::V4_20).build();
        let a = guest(&xen, DomainConfig::new(kind).pages(8));
        let page = a.page().unwrap();
        let frame = machine_frame(&a, pfn_to_u64(page.frame())).unwrap();
        let good = gnttab_cache_flush {
            a: gnttab_cache_flush_a::from_dev_bus_addr(frame << 12),
            offset: 0,
            length: 8,
            op: GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL,
        };
        let flush = |op| flush(&a, GNTTABOP_cache_flush, gnttab_cache_flush { op, ..good });
        assert_eq!((flush(GNTTAB_CACHE_CLEAN), flush(good.op)), (0, 0), "{kind:?}");
        assert_eq!(flush(GNTTAB_CACHE_INVAL), discarded, "{kind:?}");
    }
}
