//! Block devices between two domains of the simulator, one of which may be hostile.

mod advisories;
mod back;
mod front;
mod indirect;

use std::convert::Infallible;

use xen_io::block::{SECTOR_SIZE, Storage, Unsupported};

/// A disk in memory.
#[derive(Debug)]
struct Disk {
    bytes: Vec<u8>,
    flushes: u32,
    discards: bool,
}

impl Disk {
    /// A disk of so many sectors, each of which is filled with its number.
    fn new(sectors: u8) -> Self {
        let bytes = (0..sectors).flat_map(|sector| [sector; SECTOR_SIZE]).collect();
        Self { bytes, flushes: 0, discards: false }
    }
}

impl Storage for Disk {
    type Error = Infallible;

    fn sectors(&self) -> u64 {
        (self.bytes.len() / SECTOR_SIZE) as u64
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
        self.flushes += 1;
        Ok(())
    }

    fn discard(
        &mut self,
        sector: u64,
        sectors: u64,
        _secure: bool,
    ) -> Result<Result<(), Unsupported>, Infallible> {
        if !self.discards {
            return Ok(Err(Unsupported));
        }
        let (start, length) = (sector as usize * SECTOR_SIZE, sectors as usize * SECTOR_SIZE);
        self.bytes[start..start + length].fill(0);
        Ok(Ok(()))
    }
}
