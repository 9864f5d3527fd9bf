//! What a program does with another domain, until that one dies: our kernel, commanded through its mailbox.

use std::fmt::Display;
use std::thread::sleep;
use std::time::{Duration, Instant};
use xen_abi::grant_table::GrantEntryFlags;

use rustix::io::Errno;
use xen_linux::privcmd::Buffer;
use xen_linux::xen_abi::grant_table::{grant_entry_v1, grant_entry_v2};
use xen_linux::xen_abi::hvm::dm_op::{XEN_DMOP_nr_vcpus, xen_dm_op};
use xen_linux::xen_ops::hypercall::{grant_table_op, memory_op};
use xen_linux::xen_ops::memory::acquire::Resource;
use xen_linux::{
    Cause, DomainId, Error, Evtchn, Gntalloc, Gntdev, Mapping, Privcmd, ReadOnly, ReadWrite,
    RemoteGrant, Segment, Shared, UnmapNotify, View, domid_t, evtchn_port_t, grant_ref_t,
    xen_pfn_t,
};
use xen_scenarios::{Command, MAILBOX, Mailbox, READ_ONLY, WRITABLE};

use super::grants::Shown;
use crate::transcript::Transcript;

/// How long the other domain may take for anything.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A frame that the machine does not have.
const NO_FRAME: xen_pfn_t = xen_pfn_t(1 << 35);

/// The devices, and the domain at the other end.
struct Devices {
    gntdev: Gntdev,
    gntalloc: Gntalloc,
    evtchn: Evtchn,
    xen: Privcmd,
    peer: DomainId,
}

/// Commands domain `domid` until it ends.
pub(crate) fn run(t: &mut Transcript, domid: u16) -> Result<(), Errno> {
    lead(t, domid).map_err(|error| {
        t.step("stopped", Shown(Err::<(), _>(error)));
        Errno::CANCELED
    })
}

fn lead(t: &mut Transcript, domid: u16) -> Result<(), Error> {
    let devices = Devices {
        gntdev: Gntdev::open()?,
        gntalloc: Gntalloc::open()?,
        evtchn: Evtchn::open()?,
        xen: Privcmd::open()?,
        peer: DomainId::new(domid_t(domid)).expect("a domain's number"),
    };
    let of_mailbox = devices.grant(MAILBOX);
    // It may not have started yet.
    let mapping = retry(|| match devices.gntdev.map(of_mailbox, ReadWrite) {
        Err(error) if *error.cause() == Cause::Refused => None,
        result => Some(result),
    })?;
    let mailbox = Mailbox(mapping.page(0).expect("one page"));
    tell(mailbox, Command::Grant, 0);
    let writable = mapped(t, &devices)?;
    copied(t, &devices)?;
    let kept = shared(t, &devices, mailbox)?;
    events(t, &devices, mailbox, &writable)?;
    looked_at(t, &devices, mailbox)?;
    tell(mailbox, Command::End, 0);
    dead(t, &devices, writable, kept, mapping)
}

impl Devices {
    /// A grant of the other domain.
    fn grant(&self, reference: grant_ref_t) -> RemoteGrant {
        RemoteGrant::new(self.peer, reference)
    }
}

/// Maps what the other domain grants. The page that may be written stays mapped.
fn mapped(t: &mut Transcript, devices: &Devices) -> Result<Mapping<ReadWrite>, Error> {
    let gntdev = &devices.gntdev;
    let writable = gntdev.map(devices.grant(WRITABLE), ReadWrite)?;
    t.step("map", byte(writable.page(0), 0));
    if let Some(page) = writable.page(0) {
        let _ = page.write(1, &[0xa5]);
    }
    t.step("map, a byte that was written", byte(writable.page(0), 1));
    let read_only = devices.grant(READ_ONLY);
    t.step("map, for writing what is for reading", Shown(gntdev.map(read_only, ReadWrite)));
    let mapping = gntdev.map(read_only, ReadOnly)?;
    t.step("map, for reading", byte(mapping.page(0), 0));
    t.step("unmap", Shown(mapping.unmap().map_err(Error::from)));
    t.step(
        "map, what is not granted",
        Shown(gntdev.map(devices.grant(grant_ref_t(100)), ReadOnly)),
    );
    Ok(writable)
}

fn copied(t: &mut Transcript, devices: &Devices) -> Result<(), Error> {
    let (mut read, inside) = ([0; 4], "inside the page");
    let mut segments = [
        Segment::read(devices.grant(READ_ONLY), 0, &mut read).expect(inside),
        Segment::write(&[0x5a], devices.grant(WRITABLE), 2).expect(inside),
        Segment::write(&[0x5a], devices.grant(READ_ONLY), 2).expect(inside),
    ];
    let results: Vec<_> = devices.gntdev.copy(&mut segments)?.results().collect();
    for (name, result) in ["read", "write", "write what is for reading"].into_iter().zip(results) {
        let shown = result.err().map_or("ok", |status| status.name().unwrap_or("no name"));
        t.step(&format!("copy, {name}"), shown);
    }
    t.step("copy, what was read", format!("{:#x}", read[0]));
    Ok(())
}

