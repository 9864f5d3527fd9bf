//! `GNTTABOP_copy`, with sub-page and transitive grants.

use xen_abi::grant_table::*;
use xen_abi::xen::*;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{Domain, DomainConfig, GuestKind, GuestPage, Release, Xen};

use crate::support::*;

const SOURCE: GrantCopyFlags = GNTCOPY_source_gref;
const DEST: GrantCopyFlags = GNTCOPY_dest_gref;

/// Two domains whose tables are of version 2, with their status frames mapped.
fn version_2_pair() -> (Xen, Domain, Domain) {
    let (xen, a, b) = pair(GuestKind::Pvh);
    for domain in [&a, &b] {
        assert_eq!(set_version(domain, 2), (0, 2));
    }
    (xen, a, b)
}

#[test]
fn bytes_are_copied_by_frame_and_by_reference() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a, b) = pair(kind);
        let theirs = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let (one, two) = (b.page().unwrap(), b.page().unwrap());
        theirs.view().write(4000, b"from a").unwrap();
        assert_eq!(copy(&b, by_ref(&a, 8, 4000), by_frame(&one, 7), 6, SOURCE), GNTST_okay);
        assert_eq!(
            copy(&b, by_frame(&one, 7), by_frame(&two, 0), 6, GrantCopyFlags::empty()),
            GNTST_okay
        );
        assert_eq!(copy(&b, by_frame(&two, 0), by_ref(&a, 8, 0), 4, DEST), GNTST_okay);
        let mut bytes = [0; 6];
        theirs.view().read(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"from\0\0");
        assert_eq!(flags(&a, 8), GTF_permit_access);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn the_last_byte_of_a_page_is_the_last() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let own = b.page().unwrap();
    for (from, to, len, status) in [
        (0, 0, 4096, GNTST_okay),
        (4095, 4095, 1, GNTST_okay),
        (1, 0, 4096, GNTST_bad_copy_arg),
        (0, 4095, 2, GNTST_bad_copy_arg),
        (0, 0, u16::MAX, GNTST_bad_copy_arg),
        (u16::MAX, 0, 1, GNTST_bad_copy_arg),
    ] {
        let done = copy(&b, by_ref(&a, 8, from), by_frame(&own, to), len, SOURCE);
        assert_eq!(done, status, "{from} {to} {len}");
    }
    assert_eq!(flags(&a, 8), GTF_permit_access, "nothing stays claimed");
}

#[test]
fn a_copy_counts_as_one_more_use_of_its_kind() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GTF_invalid, &b);
    let own = b.page().unwrap();
    // As many writable mappings as an entry can have.
    let targets: Vec<_> = (0..128).map(|_| b.target()).collect();
    for target in &targets {
        map_okay(&b, &a, 8, false, target);
    }
    assert_eq!(copy(&b, by_frame(&own, 0), by_ref(&a, 8, 0), 8, DEST), GNTST_general_error);
    assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 8, SOURCE), GNTST_okay);
    assert_eq!(a.pins(grant_ref_t(8)).total(), 128);
    xen.check_invariants().unwrap();
}

/// What one element found out serves the next, be it meant or not: a frame of the caller's own with
/// the number of the reference at hand is taken for it. On a real machine an interrupt in between
/// undoes that.
#[test]
fn a_batch_keeps_what_it_has_found_out() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let own = b.page().unwrap();
    let element = |flags| gnttab_copy {
        source: by_ref(&a, 8, 0),
        dest: by_frame(&own, 0),
        len: 8,
        flags,
        status: UNTOUCHED,
        ..gnttab_copy::ZERO
    };
    let mut ops = [GrantCopyFlags::empty(), SOURCE, GrantCopyFlags::empty(), SOURCE].map(element);
    assert_eq!(grant_op(&b, GNTTABOP_copy, &mut ops), 0);
    let statuses = ops.map(|op| op.status);
    assert_eq!(statuses, [GNTST_permission_denied, GNTST_okay, GNTST_okay, GNTST_okay]);
    assert_eq!(flags(&a, 8), GTF_permit_access, "nothing stays claimed");
    xen.check_invariants().unwrap();
}

