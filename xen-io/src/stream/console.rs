//! The layout of the console's page.
//!
//! Upstream: `xen/include/public/io/console.h`.

use xen_abi::io::console::xencons_interface;

use super::Layout;
use super::layout::byte_ring;

/// The guest's side: reads 1024 bytes of input at most at a time, writes 2048 of output.
pub const FRONT: Layout = Layout {
    incoming: byte_ring!("console in", xencons_interface[in_prod, in_cons], in_, 1024),
    outgoing: byte_ring!("console out", xencons_interface[out_prod, out_cons], out, 2048),
};

/// The side of the console daemon.
pub const BACK: Layout = FRONT.reversed();

const _: () = {
    use core::mem::offset_of;

    assert!(offset_of!(xencons_interface, out) - offset_of!(xencons_interface, in_) == 1024);
    assert!(offset_of!(xencons_interface, in_cons) - offset_of!(xencons_interface, out) == 2048);
};