/// Pages that the other domain maps: one that it unmaps again, and one that it keeps.
fn shared(t: &mut Transcript, devices: &Devices, mailbox: Mailbox<'_>) -> Result<Shared, Error> {
    let shared = devices.gntalloc.share(devices.peer, 1, ReadWrite)?;
    let kept = devices.gntalloc.share(devices.peer, 1, ReadWrite)?;
    let reference = |shared: &Shared| shared.references().next().map_or(0, |reference| reference.0);
    if let Some(page) = shared.page(0) {
        let _ = page.write(0, &[0x77]);
    }
    tell(mailbox, Command::Map, reference(&shared));
    t.step("share, a byte that the other domain wrote", byte(shared.page(0), 1));
    tell(mailbox, Command::Unmap, 0);
    t.step("unshare", Shown(shared.unshare().map_err(Error::from)));
    tell(mailbox, Command::Keep, reference(&kept));
    Ok(kept)
}

fn events(
    t: &mut Transcript,
    devices: &Devices,
    mailbox: Mailbox<'_>,
    writable: &Mapping<ReadWrite>,
) -> Result<(), Error> {
    let evtchn = &devices.evtchn;
    let there = evtchn_port_t(tell(mailbox, Command::OpenPort, 0));
    t.step(
        "bind_interdomain, no such port",
        Shown(evtchn.bind_interdomain(devices.peer, evtchn_port_t(1000))),
    );
    let port = evtchn.bind_interdomain(devices.peer, there)?;
    let next = || -> Result<bool, Error> {
        evtchn.wait(Some(TIMEOUT))?;
        let mut ports = [evtchn_port_t(0)];
        let is_ours = evtchn.pending(&mut ports)?.is_some_and(|ports| ports == [port.number()]);
        port.unmask()?;
        Ok(is_ours)
    };
    // The domain that binds a port gets an event, which says that it may be used.
    t.step("bind_interdomain, an event", next()?);
    let mapping = devices.gntdev.map(devices.grant(WRITABLE), ReadWrite)?;
    if let Some(page) = mapping.page(0) {
        let _ = page.write(3, &[0xff; 2]);
    }
    let notify = UnmapNotify::clear_byte(3).and_send_event(port.number());
    t.step("notify", Shown(mapping.notify(0, notify)));
    t.step("notify, unmap", Shown(mapping.unmap().map_err(Error::from)));
    for offset in [3, 4] {
        t.step(&format!("notify, byte {offset}"), byte(writable.page(0), offset));
    }
    tell(mailbox, Command::AnswerEvent, 0);
    t.step("notify, the other domain's answer", next()?);
    t.step("unbind", Shown(port.unbind().map_err(Error::from)));
    Ok(())
}

/// The other domain's memory and grant table, as its toolstack sees them.
fn looked_at(t: &mut Transcript, devices: &Devices, mailbox: Mailbox<'_>) -> Result<(), Error> {
    let Devices { xen, peer, .. } = devices;
    let table = Resource::GrantTable { status: false };
    t.step("resource_size, frames", xen.resource_size(*peer, table)?);
    let pages = xen.map_resource(*peer, table, 0, 1, ReadOnly)?;
    let version = grant_table_op::get_version(xen, peer.domid()).unwrap_or_default();
    t.step("get_version", version);
    let entry = |reference| pages.frame(0).and_then(|page| entry(page, version, reference));
    let shown = |reference| entry(reference).map(|(flags, _)| format!("{:#x}", flags.bits()));
    t.step("map_resource, flags of the mailbox", shown(MAILBOX).unwrap_or_default());
    t.step("map_resource, flags of what is for reading", shown(READ_ONLY).unwrap_or_default());
    let frame = entry(MAILBOX).map_or(NO_FRAME, |(_, frame)| frame);
    let frames = xen.map_frames(*peer, &[frame, NO_FRAME, frame], ReadOnly)?;
    let is_there: Vec<_> = (0..frames.count()).map(|index| frames.frame(index).is_some()).collect();
    t.step("map by frames, which are there", format!("{is_there:?}"));
    let same = |index| {
        let word: u32 = frames.frame(index)?.read_obj(0).ok()?;
        Some(word == mailbox.0.read_obj::<u32>(0).ok()?)
    };
    t.step("map by frames, the mailbox", format!("{:?} {:?}", same(0), same(2)));
    t.step("map by frames, unmap", Shown(frames.unmap().map_err(Error::from)));
    let mut operation = xen_dm_op { op: XEN_DMOP_nr_vcpus, ..xen_dm_op::ZERO };
    let result = xen.dm_op(*peer, &mut [Buffer::value(&mut operation)]);
    let result = result.map(|()| operation.u.nr_vcpus().vcpus);
    t.step(
        "dm_op, nr_vcpus",
        result.map_or_else(|error| Shown::<()>(Err(error)).to_string(), |vcpus| vcpus.to_string()),
    );
    let own = Privcmd::open()?;
    own.restrict(*peer)?;
    let mut operation = xen_dm_op { op: XEN_DMOP_nr_vcpus, ..xen_dm_op::ZERO };
    let result = own.dm_op(*peer, &mut [Buffer::value(&mut operation)]);
    t.step("restricted, dm_op", Shown(result));
    t.step("restricted, map_resource", Shown(own.map_resource(*peer, table, 0, 1, ReadOnly)));
    Ok(())
}

