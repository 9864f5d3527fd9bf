//! What real hypervisors were seen to do: one domain that grants to itself.

use xen_abi::GuestHandle;
use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen, Xsm};

use crate::support::*;

/// Domain 0 of that kind, alone.
fn dom0(release: Release, kind: GuestKind) -> (Xen, Domain) {
    let xen = Xen::builder().release(release).build();
    let domain = guest(&xen, DomainConfig::new(kind).pages(8).domid(domid_t(0)).privileged());
    (xen, domain)
}

const RELEASES: [Release; 3] = [Release::V4_14, Release::V4_17, Release::V4_20];

#[test]
fn x86_version_1() {
    for release in RELEASES {
        for kind in [GuestKind::Pv, GuestKind::Pvh] {
            let (xen, a) = dom0(release, kind);
            let page = granted(&a, 8, GrantEntryFlags::empty(), &a);
            let target = a.target();
            let handle = map_okay(&a, &a, 8, false, &target);
            assert_eq!(flags(&a, 8).bits(), 0x19);
            assert_eq!(unmap(&a, handle, target.host_addr(), 0).0, 0);
            assert_eq!(flags(&a, 8).bits(), 0x1);
            assert_eq!(unmap(&a, handle, target.host_addr(), 0).0, -4);
            // On PVH the owner's page has no place any more.
            let place = machine_frame(&a, pfn_to_u64(page.frame()));
            assert_eq!(place.is_none(), kind == GuestKind::Pvh);

            let readonly = granted(&a, 9, GTF_readonly, &a);
            let own = a.page().unwrap();
            let (from, to) = (GNTCOPY_source_gref, GNTCOPY_dest_gref);
            assert_eq!(copy(&a, by_frame(&own, 0), by_ref(&a, 9, 0), 8, to).0, -1);
            assert_eq!(copy(&a, by_ref(&a, 9, 4090), by_frame(&own, 0), 8, from).0, -10);
            assert_eq!(copy(&a, by_ref(&a, 100_000, 0), by_frame(&own, 0), 8, from).0, -3);
            let mut op = map_op(&a, 9, GNTMAP_host_map | GNTMAP_readonly, &target);
            for domid in [DOMID_SELF, domid_t(77)] {
                op.dom = domid;
                let ops = std::slice::from_mut(&mut op);
                assert_eq!((grant_op(&a, GNTTABOP_map_grant_ref, ops), op.status.0), (0, -2));
            }
            assert_eq!(grant_op(&a, 99, &mut [op]), -38);
            assert_eq!(call(&a, 63, [0; 5]), -38);
            assert_eq!(set_version(&a, 3).0, -22);
            drop(readonly);
            xen.check_invariants().unwrap();
        }
    }
}

