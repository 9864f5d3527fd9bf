//! What Arm's two architectures share.

use super::fail;
use crate::console;
use crate::device_tree::DeviceTree;
use crate::memory::AddressSpace;
use crate::shutdown::{Reason, shutdown};
use crate::{Guest, GuestKind, StartInfo, backend};

/// # Safety
///
/// Called once, by the entry code, with the physical addresses of the device tree and of the image, and
/// the address that the image is linked for. Physical memory is mapped where it is.
pub unsafe fn start_image(
    tree: *const u8,
    image: usize,
    linked_at: usize,
    main: fn(Guest) -> !,
) -> ! {
    // SAFETY: Xen put a device tree there, which is mapped where it lies and stays.
    let tree = unsafe { DeviceTree::from_ptr(tree) };
    // Where the hypervisor is another, the instruction for hypercalls means something else, and there is no
    // console that is known. Xen starts some domains without the node: those of dom0less.
    let is_other = |tree: &DeviceTree<'_>| {
        let found = tree.find(&["hypervisor"], "compatible");
        !matches!((found, tree.xen()), (Ok(None), _) | (Ok(_), Ok(Some(_))))
    };
    let Some(tree) = tree.ok().filter(|tree| !is_other(tree)) else { shutdown(Reason::Crash) };
    // SAFETY: nothing says that the hypervisor is not Xen, and this is its guest's kernel.
    let xen = unsafe { backend::adopt() };
    // SAFETY: the entry code has mapped physical memory where it is.
    unsafe { console::attach_by_parameters(&xen) };
    let command_line = tree.command_line().unwrap_or_else(|error| fail(&error));
    main(Guest {
        xen,
        kind: GuestKind::Arm,
        space: AddressSpace::Translated { offset: linked_at.wrapping_sub(image) },
        start_info: StartInfo::DeviceTree(tree),
        command_line,
        domid: None,
    })
}

/// What an exception ends in, unless the kernel has a handler.
pub fn exception(exception: crate::Exception) -> ! {
    console::write_line(format_args!("{exception}"));
    shutdown(Reason::Crash)
}

/// Called by the entry code when there is an interrupt: 0 if nothing has set one up.
pub extern "C" fn interrupt() -> usize {
    crate::upcall::take().into()
}
