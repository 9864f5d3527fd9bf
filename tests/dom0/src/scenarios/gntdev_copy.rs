//! Copies from and to grants.

#![allow(unsafe_code, reason = "an ioctl that reads and writes memory")]

use rustix::io::Errno;
use xen_abi::grant_table::{GNTCOPY_dest_gref, GNTCOPY_source_gref, grant_ref_t};
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_GRANT_COPY, gntdev_grant_copy_segment, gntdev_grant_copy_segment_source,
    gntdev_grant_copy_segment_source_foreign, ioctl_gntdev_grant_copy,
};
use xen_abi::xen::domid_t;
use xen_abi::{GrantStatus, GuestHandle};

use super::pages::{DOM0, NO_REFERENCE, Page};
use crate::device::{Device, PAGE};
use crate::transcript::Transcript;

/// What a segment's status is before the kernel writes it.
const UNTOUCHED: GrantStatus = GrantStatus(0x55);

/// One end of a copy.
#[derive(Clone, Copy)]
enum End {
    /// Memory of this program.
    Local(GuestHandle<std::ffi::c_void>),
    /// A range of a grant.
    Grant { domid: u16, reference: u32, offset: u16 },
}

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let (gntalloc, gntdev) = (Device::open("gntalloc")?, Device::open("gntdev")?);
    let (writable, readable) = (Page::new(&gntalloc, true)?, Page::new(&gntalloc, false)?);
    let at = |page: &Page, offset| End::Grant { domid: DOM0, reference: page.reference, offset };
    let mut memory = vec![0_u8; 3 * PAGE];
    let mut copy = |name: &str, source: End, dest: End, len: u16| {
        let mut segments = [segment(source, dest, len)];
        let result = many(&gntdev, &mut segments);
        t.call(name, result);
        t.step(&format!("{name}, status"), shown(segments[0].status));
    };
    let local = |memory: &mut [u8], offset: usize| {
        End::Local(GuestHandle::from_mut_slice(&mut memory[offset..]).cast())
    };

    for offset in 0..PAGE {
        readable.area.write(offset, offset as u8);
    }
    // The start of a page of ours, to be left after 7 bytes.
    let start = memory.as_ptr().align_offset(PAGE);
    copy("read", at(&readable, 8), local(&mut memory, start), 16);
    copy("read, over a page of ours", at(&readable, 0), local(&mut memory, start + PAGE - 7), 100);
    copy("write", local(&mut memory, start), at(&writable, 4000), 96);
    copy("write, over a page of ours", local(&mut memory, start + PAGE - 7), at(&writable, 0), 100);
    copy("between grants", at(&readable, 1), at(&writable, 200), 50);
    copy("a whole page", at(&readable, 0), local(&mut memory, start), PAGE as u16);
    copy("no bytes", at(&readable, 0), local(&mut memory, start), 0);
    copy("write, a grant for reading", local(&mut memory, start), at(&readable, 0), 1);
    copy("read, over the grant's page", at(&readable, 4095), local(&mut memory, start), 2);
    copy("write, over the grant's page", local(&mut memory, start), at(&writable, 4095), 2);
    let wrong = End::Grant { domid: DOM0, reference: NO_REFERENCE, offset: 0 };
    copy("read, no such reference", wrong, local(&mut memory, start), 1);
    let wrong = End::Grant { domid: 0x7000, reference: writable.reference, offset: 0 };
    copy("read, no such domain", wrong, local(&mut memory, start), 1);
    let (from, to) = (local(&mut memory, start), local(&mut memory, start + 64));
    copy("from memory to memory", from, to, 1);
    let nowhere = End::Local(GuestHandle::from_addr(8));
    copy("read, to nowhere", at(&readable, 0), nowhere, 1);
    copy("write, from nowhere", nowhere, at(&writable, 0), 1);

    let bytes = |area: &crate::device::Area, from, to| -> Vec<u8> {
        (from..to).map(|offset| area.read(offset)).collect()
    };
    copy("read, all of it", at(&readable, 0), local(&mut memory, start), PAGE as u16);
    let expected: Vec<u8> = (0..PAGE).map(|offset| offset as u8).collect();
    let is_read = memory[start..start + PAGE] == expected;
    t.step("read, the bytes", is_read);
    t.step("between grants, the bytes", bytes(&writable.area, 200, 250) == expected[1..51]);
    t.step(
        "write over a page of ours, the bytes",
        bytes(&writable.area, 0, 100) == expected[..100],
    );
    batch(t, &gntdev, &readable, &writable)?;
    writable.end(&gntalloc)?;
    readable.end(&gntalloc).map(drop)
}

