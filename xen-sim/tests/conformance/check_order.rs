//! Two wrongs at once give the first: the order of checks of each grant operation.

use xen_abi::grant_table::*;
use xen_abi::xen::*;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{Domain, DomainConfig, GuestKind, Xen, Xsm};

use crate::support::*;

/// A machine with SILO: `a` is privileged, `b` and `c` may not deal with each other.
fn silo(kind: GuestKind) -> (Xen, [Domain; 3]) {
    let xen = Xen::builder().xsm(Xsm::Silo).build();
    let a = guest(&xen, DomainConfig::new(kind).pages(8).privileged());
    let b = guest(&xen, DomainConfig::new(kind).pages(8));
    let c = guest(&xen, DomainConfig::new(kind).pages(8));
    (xen, [a, b, c])
}

#[test]
fn map_checks_in_xens_order() {
    let wrongs = [
        ("neither host nor device", GNTST_bad_gntref),
        ("an application map", GNTST_general_error),
        ("an unknown domain", GNTST_bad_domain),
        ("a domain that XSM forbids", GNTST_permission_denied),
        ("no handle", GNTST_no_space),
        ("a reference beyond the table", GNTST_bad_gntref),
        ("another's pin", GNTST_general_error),
        ("a paged-out frame", GNTST_eagain),
        ("a page that is none", GNTST_bad_page),
        ("an odd flag", GNTST_general_error),
    ];
    assert_order(&wrongs, |which| {
        let (xen, [a, b, c]) = silo(GuestKind::Pvh);
        let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let _forbidden = granted(&c, 8, GrantEntryFlags::empty(), &b);
        let held = a.target();
        let target = b.target();
        let mut op = map_op(&a, 8, GNTMAP_host_map, &target);
        for wrong in which.iter().rev() {
            match wrong {
                0 => op.flags &= !GNTMAP_host_map,
                1 => op.flags |= GNTMAP_application_map,
                2 => op.dom = domid_t(77),
                3 => op.dom = domid(&c),
                4 => b.faults().no_space(1),
                5 => op.ref_ = grant_ref_t(512),
                6 => {
                    let spare = a.page().unwrap();
                    grant(&a, 8, GTF_permit_access, domid(&a), spare.frame());
                    map_okay(&a, &a, 8, true, &held);
                }
                7 => b.faults().eagain(1),
                8 => grant(&a, 8, GTF_permit_access, domid(&b), xen_pfn_t(0xdead)),
                _ => op.flags |= GrantMapFlags(1 << _GNTMAP_guest_avail0),
            }
        }
        assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, std::slice::from_mut(&mut op)), 0);
        assert_eq!(b.live_mappings(), 0);
        xen.check_invariants().unwrap();
        drop(page);
        op.status
    });
}

#[test]
fn unmap_checks_in_xens_order() {
    let wrongs = [
        ("a handle out of range", GNTST_bad_handle),
        ("a wrong device address", GNTST_bad_dev_addr),
        ("a wrong host address", GNTST_general_error),
    ];
    let (xen, a, b) = pair(GuestKind::Pv);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    let op = map(&b, &a, 8, GNTMAP_host_map | GNTMAP_device_map, &target);
    assert_eq!((op.status, a.references(page.frame())), (GNTST_okay, 3));
    assert_order(&wrongs, |which| {
        let mut at = (op.handle, target.host_addr(), op.dev_bus_addr);
        for wrong in which {
            match wrong {
                0 => at.0 = grant_handle_t(1 << 20),
                1 => at.2 += 4096,
                _ => at.1 += 4096,
            }
        }
        let status = unmap(&b, at.0, at.1, at.2);
        xen.check_invariants().unwrap();
        status
    });
    assert_eq!(unmap(&b, op.handle, target.host_addr(), op.dev_bus_addr), GNTST_okay);
    assert_eq!(a.references(page.frame()), 1);
}

