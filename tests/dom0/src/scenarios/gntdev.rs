//! `/dev/xen/gntdev`: grants that are mapped.

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_SET_MAX_GRANTS,
    IOCTL_GNTDEV_UNMAP_GRANT_REF, ioctl_gntdev_get_offset_for_vaddr, ioctl_gntdev_map_grant_ref,
    ioctl_gntdev_set_max_grants,
};

use super::pages::{DOM0, NO_REFERENCE, Page, forget, grant, keep};
use crate::device::{Area, Device};
use crate::transcript::Transcript;

/// An ioctl that no device has.
const NONE: u32 = 0x47ff;

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let (gntalloc, gntdev) = (Device::open("gntalloc")?, Device::open("gntdev")?);
    t.call("an ioctl that there is not", gntdev.call_nowhere(NONE));
    let mut argument = ioctl_gntdev_set_max_grants { count: 1 };
    t.call("set_max_grants", gntdev.call(IOCTL_GNTDEV_SET_MAX_GRANTS, &mut argument));
    map(t, &gntalloc, &gntdev)?;
    rights(t, &gntalloc, &gntdev)?;
    refused(t, &gntalloc, &gntdev)?;
    locate(t, &gntalloc, &gntdev)?;
    unmap(t, &gntalloc, &gntdev)
}

fn map(t: &mut Transcript, gntalloc: &Device, gntdev: &Device) -> Result<(), Errno> {
    t.call("map, nowhere", gntdev.call_nowhere(IOCTL_GNTDEV_MAP_GRANT_REF));
    for (name, count) in [("none", 0), ("more than the limit", 64 * 1024 + 1)] {
        let mut argument = ioctl_gntdev_map_grant_ref { count, ..grant(DOM0, NO_REFERENCE) };
        t.call(&format!("map, {name}"), gntdev.call(IOCTL_GNTDEV_MAP_GRANT_REF, &mut argument));
    }
    let page = Page::new(gntalloc, true)?;
    let mut argument = grant(DOM0, page.reference);
    t.call("map", gntdev.call(IOCTL_GNTDEV_MAP_GRANT_REF, &mut argument));
    let index = argument.index;
    t.step("map, first index", index);
    t.call("mmap, two pages of one", mapped(gntdev.map_shared(index, 2)));
    t.call("mmap, no such index", mapped(gntdev.map_shared(1 << 40, 1)));
    let writable = ProtFlags::READ | ProtFlags::WRITE;
    t.call("mmap, private", mapped(gntdev.map(index, 1, writable, MapFlags::PRIVATE)));
    let area = gntdev.map_shared(index, 1)?;
    page.area.write(3, 0x5a);
    t.step("mmap, a byte that the owner wrote", format!("{:#x}", area.read(3)));
    area.write(4, 0xa5);
    t.step("mmap, a byte that was written, at the owner's", format!("{:#x}", page.area.read(4)));
    t.call("mmap, twice", mapped(gntdev.map_shared(index, 1)));
    drop(area);
    t.call("mmap, again", mapped(gntdev.map_shared(index, 1)));
    t.call("unmap", forget(gntdev, index, 1));
    let next = keep(gntdev, DOM0, page.reference)?;
    t.step("map, an index is free again", next == index);
    t.call("unmap, never mapped", forget(gntdev, next, 1));
    page.end(gntalloc).map(drop)
}

/// Access for reading and for writing.
fn rights(t: &mut Transcript, gntalloc: &Device, gntdev: &Device) -> Result<(), Errno> {
    let (read, write) = (ProtFlags::READ, ProtFlags::READ | ProtFlags::WRITE);
    for (name, writable) in [("a grant for reading", false), ("a grant for writing", true)] {
        for (way, rights, sharing) in [
            ("to read", read, MapFlags::SHARED),
            ("to read, private", read, MapFlags::PRIVATE),
            ("to write", write, MapFlags::SHARED),
        ] {
            let page = Page::new(gntalloc, writable)?;
            let index = keep(gntdev, DOM0, page.reference)?;
            let result = mapped(gntdev.map(index, 1, rights, sharing));
            t.call(&format!("mmap, {name}, {way}"), result);
            forget(gntdev, index, 1)?;
            page.end(gntalloc)?;
        }
    }
    Ok(())
}

/// Grants that Xen refuses.
fn refused(t: &mut Transcript, gntalloc: &Device, gntdev: &Device) -> Result<(), Errno> {
    let page = Page::new(gntalloc, true)?;
    for (name, domid, reference) in [
        ("no such reference", DOM0, NO_REFERENCE),
        ("a reference that is not granted", DOM0, page.reference + 100),
        ("no such domain", 0x7000, page.reference),
    ] {
        let index = keep(gntdev, domid, reference)?;
        t.call(&format!("mmap, {name}"), mapped(gntdev.map_shared(index, 1)));
        t.call(&format!("unmap, {name}"), forget(gntdev, index, 1));
    }
    page.end(gntalloc).map(drop)
}

fn locate(t: &mut Transcript, gntalloc: &Device, gntdev: &Device) -> Result<(), Errno> {
    let opcode = IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR;
    let locate = |vaddr| {
        let mut argument =
            ioctl_gntdev_get_offset_for_vaddr { vaddr, ..ioctl_gntdev_get_offset_for_vaddr::ZERO };
        gntdev.call(opcode, &mut argument).map(|_| (argument.offset, argument.count))
    };
    let page = Page::new(gntalloc, true)?;
    let index = keep(gntdev, DOM0, page.reference)?;
    let area = gntdev.map_shared(index, 1)?;
    let found = locate(area.address());
    t.call("offset", found.map(|(offset, _)| offset == index));
    t.call("offset, how many", found.map(|(_, count)| count));
    t.call(
        "offset, inside the page",
        locate(area.address() + 5).map(|(offset, _)| offset == index),
    );
    t.call(
        "offset, another device's memory",
        locate(page.area.address()).map(|(offset, _)| offset),
    );
    t.call("offset, no memory", locate(1 << 62).map(|(offset, _)| offset));
    t.call("offset, nowhere", gntdev.call_nowhere(opcode));
    drop(area);
    forget(gntdev, index, 1)?;
    page.end(gntalloc).map(drop)
}

fn unmap(t: &mut Transcript, gntalloc: &Device, gntdev: &Device) -> Result<(), Errno> {
    t.call("unmap, nowhere", gntdev.call_nowhere(IOCTL_GNTDEV_UNMAP_GRANT_REF));
    t.call("unmap, no such index", forget(gntdev, 1 << 40, 1));
    let page = Page::new(gntalloc, true)?;
    let index = keep(gntdev, DOM0, page.reference)?;
    t.call("unmap, more than there are", forget(gntdev, index, 2));
    t.call("unmap, however many there are", forget(gntdev, index, 0));
    let index = keep(gntdev, DOM0, page.reference)?;
    let area = gntdev.map_shared(index, 1)?;
    t.call("unmap, mapped", forget(gntdev, index, 1));
    page.area.write(0, 0x11);
    t.step("unmap, the memory is still there", format!("{:#x}", area.read(0)));
    t.call("unmap, again", forget(gntdev, index, 1));
    drop(area);
    let another = Device::open("gntdev")?;
    let index = keep(gntdev, DOM0, page.reference)?;
    t.call("unmap, another file's", forget(&another, index, 1));
    forget(gntdev, index, 1)?;
    page.end(gntalloc).map(drop)
}

fn mapped(result: Result<Area, Errno>) -> Result<&'static str, Errno> {
    result.map(|_| "mapped")
}