#[test]
fn x86_version_2() {
    for release in RELEASES {
        let (xen, a) = dom0(release, GuestKind::Pvh);
        assert_eq!(set_version(&a, 2), (0, 2));
        let (page, own) = (a.page().unwrap(), a.page().unwrap());
        let domid = domid(&a);
        let window = GTF_permit_access | GTF_sub_page;
        grant2(&a, 8, window, domid, 16 | 32 << 16, pfn_to_u64(page.frame()));
        let source = GNTCOPY_source_gref;
        assert_eq!(copy(&a, by_ref(&a, 8, 16), by_frame(&own, 0), 32, source).0, 0);
        assert_eq!(copy(&a, by_ref(&a, 8, 0), by_frame(&own, 0), 32, source).0, -1);
        let target = a.target();
        assert_eq!(map(&a, &a, 8, GNTMAP_host_map, &target).status.0, -1);
        grant2(&a, 9, GTF_transitive, domid, u32::from(domid.0), 8);
        assert_eq!(copy(&a, by_ref(&a, 9, 0), by_frame(&own, 0), 8, source).0, -1);
        grant2(&a, 10, GTF_permit_access, domid, 0, pfn_to_u64(page.frame()));
        map_okay(&a, &a, 10, false, &target);
        assert_eq!(status(&a, 10).bits(), 0x18);
        assert_eq!(set_version(&a, 1).0, -16);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn arm() {
    for release in RELEASES {
        let (xen, a) = dom0(release, GuestKind::Arm);
        assert_eq!(set_version(&a, 2).0, -38);
        let mut size = [gnttab_query_size { dom: DOMID_SELF, ..gnttab_query_size::ZERO }];
        assert_eq!(grant_op(&a, GNTTABOP_query_size, &mut size), 0);
        assert_eq!(size[0].max_nr_frames, 64);
        assert_eq!(grant_op(&a, GNTTABOP_query_size, &mut size[..0]), -22);
        let again = add_to_physmap(&a, XENMAPSPACE_grant_table, 0, TABLE_GFN + 9);
        assert_eq!(again, if release == Release::V4_14 { 0 } else { -16 });

        let page = granted(&a, 8, GrantEntryFlags::empty(), &a);
        let target = a.target();
        let statuses = [GrantMapFlags::empty(), GNTMAP_device_map]
            .map(|flags| map(&a, &a, 8, flags, &target).status.0);
        assert_eq!(statuses, [-3, -1]);
        grant(&a, 9, GTF_permit_access, domid_t(77), page.frame());
        grant(&a, 10, GTF_permit_access, domid(&a), xen_pfn_t(0xdead));
        let readonly = GNTMAP_host_map | GNTMAP_readonly;
        let statuses = [9, 10].map(|ref_| map(&a, &a, ref_, readonly, &target).status.0);
        assert_eq!(statuses, [-1, -9]);
        let op = map(&a, &a, 8, readonly, &target);
        assert_eq!((op.status.0, flags(&a, 8).bits()), (0, 0x9));
        let mut flush = [gnttab_cache_flush {
            a: gnttab_cache_flush_a::from_dev_bus_addr(op.dev_bus_addr),
            offset: 0,
            length: 64,
            op: GNTTAB_CACHE_CLEAN,
        }];
        assert_eq!(grant_op(&a, GNTTABOP_cache_flush, &mut flush), 0);
        assert_eq!(grant_op(&a, 99, &mut flush), -38);
        let null = [GNTTABOP_map_grant_ref as usize, 0, 1, 0, 0];
        assert_eq!(call(&a, __HYPERVISOR_grant_table_op, null), -14);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn silo_lets_domain_0_deal_with_guests_and_guests_not_with_each_other() {
    let xen = Xen::builder().xsm(Xsm::Silo).build();
    let config = DomainConfig::new(GuestKind::Arm).pages(8);
    let tools = guest(&xen, config.clone().domid(domid_t(0)).privileged());
    let (a, b) = (guest(&xen, config.clone()), guest(&xen, config));
    let _pages = [
        granted(&a, 8, GrantEntryFlags::empty(), &tools),
        granted(&tools, 8, GrantEntryFlags::empty(), &a),
        granted(&a, 9, GrantEntryFlags::empty(), &b),
    ];
    map_okay(&tools, &a, 8, false, &tools.target());
    map_okay(&a, &tools, 8, false, &a.target());
    assert_eq!(map(&b, &a, 9, GNTMAP_host_map, &b.target()).status.0, -8);
}

#[test]
fn a_pv_guest_has_its_table_listed_and_a_translated_one_mapped() {
    let xen = Xen::new();
    for (kind, listed) in [(GuestKind::Pv, true), (GuestKind::Pvh, false)] {
        let a = xen.domain(DomainConfig::new(kind).pages(4)).unwrap();
        let mut list = [xen_pfn_t(0)];
        let mut op = [gnttab_setup_table {
            dom: DOMID_SELF,
            nr_frames: 1,
            frame_list: GuestHandle::from_mut_slice(&mut list),
            ..gnttab_setup_table::ZERO
        }];
        assert_eq!(grant_op(&a, GNTTABOP_setup_table, &mut op), 0);
        assert_eq!((op[0].status.0, list[0] != xen_pfn_t(!0)), (0, listed));
    }
}