#[test]
fn a_sub_page_grant_is_a_window() {
    let (xen, a, b) = version_2_pair();
    let page = a.page().unwrap();
    // 16 bytes from offset 64 on.
    grant2(
        &a,
        8,
        GTF_permit_access | GTF_sub_page,
        domid(&b),
        64 | 16 << 16,
        pfn_to_u64(page.frame()),
    );
    let own = b.page().unwrap();
    for (offset, len, status) in [
        (64, 16, GNTST_okay),
        (70, 4, GNTST_okay),
        (63, 1, GNTST_general_error),
        (64, 17, GNTST_general_error),
        (80, 1, GNTST_general_error),
    ] {
        let source = by_ref(&a, 8, offset);
        assert_eq!(copy(&b, source, by_frame(&own, 0), len, SOURCE), status, "{offset} {len}");
        xen.check_invariants().unwrap();
    }
    assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &b.target()).status, GNTST_general_error);
    // Version 1 does not know of windows: the bit is just not looked at for a copy.
    let (_, a, b) = pair(GuestKind::Pvh);
    let page = a.page().unwrap();
    grant(&a, 8, GTF_permit_access | GTF_sub_page, domid(&b), page.frame());
    let own = b.page().unwrap();
    assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 4096, SOURCE), GNTST_okay);
}

#[test]
fn a_transitive_grant_passes_on_one_level() {
    let (xen, a, b) = version_2_pair();
    let c = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8));
    assert_eq!(set_version(&c, 2).0, 0);
    let page = c.page().unwrap();
    page.view().write(0, b"c's").unwrap();
    // From c to a, and on to b.
    grant2(&c, 9, GTF_permit_access, domid(&a), 0, pfn_to_u64(page.frame()));
    grant2(&a, 8, GTF_transitive, domid(&b), u32::from(domid(&c).0), 9);
    let own = b.page().unwrap();
    assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 3, SOURCE), GNTST_okay);
    assert_eq!(byte(own.view(), 0), b'c');
    assert_eq!(copy(&b, by_frame(&own, 0), by_ref(&a, 8, 1), 1, DEST), GNTST_okay);
    assert_eq!((status(&a, 8) | status(&c, 9), c.references(page.frame())), (GTF_invalid, 1));
    xen.check_invariants().unwrap();
    assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &b.target()).status, GNTST_general_error);

    let fails = |owner: domid_t, ref_: u64, status| {
        grant2(&a, 8, GTF_transitive, domid(&b), u32::from(owner.0), ref_);
        assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 3, SOURCE), status);
        xen.check_invariants().unwrap();
    };
    // To itself, to no domain, to no reference, to another transitive grant.
    fails(domid(&a), 9, GNTST_general_error);
    fails(domid_t(77), 9, GNTST_general_error);
    fails(domid(&c), 5000, GNTST_bad_gntref);
    let theirs = b.page().unwrap();
    grant2(&b, 8, GTF_permit_access, domid(&c), 0, pfn_to_u64(theirs.frame()));
    grant2(&c, 10, GTF_transitive, domid(&a), u32::from(domid(&b).0), 8);
    fails(domid(&c), 10, GNTST_general_error);
    // Not granted to a, however well to b.
    grant2(&c, 11, GTF_permit_access, domid(&b), 0, pfn_to_u64(page.frame()));
    fails(domid(&c), 11, GNTST_general_error);
}

/// Xen finds the entry in use by the copy itself.
#[test]
fn source_and_destination_may_be_the_same_grant() {
    let (xen, a, b) = version_2_pair();
    let c = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8));
    assert_eq!(set_version(&c, 2).0, 0);
    let (page, others) = (a.page().unwrap(), c.page().unwrap());
    let frame = |page: &GuestPage| pfn_to_u64(page.frame());
    grant2(&a, 8, GTF_permit_access, domid(&b), 0, frame(&page));
    // The first 16 bytes, and a page of c's.
    grant2(&a, 9, GTF_permit_access | GTF_sub_page, domid(&b), 16 << 16, frame(&page));
    grant2(&c, 9, GTF_permit_access, domid(&a), 0, frame(&others));
    grant2(&a, 10, GTF_transitive, domid(&b), u32::from(domid(&c).0), 9);
    for (ref_, page) in [(8, &page), (9, &page), (10, &others)] {
        page.view().write(0, b"moved\0\0\0").unwrap();
        let status = copy(&b, by_ref(&a, ref_, 0), by_ref(&a, ref_, 8), 8, SOURCE | DEST);
        assert_eq!((status, byte(page.view(), 8)), (GNTST_okay, b'm'), "{ref_}");
        page.view().write(8, &[0; 8]).unwrap();
        assert!(a.pins(grant_ref_t(ref_)).is_zero());
        xen.check_invariants().unwrap();
    }
}

