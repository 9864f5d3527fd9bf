//! The table's frames in a PV guest: what Xen lists, and what is mapped where.

use crate::pfn_to_u64;
use std::ptr::NonNull;

use xen_abi::errno::XEN_EINVAL;
use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_ops::gnttab::{MapFrames, Paravirtual, TableFrames, Version};
use xen_ops::hypercall::{Error, grant_table_op};
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

const PAGE: usize = 4096;
/// Pages of address space: those of entries, and from this one on those of status words.
const STATUS: usize = 32;

/// Notes which frame is mapped at which page, and fails for one of them.
struct Mapper<'m> {
    base: NonNull<u8>,
    mapped: &'m mut Vec<(usize, u64)>,
    fails_at: Option<usize>,
}

// SAFETY: nothing accesses the table through the addresses.
unsafe impl MapFrames for Mapper<'_> {
    unsafe fn map(&mut self, at: NonNull<u8>, frame: u64) -> Result<(), Error> {
        let page = (at.addr().get() - self.base.addr().get()) / PAGE;
        if self.fails_at == Some(page) {
            return Err(Error::from_result("update_va_mapping", -(XEN_EINVAL.0 as isize)));
        }
        self.mapped.push((page, frame));
        Ok(())
    }
}

/// A PV guest, and the address space for its table.
struct Guest {
    domain: Domain,
    space: Vec<u8>,
    mapped: Vec<(usize, u64)>,
}

impl Guest {
    fn new(version: Version) -> Self {
        let xen = Xen::builder().frames(512).build();
        let config = DomainConfig::new(GuestKind::Pv).max_grant_frames(24);
        let domain = xen.domain(config).unwrap();
        // SAFETY: nothing is granted.
        let set = unsafe { grant_table_op::set_version(&domain, version.number()) };
        assert_eq!(set, (Ok(()), version.number()));
        Self { domain, space: vec![0; 2 * STATUS * PAGE], mapped: Vec::new() }
    }

    fn base(&mut self) -> NonNull<u8> {
        NonNull::new(self.space.as_mut_ptr()).unwrap()
    }

    /// Attaches the ranges in turn, with and without status frames.
    fn attach(&mut self, version: Version, ranges: &[std::ops::Range<u32>]) {
        let (mut frames, mut status_frames) = ([xen_pfn_t(0); 24], [0; 3]);
        let base = self.base();
        let mapper = Mapper { base, mapped: &mut self.mapped, fails_at: None };
        // SAFETY: the address space is ours.
        let mut table = unsafe {
            Paravirtual::new(mapper, base, &mut frames)
                .with_status(base.add(STATUS * PAGE), &mut status_frames)
        };
        for range in ranges {
            table.attach(&self.domain, version, range.clone()).unwrap();
        }
    }

    /// The frames of entries, and of status words, as Xen lists them.
    fn listed(&self, frames: usize, statuses: usize) -> (Vec<u64>, Vec<u64>) {
        let (mut list, mut status_list) = (vec![xen_pfn_t(0); frames], vec![0; statuses]);
        grant_table_op::setup_table(&self.domain, DOMID_SELF, &mut list).unwrap();
        if statuses != 0 {
            grant_table_op::get_status_frames(&self.domain, DOMID_SELF, &mut status_list).unwrap();
        }
        (list.into_iter().map(pfn_to_u64).collect(), status_list)
    }
}

#[test]
fn the_lists_limit_the_table() {
    let mut guest = Guest::new(Version::V2);
    let base = guest.base();
    for (status_frames, capacity) in [(None, 20), (Some(1), 8), (Some(2), 16), (Some(3), 20)] {
        let mut list = [xen_pfn_t(0); 20];
        let mut status_list = vec![0; status_frames.unwrap_or(0)];
        let mapper = Mapper { base, mapped: &mut guest.mapped, fails_at: None };
        // SAFETY: the address space is ours.
        let mut table = unsafe { Paravirtual::new(mapper, base, &mut list) };
        if status_frames.is_some() {
            // SAFETY: as above.
            let status = unsafe { base.add(STATUS * PAGE) };
            // SAFETY: as above.
            table = unsafe { table.with_status(status, &mut status_list) };
            assert_eq!(table.status(), Some(status));
        } else {
            assert_eq!(table.status(), None);
        }
        assert_eq!((table.capacity(), table.shared()), (capacity, base), "{status_frames:?}");
    }
}

#[test]
fn each_frame_is_mapped_once_and_in_order() {
    let mut guest = Guest::new(Version::V2);
    guest.attach(Version::V2, &[0..3, 3..10, 10..12, 12..17]);
    let (frames, statuses) = guest.listed(17, 3);
    let entries = |range: std::ops::Range<usize>| range.map(|at| (at, frames[at]));
    let status = |at: usize| [(STATUS + at, statuses[at])];
    // The second status frame comes with the ninth frame of entries, the third with the seventeenth.
    let expected = entries(0..3).chain(status(0)).chain(entries(3..10)).chain(status(1));
    let expected = expected.chain(entries(10..12)).chain(entries(12..17)).chain(status(2));
    assert!(guest.mapped.iter().copied().eq(expected), "{:?}", guest.mapped);
}

#[test]
fn version_1_has_no_status_frames() {
    let mut guest = Guest::new(Version::V1);
    guest.attach(Version::V1, &[0..1, 1..9]);
    let (frames, _) = guest.listed(9, 0);
    assert!(guest.mapped.iter().copied().eq(frames.into_iter().enumerate()), "{:?}", guest.mapped);
}

#[test]
fn a_frame_that_is_not_mapped_is_an_error() {
    for fails_at in [1, STATUS] {
        let mut guest = Guest::new(Version::V2);
        let (mut frames, mut status_frames) = ([xen_pfn_t(0); 24], [0; 3]);
        let base = guest.base();
        let mapper = Mapper { base, mapped: &mut guest.mapped, fails_at: Some(fails_at) };
        // SAFETY: the address space is ours.
        let mut table = unsafe {
            Paravirtual::new(mapper, base, &mut frames)
                .with_status(base.add(STATUS * PAGE), &mut status_frames)
        };
        let error = table.attach(&guest.domain, Version::V2, 0..2).unwrap_err();
        assert_eq!(error.errno(), Some(XEN_EINVAL));
    }
}
