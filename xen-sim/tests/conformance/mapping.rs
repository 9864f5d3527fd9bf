//! xen-ops' use of what others grant, on the simulator: mapping, copying, transferring.

use crate::support::machine_frame;
use crate::support::{self, TABLE_GFN, flags, granted, guest, pair, pfn, pfn_to_u64, revoke};
use xen_abi::GrantStatus;
use xen_abi::errno::XEN_EFAULT;
use xen_abi::grant_table::*;
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::gnttab::copy::{self, CopyError, Dest, Source};
use xen_ops::gnttab::map::{
    BatchError, MapError, Slot, elements, map_all, map_each, unmap_each, unmap_elements,
};
use xen_ops::gnttab::retry::{Backoff, NoRetry};
use xen_ops::gnttab::swap::{SwapError, swap};
use xen_ops::gnttab::target::Ballooned;
use xen_ops::gnttab::{Config as Start, FrameRange, Storage, Translated};
use xen_ops::{DomainId, GrantTable, Mapping, Page as _, ReadOnly, ReadWrite, RemoteGrant};
use xen_sim::{Domain, DomainConfig, GuestKind, GuestPage};

const KINDS: [GuestKind; 3] = [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm];

fn remote(domain: &Domain, reference: u32) -> RemoteGrant {
    RemoteGrant::new(domain.domid(), grant_ref_t(reference))
}

#[test]
fn a_mapping_reads_writes_and_lets_go() {
    for kind in KINDS {
        let (xen, a, b) = pair(kind);
        let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        page.view().write(100, b"hello").unwrap();
        let mapping = Mapping::new(&b, remote(&a, 8), b.target(), ReadWrite).unwrap();
        assert_eq!(mapping.view().read_obj::<[u8; 5]>(100).unwrap(), *b"hello");
        mapping.view().write(100, b"J").unwrap();
        assert_eq!(page.view().read_obj::<u8>(100).unwrap(), b'J');
        assert!(!revoke(&a, 8));
        xen.check_invariants().unwrap();
        drop(mapping);
        assert!(revoke(&a, 8));
        assert_eq!(b.live_mappings(), 0);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn each_refusal_keeps_the_target() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GTF_readonly, &b);
    let _other = granted(&a, 9, GrantEntryFlags::empty(), &a);
    let status = |domain: DomainId, reference: u32| {
        let grant = RemoteGrant::new(domain, grant_ref_t(reference));
        let failed = Mapping::new(&b, grant, b.target(), ReadWrite).unwrap_err();
        assert!(failed.returned.is_some(), "{failed}");
        let MapError::Xen(error) = failed.error else { panic!("{failed}") };
        error.status().unwrap()
    };
    assert_eq!(status(a.domid(), 8), GNTST_general_error, "read-only");
    assert_eq!(status(a.domid(), 9), GNTST_general_error, "granted to another");
    assert_eq!(status(a.domid(), 100_000), GNTST_bad_gntref);
    assert_eq!(status(DomainId::new(domid_t(77)).unwrap(), 8), GNTST_bad_domain);
    b.faults().no_space(1);
    assert_eq!(status(a.domid(), 8), GNTST_no_space);
    a.faults().eagain(1);
    b.faults().eagain(1);
    drop(page);
    xen.check_invariants().unwrap();
}

#[test]
fn frames_that_are_paged_out_are_waited_for() {
    for (times, okay) in [(255, true), (256, false)] {
        let (xen, a, b) = pair(GuestKind::Pvh);
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        b.faults().eagain(times);
        let mut retry = Backoff::new(|_| ());
        let mapped = Mapping::with_retry(&b, remote(&a, 8), b.target(), ReadOnly, &mut retry);
        assert_eq!(mapped.is_ok(), okay, "{times}");
        xen.check_invariants().unwrap();
        drop(mapped);
        assert_eq!(b.live_mappings(), 0);
    }
}

#[test]
fn device_maps_are_for_pv_and_go_as_a_whole() {
    for kind in KINDS {
        let (xen, a, b) = pair(kind);
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let mapped = Mapping::for_devices(&b, remote(&a, 8), b.target(), ReadOnly);
        assert_eq!(mapped.is_ok(), kind == GuestKind::Pv);
        drop(mapped);
        assert_eq!(b.live_mappings(), 0);
        assert!(revoke(&a, 8));
        xen.check_invariants().unwrap();
    }
}