/// Each of two granters has a grant with the same number.
#[test]
fn a_batch_may_change_the_domain_of_one_end() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let c = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8));
    let pages = [&a, &c].map(|granter| granted(granter, 8, GrantEntryFlags::empty(), &b));
    for (page, text) in pages.iter().zip([b"a's", b"c's"]) {
        page.view().write(0, text).unwrap();
    }
    let own = b.page().unwrap();
    let mut ops = [(&a, 0), (&c, 3)].map(|(granter, offset)| gnttab_copy {
        source: by_ref(granter, 8, 0),
        dest: by_frame(&own, offset),
        len: 3,
        flags: SOURCE,
        status: UNTOUCHED,
        ..gnttab_copy::ZERO
    });
    assert_eq!(grant_op(&b, GNTTABOP_copy, &mut ops), 0);
    assert_eq!(ops.map(|op| op.status), [GNTST_okay; 2]);
    assert_eq!(own.view().read_obj::<[u8; 6]>(0).unwrap(), *b"a'sc's");
}

/// Xen looks at the domain and the type of an entry when its use begins, and not again.
#[test]
fn an_entry_in_use_may_be_ended_or_made_a_window() {
    let (xen, a, b) = version_2_pair();
    let (page, own) = (a.page().unwrap(), b.page().unwrap());
    let frame = pfn_to_u64(page.frame());
    for entry in [GTF_invalid, GTF_permit_access | GTF_sub_page] {
        grant2(&a, 8, GTF_permit_access, domid(&b), 0, frame);
        let target = b.target();
        let handle = map_okay(&b, &a, 8, true, &target);
        grant2(&a, 8, entry, domid(&b), 0, frame);
        let status = copy(&b, by_frame(&own, 0), by_ref(&a, 8, 0), 8, DEST);
        assert_eq!(status, GNTST_okay, "{entry:?}");
        assert_eq!(unmap(&b, handle, target.host_addr(), 0), GNTST_okay);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn a_read_only_grant_is_not_written() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GTF_readonly, &b);
    let own = b.page().unwrap();
    assert_eq!(copy(&b, by_frame(&own, 0), by_ref(&a, 8, 0), 1, DEST), GNTST_general_error);
    assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 1, SOURCE), GNTST_okay);
}

#[test]
fn a_copy_joins_a_mapping() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let c = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8));
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    map_okay(&b, &a, 8, true, &b.target());
    let (own, theirs) = (b.page().unwrap(), c.page().unwrap());
    assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 1, SOURCE), GNTST_okay);
    assert_eq!(copy(&b, by_frame(&own, 0), by_ref(&a, 8, 0), 1, DEST), GNTST_okay);
    assert_eq!(flags(&a, 8), GTF_permit_access | GTF_reading);
    // The entry is b's for as long as it is pinned.
    grant(&a, 8, GTF_permit_access | GTF_reading, domid(&c), page.frame());
    let status = copy(&c, by_ref(&a, 8, 0), by_frame(&theirs, 0), 1, SOURCE);
    assert_eq!(status, GNTST_general_error);
    // A dying domain's pinned pages cannot be copied.
    a.set_dying();
    let status = copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 1, SOURCE);
    assert_eq!(status, GNTST_bad_domain);
    xen.check_invariants().unwrap();
}

/// An entry that is mapped for reading names another frame: a copy to it goes to the old one before
/// 4.20, and is refused since: XSA-500, which older branches did not get.
#[test]
fn an_entry_in_use_that_names_another_frame_takes_copies_before_4_20() {
    for (release, expected) in [(Release::V4_17, GNTST_okay), (Release::V4_20, GNTST_general_error)]
    {
        let xen = Xen::builder().release(release).build();
        let a = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8));
        let b = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8));
        let [old, new] = [(); 2].map(|()| a.page().unwrap());
        grant(&a, 8, GTF_permit_access, domid(&b), old.frame());
        let target = b.target();
        map_okay(&b, &a, 8, true, &target);
        grant(&a, 8, GTF_permit_access | GTF_reading, domid(&b), new.frame());
        let own = b.page().unwrap();
        own.view().write(0, b"new").unwrap();
        let status = copy(&b, by_frame(&own, 0), by_ref(&a, 8, 0), 3, DEST);
        assert_eq!(status, expected, "{release:?}");
        let mut bytes = [0; 3];
        old.view().read(0, &mut bytes).unwrap();
        assert_eq!(bytes == *b"new", expected == GNTST_okay, "{release:?}");
        assert_eq!(xen.check_invariants(), Ok(()));
    }
}
