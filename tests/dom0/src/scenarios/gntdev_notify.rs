//! What becomes known of a mapping that goes: a byte, and an event.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::mm::{MapFlags, ProtFlags};
use xen_abi::linux::evtchn::{
    IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_BIND_UNBOUND_PORT, ioctl_evtchn_bind_interdomain,
    ioctl_evtchn_bind_unbound_port,
};
use xen_abi::linux::gntalloc::{
    IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, UnmapNotifyFlags, ioctl_gntalloc_unmap_notify,
};
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_SET_UNMAP_NOTIFY, UNMAP_NOTIFY_CLEAR_BYTE, UNMAP_NOTIFY_SEND_EVENT,
    ioctl_gntdev_unmap_notify,
};

use super::pages::{DOM0, Page, forget, keep};
use crate::device::Device;
use crate::transcript::Transcript;

/// Both actions.
const BOTH: UnmapNotifyFlags = UNMAP_NOTIFY_CLEAR_BYTE.union(UNMAP_NOTIFY_SEND_EVENT);

/// How long an event may take.
const TIMEOUT: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let (gntalloc, gntdev) = (Device::open("gntalloc")?, Device::open("gntdev")?);
    let ports = Ports::new()?;
    let page = Page::new(&gntalloc, true)?;
    let index = keep(&gntdev, DOM0, page.reference)?;
    t.call("nowhere", gntdev.call_nowhere(IOCTL_GNTDEV_SET_UNMAP_NOTIFY));
    let clear = UNMAP_NOTIFY_CLEAR_BYTE;
    t.call("a byte, not mapped", set(&gntdev, index, clear, 0));
    let area = gntdev.map_shared(index, 1)?;
    t.call("no such index", set(&gntdev, 1 << 40, clear, 0));
    t.call("no such action", set(&gntdev, index, UnmapNotifyFlags(4), 0));
    t.call("no such port", set(&gntdev, index, UNMAP_NOTIFY_SEND_EVENT, u32::MAX));
    t.call("a port that does not exist", set(&gntdev, index, UNMAP_NOTIFY_SEND_EVENT, 4000));
    t.call("both", set(&gntdev, index + 16, BOTH, ports.here));
    page.area.write(16, 0xff);
    page.area.write(17, 0xee);
    t.step("both, no event before the end", ports.event(Timespec::default())?);
    forget(&gntdev, index, 1)?;
    t.step("both, no event for the index alone", ports.event(Timespec::default())?);
    drop(area);
    t.step("both, the event", ports.event(TIMEOUT)?);
    t.step("both, the byte", format!("{:#x}", page.area.read(16)));
    t.step("both, the byte behind it", format!("{:#x}", page.area.read(17)));

    let index = keep(&gntdev, DOM0, page.reference)?;
    let area = gntdev.map_shared(index, 1)?;
    set(&gntdev, index, BOTH, ports.here)?;
    t.call("nothing instead", set(&gntdev, index, UnmapNotifyFlags(0), 0));
    page.area.write(0, 0xff);
    drop(area);
    forget(&gntdev, index, 1)?;
    t.step("nothing instead, no event", ports.event(Timespec::default())?);
    t.step("nothing instead, the byte", format!("{:#x}", page.area.read(0)));

    let index = keep(&gntdev, DOM0, page.reference)?;
    let area = gntdev.map(index, 1, ProtFlags::READ, MapFlags::SHARED)?;
    t.call("a byte, for reading only", set(&gntdev, index, clear, 0));
    drop(area);
    forget(&gntdev, index, 1)?;

    closing(t, &ports, &page)?;
    page.end(&gntalloc)?;
    sharing(t, &ports, &gntalloc, &gntdev)
}

/// The file is closed: as when its process ends.
fn closing(t: &mut Transcript, ports: &Ports, page: &Page) -> Result<(), Errno> {
    let gntdev = Device::open("gntdev")?;
    let index = keep(&gntdev, DOM0, page.reference)?;
    let area = gntdev.map_shared(index, 1)?;
    set(&gntdev, index + 32, BOTH, ports.here)?;
    page.area.write(32, 0xff);
    drop(gntdev);
    t.step("close, mapped", ports.event(Timespec::default())?);
    drop(area);
    t.step("close, the event", ports.event(TIMEOUT)?);
    t.step("close, the byte", format!("{:#x}", page.area.read(32)));
    Ok(())
}

/// The same at the other end: a shared page goes.
fn sharing(
    t: &mut Transcript,
    ports: &Ports,
    gntalloc: &Device,
    gntdev: &Device,
) -> Result<(), Errno> {
    let page = Page::new(gntalloc, true)?;
    let index = keep(gntdev, DOM0, page.reference)?;
    let area = gntdev.map_shared(index, 1)?;
    let mut argument = ioctl_gntalloc_unmap_notify {
        index: page.index + 48,
        action: BOTH,
        event_channel_port: ports.here,
    };
    t.call("gntalloc", gntalloc.call(IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &mut argument));
    page.area.write(48, 0xff);
    t.call("gntalloc, dealloc", page.end(gntalloc));
    t.step("gntalloc, the event", ports.event(TIMEOUT)?);
    t.step("gntalloc, the byte, at who still maps it", format!("{:#x}", area.read(48)));
    drop(area);
    forget(gntdev, index, 1).map(drop)
}

fn set(gntdev: &Device, index: u64, action: UnmapNotifyFlags, port: u32) -> Result<i32, Errno> {
    let mut argument = ioctl_gntdev_unmap_notify { index, action, event_channel_port: port };
    gntdev.call(IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &mut argument)
}

/// Two ports of the first domain, bound to each other.
struct Ports {
    evtchn: Device,
    /// Where events are sent.
    here: u32,
    /// Where they arrive.
    there: u32,
}

impl Ports {
    fn new() -> Result<Self, Errno> {
        let evtchn = Device::open("evtchn")?;
        let mut argument = ioctl_evtchn_bind_unbound_port { remote_domain: DOM0.into() };
        let there = evtchn.call(IOCTL_EVTCHN_BIND_UNBOUND_PORT, &mut argument)?.unsigned_abs();
        let mut argument =
            ioctl_evtchn_bind_interdomain { remote_domain: DOM0.into(), remote_port: there };
        let here = evtchn.call(IOCTL_EVTCHN_BIND_INTERDOMAIN, &mut argument)?.unsigned_abs();
        // The domain that binds to a port gets an event, which says that it may be used.
        let ports = Self { evtchn, here, there };
        ports.event(Timespec::default())?;
        Ok(ports)
    }

    /// Whether there is an event in time. The port can have another one then.
    fn event(&self, timeout: Timespec) -> Result<bool, Errno> {
        let mut waits = [PollFd::new(&self.evtchn, PollFlags::IN)];
        if poll(&mut waits, Some(&timeout))? == 0 {
            return Ok(false);
        }
        let mut port = [0; 4];
        read(&self.evtchn, &mut port)?;
        rustix::io::write(&self.evtchn, &port)?;
        Ok(u32::from_ne_bytes(port) == self.there)
    }
}
