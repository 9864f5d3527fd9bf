//! Indirect requests, barriers, persistent grants, and several queues over one storage.

use xen_io::block::{Back, Direction, Front, MAX_INDIRECT_SEGMENTS, Segment, Status, SubmitError};
use xen_io::ring::protocols::Blkif;
use xen_io::xen_abi::grant_table::grant_ref_t;
use xen_io::{CopyGrants, PersistentGrants};
use xen_ops::{Mapping, ReadOnly, ReadWrite, RemoteGrant};
use xen_sim::{Domain, DomainConfig, GuestKind, TableMemory, Xen};

use super::Disk;

fn domains(pages: usize) -> (Xen, Domain, Domain) {
    let xen = Xen::new();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(pages)).unwrap();
    let driver = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    (xen, guest, driver)
}

/// Has a back end serve one indirect request with these segments of a page, for which the page of segments
/// is changed by `spoil`. Returns its status, the disk, and the first bytes of the page's sectors.
fn indirect(
    direction: Direction,
    sector: u64,
    segments: &[(u8, u8)],
    spoil: impl FnOnce(xen_ops::View<'_, ReadWrite>),
) -> (Status, Disk, [u8; 8]) {
    let (xen, guest, driver) = domains(64);
    let mut memory = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut memory, Default::default()).unwrap();
    let grant = || table.grant_zeroed(driver.domid(), &guest, ReadWrite).unwrap();
    let (ring, data, list) = (grant(), grant(), grant());
    data.view().write(0, &[0xaa; 4096]).unwrap();
    let remote = RemoteGrant::new(guest.domid(), ring.reference());
    let mut front = Front::<_, ()>::new(ring).unwrap();
    let mapping = Mapping::new(&driver, remote, driver.target(), ReadWrite).unwrap();
    let grants = CopyGrants::new(&driver, guest.domid(), driver.page().unwrap());
    let mut back = Back::<Blkif, _, _>::attach(mapping, grants).unwrap();
    let mut disk = Disk::new(255);

    let segments: Vec<_> = segments
        .iter()
        .map(|(first, last)| Segment::new(data.reference(), *first, *last).unwrap())
        .collect();
    let page = (list.reference(), list.view());
    front.transfer_indirect(direction, sector, &segments, page, ()).unwrap();
    spoil(list.view());
    let _ = front.push();
    let served = back.serve(&mut disk).unwrap();
    let status = front.complete().unwrap().unwrap().status;
    assert_eq!((served.requests, served.failed), (1, u32::from(status != Status::Okay)));
    let bytes = std::array::from_fn(|sector| data.view().read_obj::<u8>(sector * 512).unwrap());
    drop(back);
    for granted in [front.detach().0, data, list] {
        let (_reference, _page) = granted.revoke().unwrap();
    }
    xen.check_invariants().unwrap();
    (status, disk, bytes)
}

#[test]
fn an_indirect_request_has_more_segments_than_a_ring_entry() {
    let segments: Vec<_> = (0..32).map(|index| (index % 8, index % 8)).collect();
    let (status, _, bytes) = indirect(Direction::Read, 100, &segments, |_| ());
    assert_eq!(status, Status::Okay);
    // Each sector of the page was read four times, and keeps the last.
    assert_eq!(bytes, [124, 125, 126, 127, 128, 129, 130, 131]);
    let (status, disk, _) = indirect(Direction::Write, 3, &[(0, 7); 30], |_| ());
    assert_eq!(status, Status::Okay);
    assert!(disk.bytes[3 * 512..243 * 512].iter().all(|byte| *byte == 0xaa));
    assert_eq!((disk.bytes[3 * 512 - 1], disk.bytes[243 * 512]), (2, 243));
}

#[test]
fn an_indirect_request_that_cannot_be_served_is_refused_whole() {
    let untouched = |(status, disk, bytes): (Status, Disk, [u8; 8])| {
        assert_eq!(status, Status::Error(-1));
        assert!(disk.bytes == Disk::new(255).bytes);
        assert_eq!(bytes, [0xaa; 8]);
    };
    for direction in [Direction::Read, Direction::Write] {
        // Too many, past the end, and a segment that is not inside its page.
        untouched(indirect(direction, 0, &[(0, 0); MAX_INDIRECT_SEGMENTS + 1], |_| ()));
        untouched(indirect(direction, 250, &[(0, 2), (0, 2)], |_| ()));
        untouched(indirect(direction, u64::MAX, &[(0, 2)], |_| ()));
        untouched(indirect(direction, 0, &[(0, 1); 20], |list| {
            list.write(19 * 8 + 4, &[3, 2]).unwrap();
        }));
        untouched(indirect(direction, 0, &[(0, 1); 20], |list| {
            list.write(19 * 8 + 4, &[0, 8]).unwrap();
        }));
    }
}

