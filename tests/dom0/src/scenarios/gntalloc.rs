//! `/dev/xen/gntalloc`: pages to share.

use std::fs;

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use xen_abi::linux::gntalloc::{
    IOCTL_GNTALLOC_ALLOC_GREF, IOCTL_GNTALLOC_DEALLOC_GREF, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY,
    UNMAP_NOTIFY_CLEAR_BYTE, UNMAP_NOTIFY_SEND_EVENT, UnmapNotifyFlags, ioctl_gntalloc_alloc_gref,
    ioctl_gntalloc_dealloc_gref, ioctl_gntalloc_unmap_notify,
};

use super::pages::Page;
use crate::device::{Device, PAGE};
use crate::transcript::Transcript;

/// An ioctl that no device has.
const NONE: u32 = 0x47ff;

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let device = Device::open("gntalloc")?;
    t.call("an ioctl that there is not", device.call_nowhere(NONE));
    let limit = fs::read_to_string("/sys/module/xen_gntalloc/parameters/limit");
    t.step("limit", limit.as_deref().map_or("unknown", str::trim));
    alloc(t, &device)?;
    map(t, &device)?;
    notify(t, &device)?;
    dealloc(t, &device)
}

fn alloc(t: &mut Transcript, device: &Device) -> Result<(), Errno> {
    t.call("alloc, nowhere", device.call_nowhere(IOCTL_GNTALLOC_ALLOC_GREF));
    for (name, count) in [("none", 0), ("more than the limit", 1025)] {
        let mut argument = ioctl_gntalloc_alloc_gref::ZERO;
        argument.count = count;
        let result = device.call(IOCTL_GNTALLOC_ALLOC_GREF, &mut argument);
        t.call(&format!("alloc, {name}"), result);
    }
    let mut argument = ioctl_gntalloc_alloc_gref::ZERO;
    argument.count = 1;
    t.call("alloc", device.call(IOCTL_GNTALLOC_ALLOC_GREF, &mut argument));
    t.step("alloc, first index", argument.index);
    t.step("alloc, a reference that is not reserved", argument.gref_ids.gref_ids()[0] >= 8);
    let mut other = ioctl_gntalloc_alloc_gref::ZERO;
    other.count = 1;
    device.call(IOCTL_GNTALLOC_ALLOC_GREF, &mut other)?;
    t.step("alloc, next index", other.index);
    let another = Device::open("gntalloc")?;
    let page = Page::new(&another, true)?;
    t.step("alloc, first index of another file", page.index);
    let is_zero = (0..PAGE).all(|offset| page.area.read(offset) == 0);
    t.step("alloc, all bytes are 0", is_zero);
    t.call("dealloc, another file's", dealloc_at(&another, other.index, 1));
    t.call("dealloc, more than there are", dealloc_at(device, argument.index, 3));
    t.call("dealloc, both", dealloc_at(device, argument.index, 2));
    Ok(())
}

fn map(t: &mut Transcript, device: &Device) -> Result<(), Errno> {
    let page = Page::new(device, true)?;
    let private = device.map(page.index, 1, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    t.call("mmap, private", private.map(|_| "mapped"));
    t.call("mmap, two pages of one", device.map_shared(page.index, 2).map(|_| "mapped"));
    t.call("mmap, no such index", device.map_shared(1 << 40, 1).map(|_| "mapped"));
    let again = device.map_shared(page.index, 1);
    page.area.write(7, 0xa5);
    t.call("mmap, twice", again.map(|area| format!("{:#x}", area.read(7))));
    t.call("dealloc, mapped", page.end(device));
    Ok(())
}

fn notify(t: &mut Transcript, device: &Device) -> Result<(), Errno> {
    let page = Page::new(device, true)?;
    let opcode = IOCTL_GNTALLOC_SET_UNMAP_NOTIFY;
    let mut set = |name: &str, index, action| {
        let mut argument =
            ioctl_gntalloc_unmap_notify { index, action, event_channel_port: u32::MAX };
        t.call(&format!("notify, {name}"), device.call(opcode, &mut argument));
    };
    set("no such index", 1 << 40, UNMAP_NOTIFY_CLEAR_BYTE);
    set("no such action", page.index, UnmapNotifyFlags(4));
    set("no such port", page.index, UNMAP_NOTIFY_SEND_EVENT);
    set("a byte", page.index + 9, UNMAP_NOTIFY_CLEAR_BYTE);
    set("nothing", page.index, UnmapNotifyFlags(0));
    t.call("notify, nowhere", device.call_nowhere(opcode));
    page.end(device).map(drop)
}

fn dealloc(t: &mut Transcript, device: &Device) -> Result<(), Errno> {
    t.call("dealloc, nowhere", device.call_nowhere(IOCTL_GNTALLOC_DEALLOC_GREF));
    t.call("dealloc, no such index", dealloc_at(device, 1 << 40, 1));
    let page = Page::new(device, true)?;
    let index = page.index;
    t.call("dealloc, none", dealloc_at(device, index, 0));
    t.call("dealloc", page.end(device));
    t.call("dealloc, again", dealloc_at(device, index, 1));
    Ok(())
}

fn dealloc_at(device: &Device, index: u64, count: u32) -> Result<i32, Errno> {
    let mut argument = ioctl_gntalloc_dealloc_gref::ZERO;
    (argument.index, argument.count) = (index, count);
    device.call(IOCTL_GNTALLOC_DEALLOC_GREF, &mut argument)
}