#[test]
fn a_batch_of_two_domains_grants_is_all_or_nothing() {
    for kind in KINDS {
        let (xen, a, b) = pair(kind);
        let c = guest(&xen, DomainConfig::new(kind).pages(8));
        let _pages: Vec<GuestPage> = (8..10)
            .flat_map(|at| {
                [
                    granted(&a, at, GrantEntryFlags::empty(), &b),
                    granted(&c, at, GrantEntryFlags::empty(), &b),
                ]
            })
            .collect();
        let wanted = [remote(&a, 8), remote(&c, 8), remote(&a, 9), remote(&c, 9)];
        let mut slots = wanted.map(|grant| Slot::new(grant, b.target(), ReadOnly));
        map_all(&b, &mut slots, &mut elements::<4>()).unwrap();
        assert_eq!(b.live_mappings(), 4);
        unmap_each(&mut slots, &mut unmap_elements::<4>()).unwrap();
        assert_eq!(b.live_mappings(), 0);

        assert!(revoke(&a, 9));
        let mut slots = wanted.map(|grant| Slot::new(grant, b.target(), ReadOnly));
        let error = map_all(&b, &mut slots, &mut elements::<4>()).unwrap_err();
        assert!(matches!(error, BatchError::Slot { index: 2, stuck: 0, .. }), "{error}");
        assert_eq!(b.live_mappings(), 0);
        let requests = slots.iter().filter(|slot| matches!(slot, Slot::Request { .. }));
        assert_eq!(requests.count(), 3);
        xen.check_invariants().unwrap();
    }
}

/// Xen maps, and cannot write the answer: one target is leaked, and all else is as before.
#[test]
fn a_fault_half_way_costs_one_target() {
    for all in [true, false] {
        let (xen, a, b) = pair(GuestKind::Pvh);
        let _pages: Vec<GuestPage> =
            (8..12).map(|at| granted(&a, at, GrantEntryFlags::empty(), &b)).collect();
        let mut slots = [8, 9, 10, 11].map(|at| Slot::new(remote(&a, at), b.target(), ReadOnly));
        b.faults().unwritable(1);
        if all {
            let error = map_all(&b, &mut slots, &mut elements::<4>()).unwrap_err();
            let BatchError::Slot { index: 1, error: MapError::Xen(error), stuck: 1 } = error else {
                panic!("{error}");
            };
            assert_eq!(error.errno(), Some(XEN_EFAULT));
        } else {
            assert_eq!(map_each(&b, &mut slots, &mut elements::<4>()), Ok(1));
        }
        assert!(matches!(slots[1], Slot::Failed { target: None, .. }), "{:?}", slots[1]);
        drop(slots);
        assert_eq!(b.live_mappings(), 1, "without a handle");
        assert!(!revoke(&a, 9) && revoke(&a, 8) && revoke(&a, 10));
        xen.check_invariants().unwrap();
    }
}

#[test]
fn positive_and_missing_statuses_are_failures() {
    for status in [GrantStatus(1), GrantStatus(i16::MIN)] {
        let (_xen, a, b) = pair(GuestKind::Pvh);
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        b.faults().status(0, status);
        let failed = Mapping::new(&b, remote(&a, 8), b.target(), ReadOnly);
        assert!(failed.unwrap_err().returned.is_none());
    }
}