/// Several copies at a time.
fn batch(t: &mut Transcript, gntdev: &Device, from: &Page, to: &Page) -> Result<(), Errno> {
    let end = |page: &Page| End::Grant { domid: DOM0, reference: page.reference, offset: 0 };
    let good = || segment(end(from), end(to), 4);
    let refused =
        || segment(End::Grant { domid: DOM0, reference: NO_REFERENCE, offset: 0 }, end(to), 4);
    let malformed =
        || segment(End::Grant { domid: DOM0, reference: from.reference, offset: 4095 }, end(to), 4);
    let mut of = |name: &str, segments: &mut [gntdev_grant_copy_segment]| {
        t.call(name, many(gntdev, segments));
        let statuses: Vec<String> = segments.iter().map(|one| shown(one.status)).collect();
        t.step(&format!("{name}, statuses"), statuses.join(" "));
    };
    of("batch", &mut [good(), refused(), good()]);
    to.area.write(0, 0xff);
    of("batch, a malformed one in it", &mut [good(), malformed(), good()]);
    let first = format!("{:#x}", to.area.read(0));
    t.step("batch, a malformed one in it, the first one's byte", first);
    t.call("batch, none", many(gntdev, &mut []));
    let mut segments: Vec<_> = (0..100).map(|_| good()).collect();
    t.call("batch, of a hundred", many(gntdev, &mut segments));
    t.step("batch, of a hundred, all good", segments.iter().all(|one| one.status.is_okay()));
    t.call("batch, nowhere", gntdev.call_nowhere(IOCTL_GNTDEV_GRANT_COPY));
    let mut argument = ioctl_gntdev_grant_copy::ZERO;
    (argument.count, argument.segments) = (1, GuestHandle::from_addr(8));
    // SAFETY: the kernel finds out that there is no segment.
    let result = unsafe { gntdev.call_unchecked(IOCTL_GNTDEV_GRANT_COPY, &raw mut argument) };
    t.call("batch, segments nowhere", result);
    Ok(())
}

fn many(gntdev: &Device, segments: &mut [gntdev_grant_copy_segment]) -> Result<i32, Errno> {
    let mut argument = ioctl_gntdev_grant_copy::ZERO;
    argument.count = segments.len() as u32;
    argument.segments = GuestHandle::from_mut_slice(segments);
    // SAFETY: so many segments are there. Memory that they name is either in a slice that was borrowed
    // for writing and is not used meanwhile, or nowhere, which the kernel finds out.
    unsafe { gntdev.call_unchecked(IOCTL_GNTDEV_GRANT_COPY, &raw mut argument) }
}

fn segment(source: End, dest: End, len: u16) -> gntdev_grant_copy_segment {
    let mut segment = gntdev_grant_copy_segment::ZERO;
    let foreign = |domid, reference, offset| gntdev_grant_copy_segment_source_foreign {
        ref_: grant_ref_t(reference),
        offset,
        domid: domid_t(domid),
    };
    segment.source = match source {
        End::Local(virt) => gntdev_grant_copy_segment_source::from_virt(virt),
        End::Grant { domid, reference, offset } => {
            segment.flags |= GNTCOPY_source_gref;
            gntdev_grant_copy_segment_source::from_foreign(foreign(domid, reference, offset))
        }
    };
    segment.dest = match dest {
        End::Local(virt) => gntdev_grant_copy_segment_source::from_virt(virt),
        End::Grant { domid, reference, offset } => {
            segment.flags |= GNTCOPY_dest_gref;
            gntdev_grant_copy_segment_source::from_foreign(foreign(domid, reference, offset))
        }
    };
    (segment.len, segment.status) = (len, UNTOUCHED);
    segment
}

fn shown(status: GrantStatus) -> String {
    match status {
        UNTOUCHED => "untouched".to_owned(),
        status => status.name().map_or_else(|| status.0.to_string(), str::to_owned),
    }
}
