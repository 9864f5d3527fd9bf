//! Grants through `xen-linux`, as a program would use them.

use std::fs;

use rustix::io::Errno;
use xen_linux::gntdev::Memory;
use xen_linux::xen_abi::GrantStatus;
use xen_linux::{
    Cause, DomainId, Error, Gntalloc, Gntdev, Grants, ReadOnly, ReadWrite, RemoteGrant, Segment,
    Shared, UnmapNotify, domid_t, grant_ref_t,
};

use super::pages::{DOM0, NO_REFERENCE};
use crate::device::PAGE;
use crate::transcript::{Answer, Transcript};

/// Pages that are shared together.
const PAGES: usize = 5;

/// How many pages the kernel shares at a time.
const LIMIT: usize = 1024;

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let before = state();
    all(t).map_err(|error| {
        t.step("stopped", Shown(Err::<(), _>(error)));
        Errno::CANCELED
    })?;
    t.step("descriptors and mappings are as before", state() == before);
    Ok(())
}

fn all(t: &mut Transcript) -> Result<(), Error> {
    let (gntalloc, gntdev) = (Gntalloc::open()?, Gntdev::open()?);
    let peer = DomainId::new(domid_t(DOM0)).expect("dom0 is a domain");
    map(t, &gntalloc, &gntdev, peer)?;
    rights(t, &gntalloc, &gntdev, peer)?;
    copy(t, &gntalloc, &gntdev, peer)?;
    limits(t, &gntalloc, &gntdev, peer)
}

/// The grants of shared pages.
fn grants(shared: &Shared, peer: DomainId) -> Vec<RemoteGrant> {
    shared.references().map(|reference| RemoteGrant::new(peer, reference)).collect()
}

fn map(
    t: &mut Transcript,
    gntalloc: &Gntalloc,
    gntdev: &Gntdev,
    peer: DomainId,
) -> Result<(), Error> {
    let shared = gntalloc.share(peer, PAGES, ReadWrite)?;
    let mut references: Vec<_> = shared.references().map(|reference| reference.0).collect();
    references.sort_unstable();
    references.dedup();
    t.step("share, references", references.len());
    let mut list: Grants = grants(&shared, peer).into_iter().collect();
    let mapping = gntdev.map_all(&mut list, ReadWrite)?;
    t.step("map_all, grants", mapping.count());
    t.step("map_all, bytes", mapping.size());
    for (number, (here, there)) in (0_u8..).zip(mapping.pages().zip(shared.pages())) {
        let _ = there.write(10, &[number; 3]);
        let _ = here.write(20, &[number + 100; 3]);
    }
    let read = |number: u8, offset| -> Option<[[u8; 3]; 2]> {
        let mut bytes = [[0; 3]; 2];
        mapping.page(number.into())?.read(offset, &mut bytes[0]).ok()?;
        shared.page(number.into())?.read(offset, &mut bytes[1]).ok()?;
        Some(bytes)
    };
    let is_seen = |number: u8| {
        read(number, 10) == Some([[number; 3]; 2])
            && read(number, 20) == Some([[number + 100; 3]; 2])
    };
    t.step("map_all, bytes are seen at both ends", (0..PAGES as u8).all(is_seen));
    let located = gntdev.locate(mapping.as_ptr().addr())?;
    t.step("locate", located.offset == mapping.offset() && located.count == mapping.count());
    let _ = shared.page(2).map(|page| page.write(99, &[0xff]));
    t.step("notify", Shown(mapping.notify(2, UnmapNotify::clear_byte(99))));
    t.step("unmap", Shown(mapping.unmap().map_err(Error::from)));
    let mut byte = [0x55];
    let _ = shared.page(2).map(|page| page.read(99, &mut byte));
    t.step("notify, the byte", byte[0]);
    let again = gntdev.map_all(&mut list, ReadOnly)?;
    t.step("unshare, while mapped", Shown(shared.unshare().map_err(Error::from)));
    let refused = gntdev.map_all(&mut list, ReadOnly);
    t.step("map_all, in use and not shared any more", Shown(refused));
    t.step("unmap, after that", Shown(again.unmap().map_err(Error::from)));
    Ok(())
}

