//! A back end whose front end asks for what it likes.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::CopyGrants;
use xen_io::block::{Abi, Back, Served, Storage};
use xen_io::ring::Front;
use xen_io::ring::protocols::Blkif;
use xen_io::xen_abi::from_bytes;
use xen_io::xen_abi::grant_table::grant_ref_t;
use xen_io::xen_abi::io::blkif::{
    BLKIF_OP_DISCARD, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_INDIRECT, BLKIF_OP_READ, BLKIF_OP_WRITE,
    BLKIF_OP_WRITE_BARRIER, blkif_request, blkif_request_segment,
};
use xen_ops::view::Field;
use xen_ops::{Mapping, ReadOnly, ReadWrite, RemoteGrant, View};
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

use super::Disk;

const OKAY: i16 = 0;
const ERROR: i16 = -1;
const UNSUPPORTED: i16 = -2;

/// Has a back end with a disk of 16 sectors serve requests, and returns the statuses and the disk. The
/// requests' segments can name the grant of a page that is writable (first argument) and of one that is not.
fn serve(
    requests: impl FnOnce(grant_ref_t, grant_ref_t) -> Vec<blkif_request>,
    page: impl FnOnce(View<'_, ReadWrite>),
) -> (Vec<i16>, Disk) {
    let xen = Xen::new();
    let [guest, driver] = [(); 2].map(|()| xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap());
    let mut storage = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut storage, Default::default()).unwrap();
    let ring = table.grant_zeroed(driver.domid(), &guest, ReadWrite).unwrap();
    let data = table.grant_zeroed(driver.domid(), &guest, ReadWrite).unwrap();
    let sealed = table.grant_zeroed(driver.domid(), &guest, ReadOnly).unwrap();
    let remote = RemoteGrant::new(guest.domid(), ring.reference());
    let mut front = Front::<Blkif, _>::new(ring).unwrap();

    let mapping = Mapping::new(&driver, remote, driver.target(), ReadWrite).unwrap();
    let grants = CopyGrants::new(&driver, guest.domid(), driver.page().unwrap());
    let mut disk = Disk::new(16);
    disk.discards = true;
    let mut back = Back::<Blkif, _, _>::attach(mapping, grants).unwrap();

    data.view().write(0, &[0xaa; 4096]).unwrap();
    let requests = requests(data.reference(), sealed.reference());
    for request in &requests {
        front.put(request).unwrap();
    }
    let _ = front.push();
    let served = back.serve(&mut disk).unwrap();
    assert_eq!(served.requests as usize, requests.len());
    let mut statuses = Vec::new();
    while let Some(response) = front.take().unwrap() {
        assert_eq!(response.id, requests[statuses.len()].id);
        // The response to an indirect request has the operation of its data.
        let request = &requests[statuses.len()];
        let is_indirect = u32::from(request.operation) == BLKIF_OP_INDIRECT;
        let operation = if is_indirect { request.nr_segments } else { request.operation };
        assert_eq!(response.operation, operation);
        statuses.push(response.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status != OKAY).count(), served.failed as usize);
    page(data.view());
    let (mapping, _, notify) = back.detach();
    assert!(!notify, "everything was pushed");
    drop(mapping);
    for granted in [data, front.detach().0] {
        let (_reference, _page) = granted.revoke().unwrap();
    }
    let (_reference, _page) = sealed.revoke().unwrap();
    xen.check_invariants().unwrap();
    (statuses, disk)
}

fn request(operation: u32, sector: u64, segments: &[(grant_ref_t, u8, u8)]) -> blkif_request {
    let mut request = blkif_request {
        operation: operation as u8,
        nr_segments: segments.len() as u8,
        id: u64::MAX - sector,
        sector_number: sector,
        ..blkif_request::ZERO
    };
    for (to, (gref, first_sect, last_sect)) in request.seg.iter_mut().zip(segments.iter().copied())
    {
        *to = blkif_request_segment { gref, first_sect, last_sect, _padding0: [0; 2] };
    }
    request
}

