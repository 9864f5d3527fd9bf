//! The toolstack's part for a disk, without libxl and its scripts: `attach_disk DOMID MAJOR:MINOR`, numbers of a
//! block device in hexadecimal. It talks to xenstored over its socket, or over `/dev/xen/xenbus`.

use std::error::Error;

use xen_abi::xen::domid_t;
use xen_io::xenbus::toolstack::Device;
use xen_io::xenstore::{self, Client};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (domid, numbers) = arguments.next().zip(arguments.next()).ok_or("DOMID MAJOR:MINOR")?;
    let frontend = domid_t(domid.parse()?);
    let mut store = Client::new(xenstore::open()?);
    let device = Device { kind: "vbd", id: 51712, frontend, backend: domid_t(0) };
    let front = [("virtual-device", "51712"), ("device-type", "disk")];
    let back = [
        ("dev", "xvda"),
        ("type", "phy"),
        ("mode", "w"),
        ("device-type", "disk"),
        ("physical-device", &numbers),
    ];
    device.create(&mut store, &front, &back)?;
    Ok(())
}
