//! Several domains on Arm without a toolstack: Xen starts what the device tree says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{ARM_CONSOLE, Config, arm_machine, commas, joined, told};
use crate::Error;
use crate::device_tree::{Node, with_chosen};

/// Where the kernel of the first domain is put; the others' follow.
const FIRST: u32 = 0x4900_0000;
const DISTANCE: u32 = 0x0100_0000;

/// KiB of memory of each domain but the first.
const MEMORY: u32 = 16 << 10;

/// Has the machine start one domain for each command line.
pub(super) fn add(command: &mut Command, qemu: &Path, config: &Config<'_>) -> Result<(), Error> {
    let size = fs::metadata(config.kernel).map_err(Error::file(config.kernel))?.len() as u32;
    let plain = config.place.join("machine.dtb");
    let tree = dump(qemu, config, &plain)?;
    let path = config.place.join("domains.dtb");
    let tree = with_chosen(&tree, &chosen(config, size))
        .ok_or_else(|| Error::BadTree { path: plain, program: qemu.display().to_string() })?;
    fs::write(&path, tree).map_err(Error::file(&path))?;
    command.arg("-dtb").arg(&path);
    for address in (FIRST..).step_by(DISTANCE as usize).take(config.arguments.len()) {
        let place = format!(",addr={address:#x},force-raw=on");
        let kernel = commas(config.kernel.as_os_str());
        command.arg("-device").arg(joined(["loader,file=".as_ref(), &kernel, place.as_ref()]));
    }
    Ok(())
}

/// The machine's own device tree.
fn dump(qemu: &Path, config: &Config<'_>, path: &Path) -> Result<Vec<u8>, Error> {
    let mut command = Command::new(qemu);
    arm_machine(&mut command, config.machine);
    command.arg("-machine").arg(joined(["dumpdtb=".as_ref(), path.as_os_str()]));
    command.args(["-display", "none", "-nodefaults", "-kernel", "/dev/null"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().map_err(Error::file(qemu))?;
    fs::read(path).map_err(Error::file(path))
}

/// What Xen is to start. It numbers domains in the order of their nodes.
fn chosen(config: &Config<'_>, size: u32) -> Node {
    let mut chosen = Node::new("")
        .cells("#address-cells", &[2])
        .cells("#size-cells", &[2])
        .texts("xen,xen-bootargs", &[&format!("{ARM_CONSOLE} {}", told(config))]);
    let addresses = (FIRST..).step_by(DISTANCE as usize);
    for (domid, (arguments, address)) in config.arguments.iter().zip(addresses).enumerate() {
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
