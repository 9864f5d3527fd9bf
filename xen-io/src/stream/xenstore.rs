//! The layout of xenstore's page.
//!
//! Upstream: `xen/include/public/io/xs_wire.h`.

use xen_abi::io::xs_wire::{XENSTORE_RING_SIZE, xenstore_domain_interface};

use super::Layout;
use super::layout::byte_ring;

/// The guest's side: reads replies and watch events, writes requests.
pub const CLIENT: Layout = Layout {
    incoming: byte_ring!(
        "xenstore rsp",
        xenstore_domain_interface[rsp_prod, rsp_cons],
        rsp,
        XENSTORE_RING_SIZE
    ),
    outgoing: byte_ring!(
        "xenstore req",
        xenstore_domain_interface[req_prod, req_cons],
        req,
        XENSTORE_RING_SIZE
    ),
};

/// The side of the xenstore daemon.
pub const SERVER: Layout = CLIENT.reversed();
