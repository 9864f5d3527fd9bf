//! Several domains on Arm without a toolstack: Xen starts what the device tree says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{ARM_CONSOLE, Files, arm_machine, joined, told};
use crate::device_tree::{Node, with_chosen};
use crate::{Error, Row};

/// Where the kernel of the first domain is put; the others' follow.
const FIRST: u32 = 0x4900_0000;
const DISTANCE: u32 = 0x0100_0000;

/// KiB of memory of each domain but the first.
const MEMORY: u32 = 16 << 10;

/// Has the machine start one domain for each command line.
pub(super) fn add(
    command: &mut Command,
    qemu: &Path,
    row: Row,
    files: &Files<'_>,
    arguments: &[String],
) -> Result<(), Error> {
    let size = fs::metadata(files.kernel).map_err(Error::file(files.kernel))?.len() as u32;
    let plain = files.place.join("machine.dtb");
    let tree = dump(qemu, row, &plain)?;
    let path = files.place.join("domains.dtb");
    let tree = with_chosen(&tree, &chosen(row, arguments, size))
        .ok_or_else(|| Error::BadTree { path: plain, program: qemu.display().to_string() })?;
    fs::write(&path, tree).map_err(Error::file(&path))?;
    command.arg("-dtb").arg(&path);
    for address in (FIRST..).step_by(DISTANCE as usize).take(arguments.len()) {
        let place = format!(",addr={address:#x},force-raw=on");
        let words = ["loader,file=".as_ref(), files.kernel.as_os_str(), place.as_ref()];
        command.arg("-device").arg(joined(words));
    }
    Ok(())
}

/// The machine's own device tree.
fn dump(qemu: &Path, row: Row, path: &Path) -> Result<Vec<u8>, Error> {
    let mut command = Command::new(qemu);
    arm_machine(&mut command, row);
    command.arg("-machine").arg(joined(["dumpdtb=".as_ref(), path.as_os_str()]));
    command.args(["-display", "none", "-nodefaults", "-kernel", "/dev/null"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().map_err(Error::file(qemu))?;
    fs::read(path).map_err(Error::file(path))
}

/// What Xen is to start. It numbers domains in the order of their nodes.
fn chosen(row: Row, arguments: &[String], size: u32) -> Node {
    let mut chosen = Node::new("")
        .cells("#address-cells", &[2])
        .cells("#size-cells", &[2])
        .texts("xen,xen-bootargs", &[&format!("{ARM_CONSOLE} {}", told(row))]);
    let addresses = (FIRST..).step_by(DISTANCE as usize);
    for (domid, (arguments, address)) in arguments.iter().zip(addresses).enumerate() {
        let module = Node::new(format!("module@{address:x}"))
            .texts("compatible", &["multiboot,kernel", "multiboot,module"])
            .cells("reg", &[0, address, 0, size]);
        chosen = if domid == 0 {
            chosen.texts("xen,dom0-bootargs", &[arguments]).node(module)
        } else {
            chosen.node(
                Node::new(format!("domU{domid}"))
                    .texts("compatible", &["xen,domain"])
                    .cells("#address-cells", &[2])
                    .cells("#size-cells", &[2])
                    .cells("memory", &[0, MEMORY])
                    .cells("cpus", &[1])
                    .node(module.texts("bootargs", &[arguments])),
            )
        };
    }
    chosen
}