#[test]
fn the_front_end_is_told_how_many_segments_there_may_be() {
    let (_xen, guest, _driver) = domains(4);
    let (ring, list) = (guest.page().unwrap(), guest.page().unwrap());
    let mut front = Front::<_, u8>::new(xen_ops::Page::view(&ring)).unwrap();
    let page = || (grant_ref_t(8), xen_ops::Page::view(&list));
    let segment = Segment::page(grant_ref_t(9));
    for count in [0, 513] {
        let segments = vec![segment; count];
        let failed = front.transfer_indirect(Direction::Read, 0, &segments, page(), 1).unwrap_err();
        assert_eq!((failed.error, failed.returned), (SubmitError::Indirect(count), Some(1)));
    }
    front.transfer_indirect(Direction::Read, 0, &[segment; 512], page(), 1).unwrap();
    front.write_barrier(0, &[], 2).unwrap();
    assert_eq!(front.write_barrier(0, &[segment; 12], 3).unwrap_err().returned, Some(3));
}

#[test]
fn queues_share_one_storage_and_barriers_flush_it() {
    let (xen, guest, driver) = domains(64);
    let mut memory = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut memory, Default::default()).unwrap();
    let grant = || table.grant_zeroed(driver.domid(), &guest, ReadWrite).unwrap();
    let mut disk = Disk::new(16);
    let mut queues = Vec::new();
    for _ in 0..2 {
        let ring = grant();
        let remote = RemoteGrant::new(guest.domid(), ring.reference());
        let front = Front::<_, ()>::new(ring).unwrap();
        let mapping = Mapping::new(&driver, remote, driver.target(), ReadWrite).unwrap();
        let grants = CopyGrants::new(&driver, guest.domid(), driver.page().unwrap());
        queues.push((front, Back::<Blkif, _, _>::attach(mapping, grants).unwrap()));
    }
    let data = grant();
    data.view().write(0, &[0x11; 512]).unwrap();
    let segment = Segment::new(data.reference(), 0, 0).unwrap();
    queues[0].0.write_barrier(5, &[segment], ()).unwrap();
    queues[1].0.write_barrier(0, &[], ()).unwrap();
    for (front, back) in &mut queues {
        let _ = front.push();
        let _ = back.serve(&mut disk).unwrap();
        assert_eq!(front.complete().unwrap().unwrap().status, Status::Okay);
    }
    assert_eq!((disk.flushes, disk.bytes[5 * 512]), (4, 0x11));
    queues[1].0.read(5, &[Segment::new(data.reference(), 3, 3).unwrap()], ()).unwrap();
    let _ = queues[1].0.push();
    let _ = queues[1].1.serve(&mut disk).unwrap();
    assert_eq!(data.view().read_obj::<u8>(3 * 512).unwrap(), 0x11);
    drop(queues);
    let (_reference, _page) = data.revoke().unwrap();
    xen.check_invariants().unwrap();
}

#[test]
fn persistent_grants_stay_mapped_up_to_their_number() {
    let (xen, guest, driver) = domains(64);
    let mut memory = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut memory, Default::default()).unwrap();
    let peer = driver.domid();
    let ring = table.grant_zeroed(peer, &guest, ReadWrite).unwrap();
    let pages: Vec<_> =
        (0..5).map(|_| table.grant_zeroed(peer, &guest, ReadWrite).unwrap()).collect();
    let sealed = table.grant_zeroed(peer, &guest, ReadOnly).unwrap();
    let remote = RemoteGrant::new(guest.domid(), ring.reference());
    let mut front = Front::<_, usize>::new(ring).unwrap();
    let mapping = Mapping::new(&driver, remote, driver.target(), ReadWrite).unwrap();
    let grants = PersistentGrants::new(&driver, guest.domid(), (0..3).map(|_| driver.target()));
    let mut back = Back::<Blkif, _, _>::attach(mapping, grants).unwrap();
    let mut disk = Disk::new(40);

    for round in 0..3 {
        for (index, page) in pages.iter().enumerate() {
            page.view().write(0, &[(round * 10 + index) as u8; 4096]).unwrap();
            let segment = Segment::page(page.reference());
            front.write(index as u64 * 8, &[segment], index).unwrap();
        }
        let _ = front.push();
        let _ = back.serve(&mut disk).unwrap();
        while let Some(completion) = front.complete().unwrap() {
            assert_eq!(completion.status, Status::Okay);
        }
        // The ring is mapped too.
        assert_eq!(driver.live_mappings(), 4);
        for index in 0..5 {
            assert_eq!(disk.bytes[index * 4096], (round * 10 + index) as u8);
        }
    }
    // A grant that does not allow it, and one that does not exist: no place is lost.
    for grant in [sealed.reference(), grant_ref_t(500)] {
        for _ in 0..5 {
            front.write(0, &[Segment::page(grant)], 9).unwrap();
            let _ = front.push();
            let _ = back.serve(&mut disk).unwrap();
            assert_eq!(front.complete().unwrap().unwrap().status, Status::Error(-1));
        }
    }
    front.read(0, &[Segment::page(pages[4].reference())], 0).unwrap();
    let _ = front.push();
    assert_eq!(back.serve(&mut disk).unwrap().failed, 0);
    drop(back);
    assert_eq!(driver.live_mappings(), 0);
    for granted in pages.into_iter().chain([front.detach().0]) {
        let (_reference, _page) = granted.revoke().unwrap();
    }
    let (_reference, _page) = sealed.revoke().unwrap();
    xen.check_invariants().unwrap();
}