#[test]
fn a_copy_runs_over_page_ends() {
    for kind in KINDS {
        let (xen, a, b) = pair(kind);
        let theirs: Vec<GuestPage> = (8..10).map(|at| granted(&a, at, GTF_readonly, &b)).collect();
        for (at, page) in theirs.iter().enumerate() {
            for offset in (0..4096).step_by(2) {
                page.view().write_obj(offset, &((at * 4096 + offset) as u16)).unwrap();
            }
        }
        let mut ours = [b.page().unwrap(), b.page().unwrap(), b.page().unwrap()];
        let source = [8, 9].map(|at| Source::grant(remote(&a, at)));
        let mut dest = ours.each_mut().map(Dest::page);
        b.faults().eagain(1);
        let mut retry = Backoff::new(|_| ());
        copy::copy_with_retry(&b, &source, 100, &mut dest, 4000, 8000, &mut retry).unwrap();
        for offset in (0..8000).step_by(2) {
            let (page, at) = ((4000 + offset) / 4096, (4000 + offset) % 4096);
            let value: u16 = ours[page].view().read_obj(at).unwrap();
            assert_eq!(usize::from(value), 100 + offset);
        }
        assert_eq!([8, 9].map(|ref_| flags(&a, ref_).bits()), [5, 5], "nothing is left claimed");

        let mut dest = [8, 9].map(|at| Dest::grant(remote(&a, at)));
        let source = ours.each_ref().map(Source::page);
        let failed = copy::copy(&b, &source, 0, &mut dest, 0, 8192);
        let Err(CopyError::Xen { copied: 0, error }) = failed else { panic!("{failed:?}") };
        assert_eq!(error.status(), Some(GNTST_general_error), "read-only");
        xen.check_invariants().unwrap();
    }
}

#[test]
#[allow(unsafe_code, reason = "vouches for the kind of guest")]
fn d12_a_ballooned_page_is_memory_again_afterwards() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let own = b.page().unwrap();
    let (frame, machine) = (own.frame(), machine_frame(&b, pfn_to_u64(own.frame())));
    assert!(machine.is_some());
    // SAFETY: a translated guest.
    let target = unsafe { Ballooned::new(&b, own) }.unwrap();
    assert_eq!(machine_frame(&b, pfn_to_u64(frame)), None);
    let mapping = Mapping::new(&b, remote(&a, 8), target, ReadWrite).unwrap();
    mapping.view().write(0, &[1]).unwrap();
    let target = mapping.unmap().unwrap();
    assert_eq!(machine_frame(&b, pfn_to_u64(frame)), None, "what was there before is not back");
    b.faults().no_memory(1);
    let target = target.restore().unwrap_err().returned.unwrap();
    let own = target.restore().unwrap();
    assert!(machine_frame(&b, pfn_to_u64(own.frame())).is_some());
    xen.check_invariants().unwrap();
}

#[test]
#[allow(unsafe_code, reason = "grants are swapped")]
fn entries_are_swapped_unless_in_use() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let (_first, _second) =
        (granted(&a, 8, GrantEntryFlags::empty(), &b), granted(&a, 9, GTF_readonly, &b));
    // SAFETY: both pages stay granted.
    let swapped = || unsafe { swap(&a, grant_ref_t(8), grant_ref_t(9), &mut NoRetry) };
    swapped().unwrap();
    assert_eq!((flags(&a, 8), flags(&a, 9)), (GTF_permit_access | GTF_readonly, GTF_permit_access));
    let mapping = Mapping::new(&b, remote(&a, 8), b.target(), ReadOnly).unwrap();
    assert!(swapped().is_err());
    drop(mapping);
    swapped().unwrap();
    xen.check_invariants().unwrap();
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86 {
    use super::*;
    use xen_ops::gnttab::transfer::{PageState, Spare, TransferError, transfer};

    #[derive(Debug)]
    struct Unmapped(GuestPage);

    // SAFETY: the simulator has no page tables, and these tests do not look at the page.
    #[allow(unsafe_code, reason = "vouches for a page of the simulator")]
    unsafe impl Spare for Unmapped {
        fn frame(&self) -> xen_pfn_t {
            self.0.frame()
        }
    }

    #[test]
    fn a_page_is_given_to_one_who_waits() {
        let (xen, a, b) = pair(GuestKind::Pv);
        support::grant(&b, 8, GTF_accept_transfer, support::domid(&a), xen_pfn_t(0));
        let gone = transfer(&a, Unmapped(a.page().unwrap()), remote(&b, 8));
        assert!(gone.is_ok(), "{gone:?}");
        assert_eq!(flags(&b, 8) & GTF_transfer_completed, GTF_transfer_completed);
        let error = transfer(&a, Unmapped(a.page().unwrap()), remote(&b, 9)).unwrap_err();
        assert!(matches!(error.returned, Some(PageState::Lost(_))));
        xen.check_invariants().unwrap();
    }

    /// Nothing is taken, but the status is one that loses the page elsewhere.
    #[test]
    fn a_page_that_xen_does_not_say_to_have_kept_counts_as_lost() {
        let (xen, a, b) = pair(GuestKind::Pv);
        a.faults().status(0, GNTST_general_error);
        let error = transfer(&a, Unmapped(a.page().unwrap()), remote(&b, 8)).unwrap_err();
        let TransferError::Xen(refused) = error.error else { panic!("{error:?}") };
        assert_eq!(refused.status(), Some(GNTST_general_error));
        assert!(matches!(error.returned, Some(PageState::Lost(_))));
        xen.check_invariants().unwrap();
    }
}

