//! Block devices whose back end dies, or is removed, in the middle of requests.

use std::convert::Infallible;

use xen_abi::io::xenbus::{
    XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait, XenbusStateInitialised,
};
use xen_io::block::setup::{self, Features, Geometry, Queue};
use xen_io::block::{Back, Front, SECTOR_SIZE, Segment, Status, Storage};
use xen_io::ring::protocols::Blkif;
use xen_io::xenbus::toolstack::Device;
use xen_io::xenbus::{End, Error};
use xen_io::{CopyGrants, EventChannel as _};
use xen_ops::events::Port;
use xen_ops::gnttab::Granted;
use xen_ops::page::PAGE_SIZE;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, Domain, DomainConfig, GuestKind, GuestPage, GuestTarget, TableMemory, Xen};

const DEVICE: u32 = 51712;
const SECTORS: usize = 64;

struct Disk {
    bytes: Vec<u8>,
}

impl Storage for Disk {
    type Error = Infallible;

    fn sectors(&self) -> u64 {
        SECTORS as u64
    }

    fn read(&mut self, sector: u64, to: &mut [u8]) -> Result<(), Infallible> {
        to.copy_from_slice(&self.bytes[sector as usize * SECTOR_SIZE..][..to.len()]);
        Ok(())
    }

    fn write(&mut self, sector: u64, from: &[u8]) -> Result<(), Infallible> {
        self.bytes[sector as usize * SECTOR_SIZE..][..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

type Grant<'t> = Granted<'t, GuestPage, ReadWrite>;
type RingMapping<'d> = Mapping<&'d Domain, GuestTarget, ReadWrite>;
type BackEnd<'d> = Back<Blkif, RingMapping<'d>, CopyGrants<&'d Domain, GuestPage>>;

fn machine() -> (Xen, Domain, Domain) {
    let xen = Xen::builder().xenstore().build();
    let [guest, driver] = [(); 2].map(|()| xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap());
    (xen, guest, driver)
}

fn device(guest: &Domain, driver: &Domain) -> Device<'static> {
    let (frontend, backend) = (guest.domid().into(), driver.domid().into());
    Device::new("vbd", DEVICE, frontend, backend)
}

fn create(xen: &Xen, device: Device<'_>) {
    xen.toolstack(|store| device.create(store, &[], &[])).unwrap().unwrap();
}

/// The front end's part up to `Initialised`, for a back end that waits.
fn publish(guest: &Domain, ring: &Grant<'_>, port: &Port<&Domain>) -> End {
    let mut store = guest.xenstore().unwrap();
    let end = End::frontend(&mut store, "vbd", DEVICE).unwrap();
    let queue = Queue { ring: vec![ring.reference()], port: port.number() };
    setup::publish_frontend(&end, &mut store, false, &[queue]).unwrap();
    end.set_state(&mut store, XenbusStateInitialised).unwrap();
    end
}

/// A back end, connected to what the front end has published. Its predecessor is gone.
fn connect<'d>(driver: &'d Domain, guest: DomainId) -> (BackEnd<'d>, Port<&'d Domain>) {
    let mut store = driver.xenstore().unwrap();
    let end = End::backend(&mut store, "vbd", guest, DEVICE).unwrap();
    let features = Features { max_queues: 1, persistent: false, ..Features::ALL };
    let queues = setup::other_queues(&end, &mut store, &features).unwrap();
    let remote = RemoteGrant::new(guest, queues[0].ring[0]);
    let mapping = Mapping::new(driver, remote, driver.target(), ReadWrite).unwrap();
    let port = Port::bind_interdomain(driver, guest, queues[0].port).unwrap();
    let grants = CopyGrants::new(driver, guest, driver.page().unwrap());
    let back = Back::attach(mapping, grants).unwrap();
    end.set_state(&mut store, XenbusStateConnected).unwrap();
    (back, port)
}

fn pattern(page: usize) -> [u8; PAGE_SIZE] {
    std::array::from_fn(|at| (page * 31 + at * 7 + at / 256) as u8)
}

/// Submits the writing of so many pages of the disk, each kept until it is done.
fn write_pages<'t>(
    front: &mut Front<Grant<'t>, (usize, Grant<'t>)>,
    pages: Vec<(usize, Grant<'t>)>,
) {
    for (page, grant) in pages {
        grant.view().write(0, &pattern(page)).unwrap();
        let segment = Segment::page(grant.reference());
        front.write(page as u64 * 8, &[segment], (page, grant)).unwrap();
    }
    let _ = front.push();
}

#[test]
fn a_back_end_that_takes_over_serves_what_the_last_one_left() {
    let (xen, guest, driver) = machine();
    create(&xen, device(&guest, &driver));
    let mut memory = TableMemory::new(64, 64);
    let table = guest.grant_table(&mut memory, Default::default()).unwrap();
    let grant = || table.grant_zeroed(driver.domid(), &guest, ReadWrite).unwrap();
    let ring = grant();
    let port = Port::alloc_unbound(&guest, driver.domid()).unwrap();
    let events = Channel::of(&guest, &port);
    publish(&guest, &ring, &port);
    let mut front = Front::<_, _>::new(ring).unwrap();
    let mut disk = Disk { bytes: vec![0; SECTORS * SECTOR_SIZE] };

    // The first one serves some requests, takes others that it never answers, and dies.
    let (mut back, back_port) = connect(&driver, guest.domid());
    write_pages(&mut front, (0..3).map(|page| (page, grant())).collect());
    assert_eq!(back.serve(&mut disk).unwrap().requests, 3);
    write_pages(&mut front, (3..8).map(|page| (page, grant())).collect());
    drop((back, back_port));

    // The front end's port is free again, and its ring is where it was.
    let (mut back, back_port) = connect(&driver, guest.domid());
    let served = back.serve(&mut disk).unwrap();
    assert_eq!((served.requests, served.failed), (5, 0));
    Channel::of(&driver, &back_port).notify().unwrap();
    assert!(events.wait(None).unwrap());
    let mut done = Vec::new();
    while let Some(completion) = front.complete().unwrap() {
        assert_eq!(completion.status, Status::Okay);
        let (page, grant) = completion.kept;
        let (_reference, _page) = grant.revoke().unwrap();
        done.push(page);
    }
    assert_eq!(done, (0..8).collect::<Vec<_>>());
    let expected: Vec<u8> = (0..8).flat_map(pattern).collect();
    assert!(disk.bytes == expected, "the disk differs");
    drop(back);
    let (ring, kept) = front.detach();
    assert_eq!(kept.count(), 0);
    let (_reference, _page) = ring.revoke().unwrap();
    xen.check_invariants().unwrap();
}

