//! `/dev/xen/xenbus_backend`: the ring of xenstore, for a daemon in another domain.

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use xen_abi::linux::xenbus_dev::{IOCTL_XENBUS_BACKEND_EVTCHN, IOCTL_XENBUS_BACKEND_SETUP};

use super::pages::DOM0;
use crate::device::Device;
use crate::transcript::Transcript;

/// An ioctl that the device does not have.
const NONE: u32 = 0x42ff;

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let device = Device::open("xenbus_backend")?;
    t.call("an ioctl that there is not", device.call_number(NONE, 0));
    let port = device.call_number(IOCTL_XENBUS_BACKEND_EVTCHN, 0);
    t.call("evtchn", port.map(|port| port > 0));
    t.call("mmap", device.map_shared(0, 1).map(|_| "mapped"));
    t.call("mmap, two pages", device.map_shared(0, 2).map(|_| "mapped"));
    t.call("mmap, the next page", device.map_shared(4096, 1).map(|_| "mapped"));
    let private = device.map(0, 1, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    t.call("mmap, private", private.map(|_| "mapped"));
    // No xenstore runs here.
    let port = device.call_number(IOCTL_XENBUS_BACKEND_SETUP, DOM0.into());
    t.call("setup", port.map(|port| port > 0));
    let port = device.call_number(IOCTL_XENBUS_BACKEND_SETUP, DOM0.into());
    t.call("setup, again", port.map(|port| port > 0));
    Ok(())
}
