//! The hostile front end of block and network back ends, and the hostile back end of network front ends: it
//! puts any entries into the rings, and changes their pages between any two operations.

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::blkif::BLKIF_OP_INDIRECT;
use xen_io::GrantAccess;
use xen_io::block::{self, SECTOR_SIZE, Storage, Unsupported};
use xen_io::net::{Checksum, Delivery, Fragment, PacketInfo, RxBack, RxFront, TxBack, TxFront};
use xen_io::ring::protocols::{Blkif, NetifRx, NetifTx};
use xen_io::ring::{Back, Front};
use xen_ops::page::PAGE_SIZE;

use crate::bytes::Bytes;
use crate::rings::Memory;

/// Sectors of the disk.
const SECTORS: u64 = 16;

/// Runs back ends and front ends of devices while `bytes` say what the peer writes.
///
/// # Panics
///
/// If an invariant is broken.
pub fn drivers(bytes: &[u8]) {
    let bytes = Bytes::new(bytes);
    match bytes.byte() % 5 {
        0 => blocks(&bytes),
        1 => tx_back(&bytes),
        2 => rx_back(&bytes),
        3 => tx_front(&bytes),
        _ => rx_front(&bytes),
    }
}

/// Pages of the peer: any contents, accessed inside their bounds only.
struct Pages<'p, 'b>(&'p Bytes<'b>);

impl GrantAccess for Pages<'_, '_> {
    type Error = ();

    fn read(&mut self, _: grant_ref_t, offset: usize, to: &mut [u8]) -> Result<(), ()> {
        assert!(offset + to.len() <= PAGE_SIZE && !to.is_empty());
        for byte in to.iter_mut().take(64) {
            *byte = self.0.byte() % 9;
        }
        if self.0.is_kind() { Ok(()) } else { Err(()) }
    }

    fn write(&mut self, _: grant_ref_t, offset: usize, from: &[u8]) -> Result<(), ()> {
        assert!(offset + from.len() <= PAGE_SIZE && !from.is_empty());
        if self.0.is_kind() { Ok(()) } else { Err(()) }
    }
}

/// A disk that accepts exactly the sectors that it has.
struct Disk;

fn check(sector: u64, bytes: usize) {
    assert!(bytes % SECTOR_SIZE == 0 && bytes > 0 && bytes <= PAGE_SIZE);
    assert!(sector + (bytes / SECTOR_SIZE) as u64 <= SECTORS);
}

impl Storage for Disk {
    type Error = ();

    fn sectors(&self) -> u64 {
        SECTORS
    }

    fn read(&mut self, sector: u64, to: &mut [u8]) -> Result<(), ()> {
        check(sector, to.len());
        Ok(())
    }