#[test]
fn a_driver_domain_that_dies_leaves_requests_for_the_next_one() {
    let (xen, guest, driver) = machine();
    create(&xen, device(&guest, &driver));
    let mut memory = TableMemory::new(64, 64);
    let table = guest.grant_table(&mut memory, Default::default()).unwrap();
    let mut disk = Disk { bytes: vec![0; SECTORS * SECTOR_SIZE] };
    let grant_to = |domid| table.grant_zeroed(domid, &guest, ReadWrite).unwrap();

    let ring = grant_to(driver.domid());
    let port = Port::alloc_unbound(&guest, driver.domid()).unwrap();
    let end = publish(&guest, &ring, &port);
    let mut front = Front::<_, _>::new(ring).unwrap();
    let (mut back, back_port) = connect(&driver, guest.domid());
    write_pages(&mut front, (0..2).map(|page| (page, grant_to(driver.domid()))).collect());
    assert_eq!(back.serve(&mut disk).unwrap().requests, 2);
    write_pages(&mut front, (2..8).map(|page| (page, grant_to(driver.domid()))).collect());
    // While it maps the ring, the front end cannot have it back.
    drop((back, back_port));
    driver.destroy();

    // The toolstack removes the device without a word to the front end.
    xen.toolstack(|store| device(&guest, &driver).remove(store)).unwrap().unwrap();
    let mut store = guest.xenstore().unwrap();
    let gone = end.changed(&mut store, XenbusStateConnected, None);
    assert!(matches!(gone, Err(Error::Gone { .. })), "{gone:?}");
    assert!(matches!(end.set_state(&mut store, XenbusStateClosing), Err(Error::Gone { .. })));
    drop(store);

    // What was answered is done. The rest is kept, and its pages come back.
    let mut left: Vec<usize> = Vec::new();
    for expected in 0..2 {
        let (page, grant) = front.complete().unwrap().unwrap().kept;
        assert_eq!(page, expected);
        let (_reference, _page) = grant.revoke().unwrap();
    }
    let (ring, kept) = front.detach();
    for (page, grant) in kept {
        left.push(page);
        let (_reference, _page) = grant.revoke().unwrap();
    }
    left.sort_unstable();
    assert_eq!(left, (2..8).collect::<Vec<_>>());
    let (_reference, _page) = ring.revoke().unwrap();
    drop(port);

    // Another driver domain has the same disk.
    let driver = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    create(&xen, device(&guest, &driver));
    let ring = grant_to(driver.domid());
    let port = Port::alloc_unbound(&guest, driver.domid()).unwrap();
    publish(&guest, &ring, &port);
    let mut front = Front::<_, _>::new(ring).unwrap();
    let (mut back, _back_port) = connect(&driver, guest.domid());
    write_pages(&mut front, left.iter().map(|page| (*page, grant_to(driver.domid()))).collect());
    assert_eq!(back.serve(&mut disk).unwrap().requests, 6);
    let expected: Vec<u8> = (0..8).flat_map(pattern).collect();
    assert!(disk.bytes == expected, "the disk differs");
    xen.check_invariants().unwrap();
}

#[test]
fn a_device_that_the_toolstack_detaches_is_closed_in_order() {
    let (xen, guest, driver) = machine();
    let device = device(&guest, &driver);
    create(&xen, device);
    let mut store = driver.xenstore().unwrap();
    let back = End::backend(&mut store, "vbd", guest.domid(), DEVICE).unwrap();
    Geometry::of_sectors(SECTORS as u64).publish(&back, &mut store).unwrap();
    back.set_state(&mut store, XenbusStateInitWait).unwrap();
    drop(store);
    let mut memory = TableMemory::new(64, 64);
    let table = guest.grant_table(&mut memory, Default::default()).unwrap();
    let ring = table.grant_zeroed(driver.domid(), &guest, ReadWrite).unwrap();
    let port = Port::alloc_unbound(&guest, driver.domid()).unwrap();
    let front = publish(&guest, &ring, &port);
    let (back_end, back_port) = connect(&driver, guest.domid());

    // As `xl block-detach` does.
    xen.toolstack(|store| device.close(store)).unwrap().unwrap();
    let mut store = guest.xenstore().unwrap();
    assert_eq!(front.other_state(&mut store).unwrap(), XenbusStateClosing);
    front.set_state(&mut store, XenbusStateClosing).unwrap();
    // The back end still has the ring mapped.
    let revoking = ring.revoke().unwrap_err();
    drop((back_end, back_port));
    assert!(revoking.retry().is_ok(), "nothing is in use any more");
    xen.toolstack(|store| device.remove(store)).unwrap().unwrap();
    assert!(matches!(front.set_state(&mut store, XenbusStateClosing), Err(Error::Gone { .. })));
    drop(store);
    xen.check_invariants().unwrap();
}
