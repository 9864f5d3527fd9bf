//! The hostile peer of rings and streams: it changes any word of their pages between any two operations.

#![allow(unsafe_code, reason = "shares memory")]

use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use xen_abi::grant_table::grant_ref_t;
use xen_io::GrantAccess;
use xen_io::block::{self, SECTOR_SIZE, Storage};
use xen_io::ring::event::{EventReceiver, EventSender, KbdifIn};
use xen_io::ring::protocols::{Blkif, Vscsiif};
use xen_io::ring::{Back, Front};
use xen_io::stream::vchan::Orders;
use xen_io::stream::{Stream, Vchan, console, flex};
use xen_ops::page::PAGE_SIZE;
use xen_ops::{ReadWrite, View};

use crate::bytes::Bytes;

/// Pages of each ring.
const PAGES: usize = 2;

/// Sectors of the disk.
const SECTORS: u64 = 16;

#[repr(align(4096))]
pub(crate) struct Memory([AtomicU64; PAGES * PAGE_SIZE / 8]);

impl Memory {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU64::new(0) }; PAGES * PAGE_SIZE / 8])
    }

    pub(crate) fn views(&self) -> [View<'_, ReadWrite>; PAGES] {
        let base = NonNull::from(&self.0).cast::<u8>();
        // SAFETY: the pages live as long as the borrow, and are accessed atomically.
        std::array::from_fn(|page| unsafe { View::new(base.add(page * PAGE_SIZE)) })
    }

    /// Lets the peer write some words.
    pub(crate) fn disturb(&self, bytes: &Bytes<'_>) {
        for _ in 0..bytes.byte() % 4 {
            // Where indices are: at the start, or at the end of the bytes of a console or xenstore.
            let at = match bytes.byte() % 4 {
                0 => usize::from(bytes.byte()) % 4,
                1 => 3072 / 8 + usize::from(bytes.byte()) % 2,
                _ => bytes.number() as usize % self.0.len(),
            };
            let value = if bytes.is_kind() { u64::from(bytes.byte()) } else { bytes.number() };
            self.0[at].store(value, Relaxed);
        }
    }
}

/// Runs both ends of rings, streams and a block device while `bytes` say what a peer writes.
///
/// # Panics
///
/// If an invariant is broken.
pub fn rings(bytes: &[u8]) {
    let bytes = Bytes::new(bytes);
    match bytes.byte() % 5 {
        0 => requests(&bytes),
        1 => blocks(&bytes),
        2 => events(&bytes),
        3 => streams(&bytes),
        _ => vchan(&bytes),
    }
}

/// Neither end takes more entries than the ring holds.
fn requests(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let mut front = Front::<Vscsiif, _>::new(views).expect("the pages hold a ring");
    let mut back = Back::<Vscsiif, _>::attach(views).expect("the ring is empty");
    while !bytes.is_empty() {
        memory.disturb(bytes);
        match bytes.byte() % 8 {
            0 => {
                let _ = front.put(&xen_abi::zeroed());
            }
            1 => {
                let _ = front.push();
            }
            2 => {
                let outstanding = front.outstanding();
                if let Ok(Some(_)) = front.take() {
                    assert!(outstanding > 0, "a response without a request");
                }
            }
            3 => {
                let _ = front.final_check_for(bytes.number() as u32);
            }
            4 => {
                if let Ok(Some(_)) = back.take() {
                    assert!(back.outstanding() <= back.size(), "more requests than the ring holds");
                }
            }
            5 => {
                let outstanding = back.outstanding();
                assert_eq!(back.put(&xen_abi::zeroed()).is_ok(), outstanding > 0);
            }
            6 => {
                let _ = (back.push(), back.final_check());
            }
            _ => {
                let (pages, position) = front.detach();
                let reattached = Front::attach(pages, position);
                let Ok(again) = reattached else { return };
                front = again;
                let (pages, _) = back.detach();
                let Ok(again) = Back::attach(pages) else { return };
                back = again;
            }
        }
        assert!(front.outstanding() <= front.size());
    }
}