#[test]
fn copy_checks_in_xens_order() {
    let wrongs = [
        ("a foreign frame", GNTST_permission_denied),
        ("an unknown domain at the other end", GNTST_bad_domain),
        ("a domain that XSM forbids", GNTST_permission_denied),
        ("a source reference beyond the table", GNTST_bad_gntref),
        ("a destination that is no page", GNTST_bad_page),
        ("more than a page", GNTST_bad_copy_arg),
    ];
    let (xen, [a, b, c]) = silo(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let _forbidden = granted(&c, 8, GrantEntryFlags::empty(), &b);
    let own = b.page().unwrap();
    assert_order(&wrongs, |which| {
        let mut source = by_ref(&a, 8, 0);
        let mut dest = by_frame(&own, 0);
        let (mut flags, mut len) = (GNTCOPY_source_gref, 16);
        for wrong in which {
            match wrong {
                0 => flags &= !GNTCOPY_source_gref,
                1 => {
                    dest.domid = domid_t(77);
                    flags |= GNTCOPY_dest_gref;
                }
                2 => source.domid = domid(&c),
                3 => source.u = gnttab_copy_ptr_u::from_ref(grant_ref_t(512)),
                4 => dest.u = gnttab_copy_ptr_u::from_gmfn(xen_pfn_t(0xdead)),
                _ => len = 4097,
            }
        }
        let status = copy(&b, source, dest, len, flags);
        xen.check_invariants().unwrap();
        status
    });
    // A copy of nothing is not looked at.
    assert_eq!(
        copy(&b, by_ref(&c, 512, 0), by_frame(&own, 9), 0, GrantCopyFlags::empty()),
        GNTST_okay
    );
    drop(page);
}

#[test]
fn setup_and_sizes_check_in_xens_order() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let mut list = [xen_pfn_t(0); 80];
    let wrongs = [
        ("an unknown domain", GNTST_bad_domain),
        ("another domain", GNTST_permission_denied),
        ("more frames than there may be", GNTST_general_error),
        ("no address for the list", if COMPAT { GNTST_okay } else { GNTST_bad_virt_addr }),
    ];
    assert_order(&wrongs, |which| {
        let mut op = gnttab_setup_table {
            dom: DOMID_SELF,
            nr_frames: 2,
            status: UNTOUCHED,
            frame_list: xen_abi::GuestHandle::from_mut_slice(&mut list),
            ..gnttab_setup_table::ZERO
        };
        for wrong in which.iter().rev() {
            match wrong {
                0 => op.dom = domid_t(77),
                1 => op.dom = domid(&b),
                2 => op.nr_frames = 65,
                _ => op.frame_list = xen_abi::GuestHandle::NULL,
            }
        }
        assert_eq!(grant_op(&a, GNTTABOP_setup_table, std::slice::from_mut(&mut op)), 0);
        op.status
    });
    for (dom, status) in [
        (domid_t(77), GNTST_bad_domain),
        (domid(&b), GNTST_permission_denied),
        (domid(&a), GNTST_okay),
    ] {
        let mut op = [gnttab_query_size { dom, status: UNTOUCHED, ..gnttab_query_size::ZERO }];
        assert_eq!(grant_op(&a, GNTTABOP_query_size, &mut op), 0);
        assert_eq!(op[0].status, status);
    }
}

#[test]
fn the_call_itself_is_checked_before_its_elements() {
    let (_, a) = machine(GuestKind::Pv);
    let grant_op = |command: u32, at: usize, count: usize| {
        call(&a, __HYPERVISOR_grant_table_op, [command as usize, at, count, 0, 0])
    };
    let mut op = [gnttab_query_size { dom: DOMID_SELF, ..gnttab_query_size::ZERO }];
    let at = op.as_mut_ptr().expose_provenance();
    let over = 1 << 31;
    // The count, then the command's upper bits, then the pointer.
    assert_eq!(grant_op(GNTTABOP_map_grant_ref | 0x1000, 0, over), -22);
    assert_eq!(grant_op(GNTTABOP_map_grant_ref | 0x1000, 0, 1), -22);
    assert_eq!(grant_op(GNTTABOP_map_grant_ref, 0, over - 1), -14);
    assert_eq!(grant_op(GNTTABOP_map_grant_ref, 0, 1), -14);
    assert_eq!(grant_op(GNTTABOP_map_grant_ref, 0, 0), 0);
    assert_eq!(grant_op(GNTTABOP_query_size, at, 0), -22);
    assert_eq!(grant_op(GNTTABOP_query_size, 0, 1), -14);
    assert_eq!(grant_op(GNTTABOP_query_size, at, 1), 0);
    assert_eq!(grant_op(GNTTABOP_query_size, at, 2), -22);
    assert_eq!(grant_op(GNTTABOP_dump_table, at, 1), -38);
    assert_eq!(grant_op(13, at, 1), -38);
    #[cfg(target_pointer_width = "64")]
    assert_eq!(grant_op(GNTTABOP_copy, usize::MAX << 47, 0), -14, "Xen's own");
    let status_frames = GNTTABOP_get_status_frames;
    assert_eq!((grant_op(status_frames, at, 0), grant_op(GNTTABOP_setup_table, at, 2)), (-22, -22));
    assert_eq!(call(&a, 63, [0; 5]), -38);
    assert_eq!((op[0].nr_frames, op[0].max_nr_frames), (1, 64));
}

#[test]
fn what_translated_guests_of_x86_have_comes_first() {
    let (_, a) = machine(GuestKind::Pvh);
    for command in [
        GNTTABOP_cache_flush,
        GNTTABOP_get_status_frames,
        GNTTABOP_transfer,
        GNTTABOP_unmap_and_replace,
        GNTTABOP_map_grant_ref | 0x1000,
        13,
    ] {
        let arguments = [command as usize, 0, 1 << 31, 0, 0];
        assert_eq!(call(&a, __HYPERVISOR_grant_table_op, arguments), -38, "{command:#x}");
    }
}