/// Two grants of a table change places; their pages go with them, and come back under the other
/// reference.
#[test]
#[allow(unsafe_code, reason = "starts a grant table on the simulator")]
fn grants_are_swapped_with_their_pages() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let area = FrameRange { address: a.raw_table().shared(), frame: pfn(TABLE_GFN) };
    let storage = Storage::<GuestPage, 1, 4>::new();
    // SAFETY: the simulator keeps these frames for the table, and nothing else here uses it.
    let table = unsafe {
        let frames = Translated::new(area, 1);
        GrantTable::start(&a, frames, storage.take().unwrap(), Start::default()).unwrap()
    };
    let (first, second) = (a.page().unwrap(), a.page().unwrap());
    first.view().write(0, b"1").unwrap();
    second.view().write(0, b"2").unwrap();
    let peer = b.domid();
    let first = table.grant(peer, first, ReadOnly).unwrap();
    let second = table.grant(peer, second, ReadWrite).unwrap();
    let references = [first.reference(), second.reference()];

    let (first, second) = table.swap(first, second).unwrap();
    assert_eq!([first.reference(), second.reference()], references);
    let grant = RemoteGrant::new(a.domid(), references[0]);
    let mapping = Mapping::new(&b, grant, b.target(), ReadWrite).unwrap();
    assert_eq!(mapping.view().read_obj::<u8>(0).unwrap(), b'2');

    let failed = table.swap(first, second).unwrap_err();
    let SwapError::Xen(error) = failed.error else { panic!("{failed}") };
    assert_eq!(error.status(), Some(GNTST_eagain), "the peer uses one");
    drop(mapping);
    let (first, second) = failed.returned.unwrap();
    a.faults().status(0, GrantStatus(1));
    let failed = table.swap(first, second).unwrap_err();
    assert!(failed.returned.is_none(), "which reference grants which page is unknown");

    let (other, third) = (a.page().unwrap(), a.page().unwrap());
    let frames = [other.frame(), third.frame()];
    let other = table.grant(peer, other, ReadOnly).unwrap();
    let third = table.grant(peer, third, ReadOnly).unwrap();
    let (other, third) = table.swap(other, third).unwrap();
    let (other, third) = (other.revoke().unwrap().1, third.revoke().unwrap().1);
    assert_eq!([third.frame(), other.frame()], frames);
    xen.check_invariants().unwrap();
}

#[test]
#[allow(unsafe_code, reason = "starts grant tables on the simulator")]
fn a_grant_of_another_table_is_not_swapped() {
    let (_xen, a, b) = pair(GuestKind::Pvh);
    let storages = [Storage::<GuestPage, 1, 4>::new(), Storage::new()];
    let [ours, theirs] = [(&a, &storages[0]), (&b, &storages[1])].map(|(domain, storage)| {
        let area = FrameRange { address: domain.raw_table().shared(), frame: pfn(TABLE_GFN) };
        // SAFETY: the simulator keeps these frames for the table, and nothing else here uses it.
        unsafe {
            let frames = Translated::new(area, 1);
            GrantTable::start(domain, frames, storage.take().unwrap(), Start::default()).unwrap()
        }
    });
    let own = ours.grant(b.domid(), a.page().unwrap(), ReadOnly).unwrap();
    let other = theirs.grant(a.domid(), b.page().unwrap(), ReadOnly).unwrap();
    let reference = other.reference();
    let failed = ours.swap(own, other).unwrap_err();
    assert_eq!(failed.error, SwapError::OtherTable(reference));
    assert!(failed.returned.is_some());
}