#[test]
fn sectors_go_where_the_segments_say() {
    let requests = |data, _| {
        vec![
            request(BLKIF_OP_WRITE, 3, &[(data, 0, 1)]),
            request(BLKIF_OP_READ, 2, &[(data, 4, 5), (data, 7, 7)]),
            request(BLKIF_OP_FLUSH_DISKCACHE, 0, &[]),
            request(BLKIF_OP_WRITE_BARRIER, 15, &[(data, 4, 4)]),
        ]
    };
    let (statuses, disk) = serve(requests, |page| {
        let first = |sector: usize| page.read_obj::<u8>(sector * 512).unwrap();
        let last = |sector: usize| page.read_obj::<u8>(sector * 512 + 511).unwrap();
        for (sector, byte) in [0xaa, 0xaa, 0xaa, 0xaa, 2, 0xaa, 0xaa, 0xaa].into_iter().enumerate()
        {
            assert_eq!((first(sector), last(sector)), (byte, byte), "{sector}");
        }
    });
    assert_eq!(statuses, [OKAY; 4]);
    assert_eq!(disk.flushes, 3);
    let bytes: Vec<u8> = disk.bytes.iter().step_by(512).copied().collect();
    assert_eq!(bytes, [0, 1, 2, 0xaa, 0xaa, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 2]);
}

#[test]
fn what_cannot_be_done_is_answered_with_an_error() {
    let requests = |data: grant_ref_t, sealed| {
        let mut too_many = request(BLKIF_OP_READ, 0, &[(data, 0, 0); 11]);
        too_many.nr_segments = 12;
        vec![
            request(BLKIF_OP_READ, 0, &[]),
            too_many,
            request(BLKIF_OP_READ, 0, &[(data, 0, 8)]),
            request(BLKIF_OP_READ, 0, &[(data, 3, 2)]),
            request(BLKIF_OP_READ, 0, &[(data, 0xff, 0xff)]),
            request(BLKIF_OP_READ, 16, &[(data, 0, 0)]),
            request(BLKIF_OP_READ, 9, &[(data, 0, 7)]),
            request(BLKIF_OP_READ, u64::MAX, &[(data, 0, 7)]),
            request(BLKIF_OP_READ, 0, &[(grant_ref_t(500), 0, 7)]),
            request(BLKIF_OP_READ, 0, &[(sealed, 0, 7)]),
            request(BLKIF_OP_WRITE, 0, &[(sealed, 0, 0)]),
            request(200, 0, &[(data, 0, 0)]),
        ]
    };
    let (statuses, disk) = serve(requests, |page| {
        assert_eq!(page.read_obj::<[u8; 4096]>(0).unwrap(), [0xaa; 4096]);
    });
    let expected = [ERROR; 10].into_iter().chain([OKAY, UNSUPPORTED]);
    assert!(statuses.iter().copied().eq(expected), "{statuses:?}");
    assert!(disk.bytes[512..] == Disk::new(16).bytes[512..]);
}

#[test]
fn discarded_sectors_are_on_the_device() {
    let discard = |sector, sectors| {
        <Blkif as Abi>::encode(
            1,
            &xen_io::block::Request::Discard { sector, sectors, secure: true },
        )
    };
    let (statuses, disk) = serve(
        |_, _| {
            vec![discard(4, 2), discard(16, 1), discard(0, u64::MAX), discard(u64::MAX, u64::MAX)]
        },
        |_| (),
    );
    assert_eq!(statuses, [OKAY, ERROR, ERROR, ERROR]);
    let bytes: Vec<u8> = disk.bytes.iter().step_by(512).take(7).copied().collect();
    assert_eq!(bytes, [0, 1, 2, 3, 0, 0, 6]);
    assert_eq!(u32::from(discard(0, 1).operation), BLKIF_OP_DISCARD);
}

#[test]
fn a_call_serves_no_more_than_a_ring() {
    // A front end that answers at once could keep a back end busy forever.
    let requests: Vec<_> = (0..32).map(|_| request(BLKIF_OP_FLUSH_DISKCACHE, 0, &[])).collect();
    let (statuses, disk) = serve(|_, _| requests, |_| ());
    assert_eq!((statuses.len(), disk.flushes), (32, 32));
}

