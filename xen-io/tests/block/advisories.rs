//! Security advisories about block devices, as tests. `docs/advisories.md` has them all.

use std::cell::Cell;

use xen_io::GrantAccess;
use xen_io::block::{Back, Direction, Front, Segment, Status};
use xen_io::ring;
use xen_io::ring::protocols::Blkif;
use xen_io::xen_abi::grant_table::grant_ref_t;
use xen_io::xen_abi::io::blkif::{BLKIF_OP_FLUSH_DISKCACHE, blkif_request};
use xen_ops::Page as _;
use xen_sim::{DomainConfig, GuestKind, GuestPage, Xen};

use super::Disk;

fn page() -> GuestPage {
    Xen::new().domain(DomainConfig::new(GuestKind::Pvh)).unwrap().page().unwrap()
}

/// The grant of the page with the segments.
const LIST: grant_ref_t = grant_ref_t(8);

/// Pages of a front end that changes the segments as soon as they were read.
struct Changing<'c> {
    reads: &'c Cell<u32>,
}

impl GrantAccess for Changing<'_> {
    type Error = ();

    fn read(&mut self, grant: grant_ref_t, _: usize, to: &mut [u8]) -> Result<(), ()> {
        if grant == LIST {
            self.reads.set(self.reads.get() + 1);
            let sectors = if self.reads.get() == 1 { [0, 0] } else { [0, 255] };
            for entry in to.chunks_mut(8) {
                entry.copy_from_slice(&[9, 0, 0, 0, sectors[0], sectors[1], 0, 0]);
            }
        }
        Ok(())
    }

    fn write(&mut self, grant: grant_ref_t, offset: usize, from: &[u8]) -> Result<(), ()> {
        assert_eq!((grant, offset, from.len()), (grant_ref_t(9), 0, 512));
        Ok(())
    }
}

/// XSA-155: what is read twice may have changed after it was checked. The segments of an indirect request lie
/// in a page of the front end's, and are read once.
#[test]
fn xsa_155_the_segments_of_an_indirect_request_are_read_once() {
    let (page, list) = (page(), page());
    let reads = Cell::new(0);
    let mut front = Front::<_, ()>::new(page.view()).unwrap();
    let grants = Changing { reads: &reads };
    let mut back = Back::<Blkif, _, _>::attach(page.view(), grants).unwrap();
    let segments = [Segment::new(grant_ref_t(9), 0, 0).unwrap(); 12];
    front.transfer_indirect(Direction::Read, 0, &segments, (LIST, list.view()), ()).unwrap();
    let _ = front.push();
    assert_eq!(back.serve(&mut Disk::new(16)).unwrap().failed, 0);
    assert_eq!((front.complete().unwrap().unwrap().status, reads.get()), (Status::Okay, 1));
}

/// XSA-216: responses had padding with what was on the back end's stack. Here it is zero.
#[test]
fn xsa_216_the_padding_of_responses_is_zero() {
    let page = page();
    let reads = Cell::new(0);
    let mut front = ring::Front::<Blkif, _>::new(page.view()).unwrap();
    let mut back = Back::<Blkif, _, _>::attach(page.view(), Changing { reads: &reads }).unwrap();
    let mut request: blkif_request = xen_io::xen_abi::from_bytes(&[0xff; 112]).unwrap();
    request.operation = BLKIF_OP_FLUSH_DISKCACHE as u8;
    front.put(&request).unwrap();
    let _ = front.push();
    assert_eq!(back.serve(&mut Disk::new(1)).unwrap().requests, 1);
    // The first entry, where the response is instead of the request: id, operation, padding, status, padding.
    let entry = page.view().read_obj::<[u8; 17]>(64).unwrap();
    assert_eq!(entry[..8], [0xff; 8]);
    assert_eq!(entry[8..16], [BLKIF_OP_FLUSH_DISKCACHE as u8, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(entry[16], 0xff, "the rest is the request's");
}