/// Flags and frame of an entry in the first frame of a grant table.
fn entry(
    page: View<'_, ReadOnly>,
    version: u32,
    reference: grant_ref_t,
) -> Option<(GrantEntryFlags, xen_pfn_t)> {
    let number = reference.0 as usize;
    if version == 1 {
        let entry: grant_entry_v1 = page.read_obj(number * size_of::<grant_entry_v1>()).ok()?;
        return Some((entry.flags, xen_pfn_t(entry.frame.into())));
    }
    let entry: grant_entry_v2 = page.read_obj(number * size_of::<grant_entry_v2>()).ok()?;
    let page = entry.full_page();
    Some((page.hdr.flags, xen_pfn_t(page.frame)))
}

/// The other domain has ended, with pages that are mapped on both sides.
fn dead(
    t: &mut Transcript,
    devices: &Devices,
    writable: Mapping<ReadWrite>,
    kept: Shared,
    mailbox: Mapping<ReadWrite>,
) -> Result<(), Error> {
    let Devices { gntdev, gntalloc, peer, xen, .. } = devices;
    // Its toolstack notices, and frees its memory bit by bit.
    let refused = retry(|| gntdev.map(devices.grant(READ_ONLY), ReadOnly).err());
    t.step("dead, map", Shown(Err::<(), _>(refused)));
    t.step("dead, a byte that is mapped", byte(writable.page(0), 1));
    if let Some(page) = writable.page(0) {
        let _ = page.write(1, &[0x99]);
    }
    t.step("dead, a byte that is written", byte(writable.page(0), 1));
    t.step("dead, the page that it has kept", byte(kept.page(0), 0));
    t.step("dead, unshare", Shown(kept.unshare().map_err(Error::from)));
    // If it were still in use, it would count.
    let all = retry(|| gntalloc.share(*peer, 1024, ReadWrite).ok());
    t.step("dead, share all that there is", all.count());
    drop(all);
    let reservation = || memory_op::current_reservation(xen, peer.domid()).is_ok();
    t.step("dead, and still there", reservation());
    t.step("dead, unmap", Shown(writable.unmap().map_err(Error::from)));
    t.step("dead, unmap the mailbox", Shown(mailbox.unmap().map_err(Error::from)));
    let gone = retry(|| (!reservation()).then_some(true));
    t.step("gone", gone);
    t.step("gone, map", Shown(gntdev.map(devices.grant(MAILBOX), ReadOnly)));
    let mut read = [0];
    let mut segments = [Segment::read(devices.grant(MAILBOX), 0, &mut read).expect("inside")];
    let copied = gntdev.copy(&mut segments)?;
    let statuses = copied.results().map(|result| match result {
        Ok(()) => "ok",
        Err(status) => status.name().unwrap_or("no name"),
    });
    t.step("gone, copy", statuses.collect::<Vec<_>>().join(" "));
    t.step(
        "gone, bind_interdomain",
        Shown(devices.evtchn.bind_interdomain(*peer, evtchn_port_t(1))),
    );
    Ok(())
}

/// Makes the other domain do something, and returns its answer.
fn tell(mailbox: Mailbox<'_>, command: Command, with: u32) -> u32 {
    let given = mailbox.give(command, with);
    retry(|| mailbox.answered(given))
}

/// Tries until there is a result.
fn retry<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(start.elapsed() < TIMEOUT, "the other domain does nothing");
        sleep(Duration::from_millis(5));
    }
}

/// A byte of a page.
fn byte<A>(page: Option<View<'_, A>>, offset: usize) -> impl Display {
    let mut byte = [0];
    match page.map(|page| page.read(offset, &mut byte)) {
        Some(Ok(())) => format!("{:#x}", byte[0]),
        _ => "no page".to_owned(),
    }
}
