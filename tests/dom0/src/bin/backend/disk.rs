//! A block device whose sectors are those of a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use xen_abi::io::xenbus::{XenbusStateConnected, XenbusStateInitWait, XenbusStateInitialised};
use xen_io::EventChannel as _;
use xen_io::block::setup::{self, Features, Geometry};
use xen_io::block::{Back, SECTOR_SIZE, Storage};
use xen_io::ring::protocols::Blkif;
use xen_io::xenbus::End;
use xen_linux::drivers::GntdevCopy;
use xen_linux::{Channel, DomainId, Gntdev, Grants, ReadWrite, RemoteGrant};

use crate::{AnyError, Countdown, Store};

/// The number of the first disk.
const DEVICE: u32 = 51712;

struct Disk {
    file: File,
    sectors: u64,
    writes: Countdown,
}

impl Storage for Disk {
    type Error = io::Error;

    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read(&mut self, sector: u64, to: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(to, sector * SECTOR_SIZE as u64)
    }

    fn write(&mut self, sector: u64, from: &[u8]) -> io::Result<()> {
        self.writes.count();
        self.file.write_all_at(from, sector * SECTOR_SIZE as u64)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

pub(crate) fn run(
    store: &mut Store,
    guest: DomainId,
    path: &Path,
    writes: Countdown,
) -> Result<(), AnyError> {
    let file = File::options().read(true).write(true).open(path)?;
    let sectors = file.metadata()?.len() / SECTOR_SIZE as u64;
    let mut disk = Disk { file, sectors, writes };

    let end = End::backend(store, "vbd", guest, DEVICE)?;
    end.watch(store, "vbd")?;
    // Grants are not kept mapped.
    let features = Features { persistent: false, max_queues: 1, ..Features::ALL };
    let takes_over = end.state(store)? == XenbusStateConnected;
    if !takes_over {
        features.publish(&end, store)?;
        Geometry::of_sectors(sectors).publish(&end, store)?;
        end.set_state(store, XenbusStateInitWait)?;
        end.wait_for(store, XenbusStateInitialised, None)?;
    }
    let protocol = end.other(store, setup::PROTOCOL)?;
    let queues = setup::other_queues(&end, store, &features)?;
    let [queue] = &queues[..] else { return Err("one queue was offered".into()) };

    let gntdev = Gntdev::open()?;
    let ring = queue.ring.iter().map(|grant| RemoteGrant::new(guest, *grant));
    let ring = gntdev.map_all(&mut Grants::from_iter(ring), ReadWrite)?;
    let pages: Vec<_> = ring.pages().collect();
    let events = Channel::open(|evtchn| evtchn.bind_interdomain(guest, queue.port))?;
    let mut back = Back::<Blkif, _, _>::attach(pages, GntdevCopy::new(gntdev, guest))
        .map_err(|failed| failed.error)?;
    end.set_state(store, XenbusStateConnected)?;
    let kind = protocol.as_deref().unwrap_or("native");
    println!("backend disk {kind} of {} pages, takes over: {takes_over}", queue.ring.len());
    if takes_over {
        // Responses of the last one may be there without an event.
        events.notify()?;
    }

    let (mut requests, mut failed) = (0, 0);
    loop {
        let served = back.serve(&mut disk)?;
        requests += served.requests;
        failed += served.failed;
        if served.notify {
            events.notify()?;
        }
        if !back.final_check()?
            && !events.wait(Some(Duration::from_millis(200)))?
            && end.other_is_closing(store)?
        {
            break;
        }
    }
    println!("backend disk served some: {}, failed {failed}", requests > 0);
    // Linux ends its grants when it learns that this end is closed.
    drop(back);
    ring.unmap()?;
    crate::close(&end, store)
}
