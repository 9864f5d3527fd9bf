//! The page that a domain shares with xenstored: two rings of bytes, and what both sides say about the
//! connection.

use xen_ops::view::Field;
use xen_ops::xen_abi::io::xs_wire::{XENSTORE_RING_SIZE, xenstore_domain_interface};
use xen_ops::{ReadWrite, View, field};

use crate::error::{AttachError, BadIndex};
use crate::stream::{Layout, Stream};

/// Bytes in each of the two rings.
pub(crate) const RING_SIZE: usize = XENSTORE_RING_SIZE as usize;

pub(crate) const SERVER_FEATURES: Field<u32> = field!(xenstore_domain_interface, server_features);
pub(crate) const CONNECTION: Field<u32> = field!(xenstore_domain_interface, connection);
pub(crate) const ERROR: Field<u32> = field!(xenstore_domain_interface, error);

/// Both rings, as one side sees them.
pub(crate) type PageStream<'p> = Stream<View<'p, ReadWrite>>;

/// Continues where the page says that the rings are.
pub(crate) fn attach(
    page: View<'_, ReadWrite>,
    layout: Layout,
) -> Result<PageStream<'_>, BadIndex> {
    Stream::attach(page, layout).map_err(|failed| match failed.error {
        AttachError::Index(error) => error,
        AttachError::Pages { .. } => unreachable!("both rings lie in one page"),
    })
}
