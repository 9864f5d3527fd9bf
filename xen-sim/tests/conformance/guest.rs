//! xen-ops' grant tables on the simulator.

use xen_abi::grant_table::*;
use xen_ops::gnttab::{Config as TableConfig, PageAllocator, StartError, VersionPolicy};
use xen_ops::page::{Exhausted, MapTarget as _, PAGE_SIZE};
use xen_ops::{Page as _, ReadOnly, ReadWrite};
use xen_sim::{DomainConfig, GuestKind, TableError, TableMemory, Xen};

use crate::support::*;

#[test]
fn a_page_is_granted_and_taken_back() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        for version in [VersionPolicy::V1, VersionPolicy::PreferV2] {
            if cfg!(miri) && (kind, version) != (GuestKind::Pvh, VersionPolicy::PreferV2) {
                continue;
            }
            let xen = Xen::new();
            let a = xen.domain(DomainConfig::new(kind).pages(8)).unwrap();
            let b = guest(&xen, DomainConfig::new(kind).pages(8));
            let mut storage = TableMemory::new(2, 4);
            let config = TableConfig { version, ..TableConfig::default() };
            let table = a.grant_table(&mut storage, config).unwrap();
            let granted = table.grant(b.domid(), a.page().unwrap(), ReadWrite).unwrap();
            let target = b.target();
            let ref_ = granted.reference().0;
            let handle = map_okay(&b, &a, ref_, false, &target);
            view_of(&target).write(0, b"x").unwrap();
            let revoking = granted.revoke().unwrap_err();
            assert_eq!(unmap(&b, handle, target.host_addr(), 0), GNTST_okay);
            let (_free, page) = revoking.retry().unwrap();
            assert_eq!(byte(page.view(), 0), b'x');
            assert_eq!(map(&b, &a, ref_, GNTMAP_host_map, &target).status, GNTST_general_error);
            xen.check_invariants().unwrap();
        }
    }
}

#[test]
fn the_table_is_one_users() {
    let (_, a) = machine(GuestKind::Pvh);
    let (mut first, mut second) = (TableMemory::new(1, 0), TableMemory::new(1, 0));
    let table = a.grant_table(&mut first, TableConfig::default()).unwrap();
    let again = a.grant_table(&mut second, TableConfig::default());
    assert_eq!(again.map(|_| ()).unwrap_err(), TableError::Taken);
    drop(table);
    a.grant_table(&mut second, TableConfig::default()).unwrap();
}

#[test]
fn a_table_that_xen_refuses_is_not_started() {
    let (_, a) = machine(GuestKind::Arm);
    let mut storage = TableMemory::new(64, 0);
    let config = TableConfig { version: VersionPolicy::V2, ..TableConfig::default() };
    let error = a.grant_table(&mut storage, config).map(|_| ()).unwrap_err();
    assert!(matches!(
        error,
        TableError::Start(StartError::NoStatusFrames | StartError::Version(..))
    ));
}

#[test]
fn the_table_grows_to_its_limit() {
    let xen = Xen::new();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8).max_grant_frames(3)).unwrap();
    let mut storage = TableMemory::new(64, 0);
    let table = a.grant_table(&mut storage, TableConfig::default()).unwrap();
    assert_eq!(table.max_frames(), 3);
    a.faults().no_memory(1);
    assert!(table.grow(2).is_err());
    table.grow(2).unwrap();
    assert_eq!((table.frames(), table.free_refs()), (3, 3 * 512 - 8));
    assert!(table.grow(1).is_err());
}

#[test]
fn xen_ops_reads_the_simulators_memory_operations() {
    use xen_abi::xen::{DOMID_SELF, domid_t};
    use xen_ops::memory;

    let (xen, a) = machine(GuestKind::Pvh);
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4).privileged());
    assert_eq!(memory::current_reservation(&a, DOMID_SELF).unwrap().0, 8);
    assert_eq!(memory::maximum_reservation(&tools, domid(&a)).unwrap().0, 16);
    assert_eq!(memory::maximum_gpfn(&a, DOMID_SELF).unwrap(), pfn(TABLE_GFN));
    assert_eq!(memory::pod_target(&tools, domid(&a)).unwrap().total.0, 8);
    let errno = |error: memory::Error| error.errno().map(|errno| errno.0);
    assert_eq!(errno(memory::pod_target(&a, DOMID_SELF).unwrap_err()), Some(1));
    assert_eq!(errno(memory::current_reservation(&a, domid_t(77)).unwrap_err()), Some(3));
    assert_eq!(errno(memory::vnuma_sizes(&a, DOMID_SELF).unwrap_err()), Some(95));
    assert_eq!(errno(memory::machphys_mapping(&a).unwrap_err()), Some(38));
    let (_, pv) = machine(GuestKind::Pv);
    let start = ulong(if COMPAT { 0xf580_0000 } else { 0xffff_8000_0000_0000 });
    assert_eq!(memory::machphys_mapping(&pv).unwrap().v_start, start);
    let claim = |pages| memory::claim_pages(&tools, domid(&a), memory::PageCount(pages));
    if COMPAT {
        assert_eq!(errno(claim(8).unwrap_err()), Some(38));
        return;
    }
    assert_eq!(errno(claim(8).unwrap_err()), Some(22), "it has as many");
    claim(12).unwrap();
    assert_eq!(errno(claim(13).unwrap_err()), Some(22), "claimed already");
    claim(0).unwrap();
}

/// Pages with contents of an earlier use.
struct Used<'d>(&'d xen_sim::Domain);

impl PageAllocator for Used<'_> {
    type Page = xen_sim::GuestPage;

    fn take(&self) -> Result<xen_sim::GuestPage, Exhausted> {
        let page = self.0.page().ok_or(Exhausted)?;
        page.view().write(0, &[0x5a; PAGE_SIZE]).unwrap();
        Ok(page)
    }
}

/// Drivers once showed their peers what their pages had held before.
#[test]
fn xsa_403_a_page_granted_again_shows_nothing_old() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let mut storage = TableMemory::new(2, 4);
    let table = a.grant_table(&mut storage, TableConfig::default()).unwrap();
    let granted = table.grant_zeroed(b.domid(), &Used(&a), ReadOnly).unwrap();
    let mut bytes = [1; PAGE_SIZE];
    granted.view().read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; PAGE_SIZE]);
}
