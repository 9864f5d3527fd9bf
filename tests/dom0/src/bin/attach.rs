//! The toolstack's part for a device, without libxl and its scripts: `attach disk DOMID MAJOR:MINOR`, numbers of
//! a block device in hexadecimal, or `attach network DOMID MAC`. It talks to xenstored over its socket, or over
//! `/dev/xen/xenbus`.

use std::error::Error;

use xen_abi::xen::domid_t;
use xen_io::xenbus::toolstack::Device;
use xen_io::xenstore::{self, Client};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, domid, value] = &arguments[..] else { return Err("KIND DOMID VALUE".into()) };
    let frontend = domid_t(domid.parse()?);
    let backend = domid_t(0);
    let mut store = Client::new(xenstore::open()?);
    match kind.as_str() {
        "disk" => {
            let device = Device { kind: "vbd", id: 51712, frontend, backend };
            let front = [("virtual-device", "51712"), ("device-type", "disk")];
            let back = [
                ("dev", "xvda"),
                ("type", "phy"),
                ("mode", "w"),
                ("device-type", "disk"),
                ("physical-device", value),
            ];
            device.create(&mut store, &front, &back)?;
        }
        "network" => {
            let device = Device { kind: "vif", id: 0, frontend, backend };
            let nodes = [("handle", "0"), ("mac", value)];
            // The script, which is not run, would say the last once the interface has its address.
            let back =
                [nodes[0], nodes[1], ("script", "/bin/true"), ("hotplug-status", "connected")];
            device.create(&mut store, &nodes, &back)?;
        }
        other => return Err(format!("no such kind: {other}").into()),
    }
    Ok(())
}