#[cfg(feature = "foreign")]
#[test]
fn requests_of_both_x86_abis_are_the_same() {
    use xen_io::block::{Direction, Request, Segment, Segments};
    use xen_io::ring::protocols::{BlkifX86_32, BlkifX86_64};

    fn round_trip<A: Abi>(request: &Request) {
        let entry = A::encode(0x1234_5678_9abc, request);
        let (id, operation, decoded) = A::decode(&entry);
        assert_eq!((id, decoded.as_ref()), (0x1234_5678_9abc, Ok(request)));
        let response = A::response(id, operation, -1);
        assert_eq!(A::decode_response(&response), (id, operation, -1));
    }

    let mut segments = Segments::new();
    for number in 0..11 {
        assert!(segments.push(Segment::new(grant_ref_t(number), 1, 6).unwrap()));
    }
    let (sector, sectors) = (1 << 40, 1 << 33);
    for request in [
        Request::Transfer { direction: Direction::Read, barrier: false, sector, segments },
        Request::Transfer { direction: Direction::Write, barrier: true, sector, segments },
        Request::Flush,
        Request::Discard { sector, sectors, secure: true },
        Request::Discard { sector, sectors, secure: false },
    ] {
        round_trip::<Blkif>(&request);
        round_trip::<BlkifX86_32>(&request);
        round_trip::<BlkifX86_64>(&request);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    /// Whatever bytes are in the ring, each request gets one response, and the disk keeps its size.
    #[test]
    fn any_bytes_are_answered(entries in vec(vec(any::<u8>(), size_of::<blkif_request>()), 0..32)) {
        let requests: Vec<blkif_request> =
            entries.iter().map(|bytes| from_bytes(bytes).unwrap()).collect();
        let (statuses, disk) = serve(|_, _| requests, |_| ());
        prop_assert_eq!(statuses.len(), entries.len());
        prop_assert_eq!(disk.bytes.len(), 16 * 512);
    }
}

#[test]
fn an_impossible_index_closes_the_device() {
    let xen = Xen::new();
    let domain = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    let page = domain.page().unwrap();
    let view = xen_ops::Page::view(&page);
    let _front = Front::<Blkif, _>::new(view).unwrap();
    let grants = CopyGrants::new(&domain, domain.domid(), domain.page().unwrap());
    let mut back = Back::<Blkif, _, _>::attach(view, grants).unwrap();
    view.at(Field::<u32>::at::<0>()).store(33, Relaxed);
    assert_eq!(back.serve(&mut Disk::new(1)).unwrap_err().value, 33);
    assert_eq!(back.final_check().unwrap_err().value, 33);
}

/// A back end that dies between two requests of a batch: its successor finds the others whole, in the place of which
/// it would find responses otherwise.
#[test]
fn a_successor_serves_what_a_back_end_that_died_has_not_answered() {
    struct Dying(u32);

    impl Storage for Dying {
        type Error = Infallible;

        fn sectors(&self) -> u64 {
            0
        }

        fn read(&mut self, _: u64, _: &mut [u8]) -> Result<(), Infallible> {
            unreachable!("no sector")
        }

        fn write(&mut self, _: u64, _: &[u8]) -> Result<(), Infallible> {
            unreachable!("no sector")
        }

        fn flush(&mut self) -> Result<(), Infallible> {
            self.0 -= 1;
            assert!(self.0 > 0, "the back end dies");
            Ok(())
        }
    }

    let xen = Xen::new();
    let domain = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    let [page, copies] = [(); 2].map(|()| domain.page().unwrap());
    let view = xen_ops::Page::view(&page);
    let mut front = Front::<Blkif, _>::new(view).unwrap();
    for id in 0..5 {
        front
            .put(&blkif_request { id: 100 + id, ..request(BLKIF_OP_FLUSH_DISKCACHE, 0, &[]) })
            .unwrap();
    }
    let _ = front.push();
    let grants = CopyGrants::new(&domain, domain.domid(), copies);
    let mut back = Back::<Blkif, _, _>::attach(view, grants).unwrap();
    let died = catch_unwind(AssertUnwindSafe(|| back.serve(&mut Dying(4)))).is_err();
    assert!(died);
    let grants = CopyGrants::new(&domain, domain.domid(), domain.page().unwrap());
    let mut successor = Back::<Blkif, _, _>::attach(view, grants).unwrap();
    let mut disk = Disk::new(1);
    assert_eq!(
        successor.serve(&mut disk).unwrap(),
        Served { requests: 2, failed: 0, notify: true }
    );
    assert_eq!(disk.flushes, 2);
    for id in 0..5 {
        let response = front.take().unwrap().unwrap();
        let operation = u32::from(response.operation);
        let expected = (100 + id, BLKIF_OP_FLUSH_DISKCACHE, OKAY);
        assert_eq!((response.id, operation, response.status), expected);
    }
    assert_eq!(front.take(), Ok(None));
}
