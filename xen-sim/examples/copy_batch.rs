//! A driver domain copies packets from a guest with one hypercall, although one of them is not granted.
//!
//!     cargo run --example copy_batch

use std::error::Error;

use xen_abi::grant_table::grant_ref_t;
use xen_ops::gnttab::copy::{Dest, Segment, Source, copy_each_with_retry, elements};
use xen_ops::gnttab::retry::Backoff;
use xen_ops::page::Page as _;
use xen_ops::{ReadOnly, RemoteGrant};
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

const PACKETS: [&str; 3] = ["the first packet", "the second", "and a third one"];

fn main() -> Result<(), Box<dyn Error>> {
    let xen = Xen::new();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let driver = xen.domain(DomainConfig::new(GuestKind::Pvh))?;

    // The guest grants a page for each packet, read-only: the driver copies from it.
    let mut storage = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut storage, Default::default())?;
    let mut grants = Vec::new();
    for packet in PACKETS {
        let granted = table.grant_zeroed(driver.domid(), &guest, ReadOnly)?;
        granted.view().write(0, packet.as_bytes())?;
        grants.push(granted);
    }

    // The driver copies them to pages of its own. A fourth reference is not granted.
    let mut references: Vec<_> = grants.iter().map(|granted| granted.reference()).collect();
    references.push(grant_ref_t(400));
    let mut pages: Vec<_> = (0..references.len()).map_while(|_| driver.page()).collect();
    let mut segments = Vec::new();
    for (reference, page) in references.iter().zip(&mut pages) {
        let source = Source::grant(RemoteGrant::new(guest.domid(), *reference));
        segments.push(Segment::new(source, 0, Dest::page(page), 0, 32)?);
    }
    let mut retry = Backoff::new(std::thread::sleep);
    let copied = copy_each_with_retry(&driver, &mut segments, &mut elements::<8>(), &mut retry)?;
    println!("copied {copied} of {} packets with one hypercall", segments.len());

    let results: Vec<_> = segments.iter().map(|segment| segment.result()).collect();
    for ((reference, result), page) in references.iter().zip(results).zip(&pages) {
        match result {
            Some(Ok(())) => {
                let bytes: [u8; 32] = page.view().read_obj(0)?;
                let text = String::from_utf8_lossy(&bytes);
                println!("  reference {:3}: {}", reference.0, text.trim_end_matches('\0'));
            }
            Some(Err(error)) => println!("  reference {:3}: {error}", reference.0),
            None => println!("  reference {:3}: not tried", reference.0),
        }
    }
    Ok(())
}