/// A disk that accepts exactly the sectors that it has.
struct Disk;

impl Storage for Disk {
    type Error = ();

    fn sectors(&self) -> u64 {
        SECTORS
    }

    fn read(&mut self, sector: u64, to: &mut [u8]) -> Result<(), ()> {
        assert!(to.len() % SECTOR_SIZE == 0 && !to.is_empty());
        assert!(sector + (to.len() / SECTOR_SIZE) as u64 <= SECTORS);
        Ok(())
    }

    fn write(&mut self, sector: u64, from: &[u8]) -> Result<(), ()> {
        assert!(sector + (from.len() / SECTOR_SIZE) as u64 <= SECTORS);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ()> {
        Ok(())
    }
}

/// Pages that can be accessed inside their bounds only.
struct Pages;

impl GrantAccess for Pages {
    type Error = ();

    fn read(&mut self, _: grant_ref_t, offset: usize, to: &mut [u8]) -> Result<(), ()> {
        assert!(offset + to.len() <= PAGE_SIZE);
        Ok(())
    }

    fn write(&mut self, _: grant_ref_t, offset: usize, from: &[u8]) -> Result<(), ()> {
        assert!(offset + from.len() <= PAGE_SIZE);
        Ok(())
    }
}

/// A back end of a block device accesses what exists only, and answers no more than was asked.
fn blocks(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let attached = block::Back::<Blkif, _, _>::attach(views[0], Pages);
    let mut back = attached.expect("an empty ring");
    let mut front = block::Front::<_, u8, 8>::new(views[1]).expect("the page holds a ring");
    let mut kept = 0_u32;
    while !bytes.is_empty() {
        memory.disturb(bytes);
        if let Ok(served) = back.serve(&mut Disk) {
            assert!(served.requests <= 32 && served.failed <= served.requests);
        }
        kept += u32::from(front.flush(bytes.byte()).is_ok());
        let _ = (front.push(), front.final_check(), back.final_check());
        while let Ok(Some(_)) = front.complete() {
            kept = kept.checked_sub(1).expect("no request completes twice");
        }
        assert_eq!(front.outstanding(), kept as usize);
    }
}

fn events(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let [page, _] = memory.views();
    let mut sender = EventSender::<KbdifIn, _>::attach(page).expect("the page is empty");
    let mut receiver = EventReceiver::<KbdifIn, _>::attach(page).expect("the page is empty");
    while !bytes.is_empty() {
        memory.disturb(bytes);
        let _ = sender.send(&xen_abi::zeroed());
        let _ = receiver.receive();
    }
}

/// No end copies more bytes than the ring holds.
fn streams(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let views = memory.views();
    let layout = if bytes.is_kind() {
        console::FRONT
    } else {
        flex::layout(flex::P9FS, bytes.number() as u32 % 2).unwrap_or(console::BACK)
    };
    let Ok(mut stream) = Stream::attach(views, layout) else { return };
    let mut buffer = [0; 5000];
    while !bytes.is_empty() {
        memory.disturb(bytes);
        let length = bytes.number() as usize % buffer.len();
        if let Ok(read) = stream.read(&mut buffer[..length]) {
            assert!(read.bytes <= length.min(layout.incoming.size() as usize));
        }
        if let Ok(written) = stream.write(&buffer[..length]) {
            assert!(written.bytes <= length.min(layout.outgoing.size() as usize));
        }
        let _ = flex::Interface::read(views[0]).map(|interface| interface.grants().count());
    }
}

fn vchan(bytes: &Bytes<'_>) {
    let memory = Memory::new();
    let [page, _] = memory.views();
    memory.disturb(bytes);
    let Ok(orders) = Orders::read(&page) else { return };
    let Ok(mut client) = Vchan::client(memory.views(), orders) else { return };
    let mut buffer = [0; 3000];
    while !bytes.is_empty() {
        memory.disturb(bytes);
        let _ = client.read(&mut buffer);
        let _ = client.write(&buffer);
        let _ = (client.final_check_for_data(), client.final_check_for_space(), client.is_open());
    }
}
