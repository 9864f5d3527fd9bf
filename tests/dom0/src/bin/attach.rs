//! The toolstack's part for a device, without libxl and its scripts. It talks to xenstored over its socket, or over
//! `/dev/xen/xenbus`.
//!
//! ```text
//! attach disk DOMID MAJOR:MINOR    a block device, by its numbers in hexadecimal
//! attach network DOMID MAC
//! attach files DOMID DIRECTORY     for xen-9pfsd
//! attach close DOMID disk          closes the disk in order, and removes it
//! attach remove DOMID disk         removes the disk, whatever uses it
//! ```

use std::error::Error;

use xen_abi::xen::domid_t;
use xen_io::xen_abi::io::xenbus::XenbusStateClosed;
use xen_io::xenbus::state_from_value;
use xen_io::xenbus::toolstack::Device;
use xen_io::xenstore::{self, Client, Store as _};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, domid, value] = &arguments[..] else { return Err("KIND DOMID VALUE".into()) };
    let frontend = domid_t(domid.parse()?);
    let backend = domid_t(0);
    let mut store = Client::new(xenstore::open()?);
    let disk = Device::new("vbd", 51712, frontend, backend);
    match kind.as_str() {
        "disk" => {
            let front = [("virtual-device", "51712"), ("device-type", "disk")];
            let back = [
                ("dev", "xvda"),
                ("type", "phy"),
                ("mode", "w"),
                ("device-type", "disk"),
                ("physical-device", value),
            ];
            disk.create(&mut store, &front, &back)?;
        }
        "network" => {
            let device = Device::new("vif", 0, frontend, backend);
            let nodes = [("handle", "0"), ("mac", value)];
            // The script, which is not run, would say the last once the interface has its address.
            let back =
                [nodes[0], nodes[1], ("script", "/bin/true"), ("hotplug-status", "connected")];
            device.create(&mut store, &nodes, &back)?;
        }
        "files" => {
            let device = Device::new("9pfs", 0, frontend, backend).with_backend_kind("xen_9pfs");
            let back = [("path", value.as_str()), ("security_model", "none")];
            device.create(&mut store, &[("tag", "share")], &back)?;
        }
        "close" => {
            let state = format!("{}/state", disk.backend_directory());
            store.watch(&state, "closed")?;
            disk.close(&mut store)?;
            while state_from_value(&store.read(&state)?) != XenbusStateClosed {
                store.next_event()?;
            }
            disk.remove(&mut store)?;
        }
        "remove" => disk.remove(&mut store)?,
        other => return Err(format!("no such kind: {other}").into()),
    }
    Ok(())
}