fn rights(
    t: &mut Transcript,
    gntalloc: &Gntalloc,
    gntdev: &Gntdev,
    peer: DomainId,
) -> Result<(), Error> {
    let shared = gntalloc.share(peer, 2, ReadOnly)?;
    let [first, second] = grants(&shared, peer)[..] else { return Ok(()) };
    t.step("map, for writing what is for reading", Shown(gntdev.map(first, ReadWrite)));
    t.step("map, for reading", Shown(gntdev.map(first, ReadOnly)));
    let wrong = RemoteGrant::new(peer, grant_ref_t(NO_REFERENCE));
    t.step("map, no such reference", Shown(gntdev.map(wrong, ReadOnly)));
    let mut list: Grants = [first, wrong, second].into_iter().collect();
    t.step("map_all, one of them wrong", Shown(gntdev.map_all(&mut list, ReadOnly)));
    let absent = DomainId::new(domid_t(0x7000)).expect("there could be such a domain");
    let wrong = RemoteGrant::new(absent, first.reference);
    t.step("map, no such domain", Shown(gntdev.map(wrong, ReadOnly)));
    t.step("export", Shown(gntdev.export(peer, &[first.reference], Memory::Any)));
    Ok(())
}

fn copy(
    t: &mut Transcript,
    gntalloc: &Gntalloc,
    gntdev: &Gntdev,
    peer: DomainId,
) -> Result<(), Error> {
    let (from, to) = (gntalloc.share(peer, 1, ReadOnly)?, gntalloc.share(peer, 1, ReadWrite)?);
    let ([source], [dest]) = (&grants(&from, peer)[..], &grants(&to, peer)[..]) else {
        return Ok(());
    };
    let text: Vec<u8> = (0..PAGE).map(|offset| offset as u8).collect();
    let _ = from.page(0).map(|page| page.write(0, &text));
    let mut read = vec![0; PAGE];
    let written = b"from a program to a grant";
    let wrong = RemoteGrant::new(peer, grant_ref_t(NO_REFERENCE));
    let inside = "inside the page";
    let mut segments = [
        Segment::read(*source, 0, &mut read).expect(inside),
        Segment::write(written, *dest, 4000).expect(inside),
        Segment::between((*source, 101), (*dest, 203), 50).expect(inside),
        Segment::write(written, *source, 0).expect(inside),
        Segment::between((wrong, 0), (*dest, 0), 1).expect(inside),
    ];
    let copied = gntdev.copy(&mut segments)?;
    let shown = |result: Result<(), GrantStatus>| match result {
        Ok(()) => "ok",
        Err(status) => status.name().unwrap_or("no name"),
    };
    t.step("copy", copied.results().map(shown).collect::<Vec<_>>().join(" "));
    t.step("copy, all", Shown(copied.all()));
    t.step("copy, what was read", read == text);
    let mut bytes = [0; 50];
    let _ = to.page(0).map(|page| page.read(4000, &mut bytes[..written.len()]));
    t.step("copy, what was written", bytes.starts_with(written));
    let _ = to.page(0).map(|page| page.read(203, &mut bytes));
    t.step("copy, between grants", bytes == text[101..151]);
    Ok(())
}

/// Nothing leaks, and the limit holds.
fn limits(
    t: &mut Transcript,
    gntalloc: &Gntalloc,
    gntdev: &Gntdev,
    peer: DomainId,
) -> Result<(), Error> {
    t.step("share, none", Shown(gntalloc.share(peer, 0, ReadWrite)));
    t.step("share, more than the limit", Shown(gntalloc.share(peer, LIMIT + 1, ReadWrite)));
    for _ in 0..2 * LIMIT / 64 {
        let shared = gntalloc.share(peer, 64, ReadWrite)?;
        let mut list: Grants = grants(&shared, peer).into_iter().collect();
        let mapping = gntdev.map_all(&mut list, ReadWrite)?;
        drop((mapping, shared));
    }
    let all = gntalloc.share(peer, LIMIT, ReadWrite)?;
    t.step("share, all that there is, after twice as many", all.count());
    t.step("share, one more", Shown(gntalloc.share(peer, 1, ReadWrite)));
    Ok(())
}

/// Open descriptors, and mapped pages of devices.
fn state() -> Option<(usize, usize)> {
    let descriptors = fs::read_dir("/proc/self/fd").ok()?.count();
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    Some((descriptors, maps.lines().filter(|line| line.contains("/dev/xen")).count()))
}

/// Success, or the library's error, in a word.
pub(super) struct Shown<T>(pub(super) Result<T, Error>);

impl<T> std::fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cause = match &self.0 {
            Ok(_) => return f.write_str("ok"),
            Err(error) => error.cause(),
        };
        match cause {
            Cause::Errno(errno) => Answer::<u8>(Err(*errno)).fmt(f),
            Cause::Refused => f.write_str("refused"),
            Cause::Exhausted => f.write_str("exhausted"),
            Cause::Unsupported => f.write_str("not offered"),
            Cause::Count { .. } => f.write_str("no such count"),
            Cause::Segment { segment, .. } => write!(f, "segment {segment}"),
            Cause::Frame { frame, errno, .. } => {
                write!(f, "{} of frame {frame}", Answer::<u8>(Err(*errno)))
            }
            other => other.fmt(f),
        }
    }
}
