//! Where entries lie, and how many there are.

use xen_io::ring::protocols::{Blkif, Displif, NetifTx, UsbifUrb, Vscsiif};
use xen_io::ring::{Back, Front, Full, NoRequest, Protocol};
use xen_io::xen_abi::io::blkif::{blkif_request, blkif_response};
use xen_io::xen_abi::io::vscsiif::vscsiif_request;
use xen_io::{AttachError, Pages as _};

use super::{both, pages, request, response, views};

#[test]
fn a_page_holds_as_many_entries_as_in_c() {
    assert_eq!(Blkif::entries(1), Some(32));
    assert_eq!(NetifTx::entries(1), Some(256));
    assert_eq!(Vscsiif::entries(1), Some(16));
    assert_eq!(UsbifUrb::entries(1), Some(16));
    assert_eq!(Displif::entries(1), Some(32));
    assert_eq!(Blkif::entries(16), Some(512));
    assert_eq!(Blkif::entries(0), None);
    assert_eq!(Blkif::entries(usize::MAX), None);
}

#[cfg(feature = "foreign")]
#[test]
fn a_32_bit_front_end_has_smaller_entries() {
    use xen_io::ring::protocols::{BlkifX86_32, BlkifX86_64};
    use xen_io::xen_abi::foreign;

    assert_eq!(size_of::<<BlkifX86_32 as Protocol>::Request>(), 108);
    assert_eq!(size_of::<<BlkifX86_64 as Protocol>::Request>(), 112);
    let pages = pages::<1>();
    let mut front = Front::<BlkifX86_32, _>::new(views(&pages)).unwrap();
    for id in 0..2_u64 {
        let request = foreign::x86_32::io::blkif::blkif_request {
            id: id.into(),
            ..foreign::x86_32::io::blkif::blkif_request::ZERO
        };
        front.put(&request).unwrap();
    }
    // The id follows eight bytes, in the second entry 108 bytes further on.
    assert_eq!(views(&pages)[0].read_obj::<u64>(64 + 4).unwrap(), 0);
    assert_eq!(views(&pages)[0].read_obj::<u64>(64 + 108 + 4).unwrap(), 1);
}

#[test]
fn no_pages_make_no_ring() {
    let none = pages::<0>();
    let failed = Front::<Blkif, _>::new(views(&none)).unwrap_err();
    assert_eq!(failed.error, AttachError::Pages { ring: "blkif", pages: 0 });
    assert_eq!(failed.returned.unwrap().pages().len(), 0);
    assert!(Back::<Blkif, _>::attach(views(&none)).is_err());
}

#[test]
fn entries_extend_into_the_next_page() {
    // 252 bytes an entry: the 16th of 32 lies in both pages.
    let pages = pages::<2>();
    let mut front = Front::<Vscsiif, _>::new(views(&pages)).unwrap();
    let mut back = Back::<Vscsiif, _>::attach(views(&pages)).unwrap();
    assert_eq!((front.size(), back.size()), (32, 32));
    for id in 0..32 {
        let mut request = vscsiif_request { rqid: id, cmd_len: 12, ..vscsiif_request::ZERO };
        request.seg[25].length = 1000 + id;
        front.put(&request).unwrap();
    }
    assert!(front.push());
    for id in 0..32 {
        let request = back.take().unwrap().unwrap();
        assert_eq!((request.rqid, request.seg[25].length), (id, 1000 + id));
    }
    assert!(back.take().unwrap().is_none());
}

#[test]
fn the_ring_takes_no_more_than_it_holds() {
    let pages = pages::<1>();
    let (mut front, mut back) = both(&pages);
    for id in 0..256 {
        assert_eq!(front.free_requests(), 256 - u32::from(id));
        front.put(&request(id)).unwrap();
    }
    assert_eq!(front.put(&request(256)), Err(Full));
    assert!(back.take().unwrap().is_none(), "nothing is pushed");
    assert!(front.push());
    assert_eq!(back.put(&response(0)), Err(NoRequest));
    assert_eq!(back.available().unwrap(), 256);
    let mut taken = Vec::new();
    while let Some(request) = back.take().unwrap() {
        taken.push(request.id);
    }
    assert!(taken.iter().copied().eq(0..256));
    // Answered in another order.
    for id in taken.iter().rev() {
        back.put(&response(*id)).unwrap();
    }
    assert_eq!(back.put(&response(0)), Err(NoRequest));
    assert!(front.take().unwrap().is_none(), "nothing is pushed");
    assert_eq!(front.outstanding(), 256);
    assert!(back.push());
    for id in (0..256).rev() {
        assert_eq!(front.take().unwrap().unwrap().id, id);
    }
    assert!(front.take().unwrap().is_none());
    assert_eq!(front.free_requests(), 256);
}

#[test]
fn a_request_is_written_whole() {
    let pages = pages::<1>();
    let mut front = Front::<Blkif, _>::new(views(&pages)).unwrap();
    let mut back = Back::<Blkif, _>::attach(views(&pages)).unwrap();
    for round in 0..100_u64 {
        let mut request = blkif_request {
            operation: 1,
            nr_segments: 11,
            handle: 0xca00,
            id: round << 40,
            sector_number: u64::MAX - round,
            ..blkif_request::ZERO
        };
        request.seg[10].last_sect = 7;
        front.put(&request).unwrap();
        let _ = front.push();
        assert_eq!(back.take().unwrap(), Some(request));
        let response = blkif_response { id: round, status: -1, ..blkif_response::ZERO };
        back.put(&response).unwrap();
        let _ = back.push();
        assert_eq!(front.take().unwrap(), Some(response));
    }
}