    fn write(&mut self, sector: u64, from: &[u8]) -> Result<(), ()> {
        check(sector, from.len());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ()> {
        Ok(())
    }

    fn discard(
        &mut self,
        sector: u64,
        sectors: u64,
        _: bool,
    ) -> Result<Result<(), Unsupported>, ()> {
        assert!(sector.checked_add(sectors).is_some_and(|end| end <= SECTORS));
        Ok(Ok(()))
    }
}

/// An entry of any bytes, small values most of the time.
fn entry<T: xen_abi::Plain>(bytes: &Bytes<'_>) -> T {
    let is_kind = bytes.is_kind();
    let any: Vec<u8> = (0..size_of::<T>())
        .map(|_| if is_kind { bytes.byte() % 16 } else { bytes.byte() })
        .collect();
    xen_abi::from_bytes(&any).expect("as many bytes as the entry has")
}

fn blocks(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let mut front = Front::<Blkif, _>::new(views[0]).expect("the page holds a ring");
    let mut back = block::Back::<Blkif, _, _>::attach(views[0], Pages(bytes)).expect("empty");
    while !bytes.is_empty() {
        memory.disturb(bytes);
        let mut request = entry::<xen_abi::io::blkif::blkif_request>(bytes);
        if bytes.byte() % 4 == 0 {
            // Reads or writes, with few segments.
            request.operation = BLKIF_OP_INDIRECT as u8;
            request.nr_segments = bytes.byte() % 2;
            request.handle = u16::from(bytes.byte()) % 300;
        }
        let _ = front.put(&request);
        let _ = front.push();
        if let Ok(served) = back.serve(&mut Disk) {
            assert!(served.requests <= 32 && served.failed <= served.requests);
        }
        while let Ok(Some(_)) = front.take() {}
    }
}

fn tx_back(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let mut front = Front::<NetifTx, _>::new(views[0]).expect("the page holds a ring");
    let mut back = TxBack::attach(views[0], Pages(bytes)).expect("an empty ring");
    let mut buffer = vec![0; 65535];
    while !bytes.is_empty() {
        memory.disturb(bytes);
        for _ in 0..bytes.byte() % 24 {
            let _ = front.put(&entry(bytes));
        }
        let _ = front.push();
        let size = usize::from(u16::from_le_bytes([bytes.byte(), bytes.byte()]));
        let mut packets = 0;
        while let Ok(Some(packet)) = back.take(&mut buffer[..size]) {
            assert!(packet.is_err() || packet.is_ok_and(|packet| packet.size <= size));
            packets += 1;
            assert!(packets <= 256, "more packets than the ring has entries");
        }
        let _ = (back.push(), back.final_check());
        while let Ok(Some(_)) = front.take() {}
    }
}

fn info(bytes: &Bytes<'_>) -> PacketInfo {
    let mut info = PacketInfo { checksum: Checksum::Blank, ..PacketInfo::default() };
    if bytes.is_kind() {
        info.hash = Some(xen_io::net::Hash { kind: 0, algorithm: 1, value: [0; 4] });
    }
    info
}

fn rx_back(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let mut front = Front::<NetifRx, _>::new(views[0]).expect("the page holds a ring");
    let mut back = RxBack::attach(views[0], Pages(bytes)).expect("an empty ring");
    let packet = vec![7; 65536];
    while !bytes.is_empty() {
        memory.disturb(bytes);
        for _ in 0..bytes.byte() % 24 {
            let _ = front.put(&entry(bytes));
        }
        let _ = front.push();
        let size = bytes.number() as usize % packet.len();
        while let Ok(Delivery::Delivered | Delivery::Refused) =
            back.send(&packet[..size], &info(bytes))
        {
            if bytes.is_empty() {
                break;
            }
        }
        let _ = back.push();
        while let Ok(Some(_)) = front.take() {}
    }
}

/// No packet completes twice.
fn tx_front(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let mut front = TxFront::<_, u32, 16>::new(views[0]).expect("the page holds a ring");
    let mut back = Back::<NetifTx, _>::attach(views[0]).expect("an empty ring");
    let fragment = Fragment::new(grant_ref_t(8), 0, 100).expect("100 bytes fit a page");
    let mut kept = 0_usize;
    while !bytes.is_empty() {
        memory.disturb(bytes);
        let fragments = vec![fragment; usize::from(bytes.byte() % 5)];
        kept += usize::from(front.send(&fragments, &info(bytes), 0).is_ok());
        let _ = front.push();
        while let Ok(Some(_)) = back.take() {}
        for _ in 0..bytes.byte() % 4 {
            let _ = back.put(&entry(bytes));
        }
        let _ = back.push();
        while let Ok(Some(_)) = front.complete() {
            kept = kept.checked_sub(1).expect("no packet completes twice");
        }
        assert_eq!(front.outstanding(), kept);
    }
    assert_eq!(front.detach().1.count(), kept);
}

/// No buffer is returned twice, and none is used beyond its end.
fn rx_front(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let mut front = RxFront::<_, u32, 16>::new(views[0]).expect("the page holds a ring");
    let mut back = Back::<NetifRx, _>::attach(views[0]).expect("an empty ring");
    let mut kept = 0_usize;
    while !bytes.is_empty() {
        memory.disturb(bytes);
        while front.post(grant_ref_t(8), 0).is_ok() {
            kept += 1;
        }
        let _ = front.push();
        for _ in 0..bytes.byte() % 8 {
            if let Ok(Some(_)) = back.take() {
                let _ = back.put(&entry(bytes));
            }
        }
        let _ = back.push();
        while let Ok(Some(packet)) = front.take() {
            for buffer in packet.into_buffers() {
                assert!(buffer.data.start <= buffer.data.end && buffer.data.end <= PAGE_SIZE);
                kept = kept.checked_sub(1).expect("no buffer is returned twice");
            }
        }
    }
    assert_eq!(front.detach().1.count(), kept);
}
