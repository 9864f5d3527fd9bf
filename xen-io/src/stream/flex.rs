//! The streams of 9pfs and pvcalls: an interface page with the indices and the grants of the data pages,
//! and 2^order data pages, of which each direction has one half.
//!
//! The front end grants all pages, writes [`Interface`] and tells the back end the grant of the interface
//! page. The back end reads the interface and maps the data pages. Both make a
//! [`Stream`](super::Stream) of the interface page and, after it, the data pages.
//!
//! ```
//! use xen_io::stream::flex::{self, Interface, P9FS};
//! use xen_io::stream::Stream;
//! use xen_ops::xen_abi::grant_table::grant_ref_t;
//! # use xen_ops::Page;
//! # use xen_sim::{DomainConfig, GuestKind, Xen};
//! # let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh))?;
//! # let memory = [domain.page().unwrap(), domain.page().unwrap(), domain.page().unwrap()];
//! # let pages = [memory[0].view(), memory[1].view(), memory[2].view()];
//!
//! // The front end, whose two data pages have the grants 8 and 9.
//! Interface::write(pages[0], &[grant_ref_t(8), grant_ref_t(9)])?;
//! let mut front = Stream::attach(pages, flex::layout(P9FS, 1).unwrap()).map_err(|failed| failed.error)?;
//!
//! // The back end.
//! let interface = Interface::read(pages[0])?;
//! assert_eq!(interface.grants().collect::<Vec<_>>(), [grant_ref_t(8), grant_ref_t(9)]);
//! let layout = flex::layout(P9FS, interface.order()).unwrap().reversed();
//! let mut back = Stream::attach(pages, layout).map_err(|failed| failed.error)?;
//!
//! assert_eq!(front.write(&[7; 9000])?.bytes, 4096);
//! assert_eq!(back.available()?, 4096);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Upstream: `DEFINE_XEN_FLEX_RING` of `xen/include/public/io/ring.h`, `9pfs.h`, `pvcalls.h`.

use core::fmt;
use core::mem::offset_of;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::_9pfs::xen_9pfs_data_intf;
use xen_abi::io::pvcalls::pvcalls_data_intf;
use xen_abi::macros::ring::flex_ring_size;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View};

use super::{ByteRing, Layout};

/// A protocol over such a stream: the names of its rings in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flex {
    incoming: &'static str,
    outgoing: &'static str,
}

/// A 9P file system.
pub const P9FS: Flex = Flex { incoming: "9pfs in", outgoing: "9pfs out" };

/// A socket of pvcalls.
pub const PVCALLS: Flex = Flex { incoming: "pvcalls in", outgoing: "pvcalls out" };

/// The error number, negative as in C, with which the back end of pvcalls ends the input of a socket.
pub const IN_ERROR: Field<u32> = Field::at::<{ offset_of!(pvcalls_data_intf, in_error) }>();

/// The same for the output of a socket.
pub const OUT_ERROR: Field<u32> = Field::at::<{ offset_of!(pvcalls_data_intf, out_error) }>();

const ORDER: Field<u32> = Field::at::<{ offset_of!(xen_9pfs_data_intf, ring_order) }>();
const GRANTS: usize = offset_of!(xen_9pfs_data_intf, ref_);

const _: () = {
    assert!(ORDER.offset() == offset_of!(pvcalls_data_intf, ring_order));
    assert!(GRANTS == offset_of!(pvcalls_data_intf, ref_));
    assert!(offset_of!(xen_9pfs_data_intf, in_prod) == offset_of!(pvcalls_data_intf, in_prod));
    assert!(offset_of!(xen_9pfs_data_intf, in_cons) == offset_of!(pvcalls_data_intf, in_cons));
    assert!(offset_of!(xen_9pfs_data_intf, out_prod) == offset_of!(pvcalls_data_intf, out_prod));
    assert!(offset_of!(xen_9pfs_data_intf, out_cons) == offset_of!(pvcalls_data_intf, out_cons));
};

/// The largest order whose grants fit the interface page: 512 data pages.
pub const MAX_ORDER: u32 = ((PAGE_SIZE - GRANTS) / size_of::<u32>()).ilog2();

/// The front end's layout with 2^order data pages, each ring half of them. `None` above [`MAX_ORDER`].
#[must_use]
pub const fn layout(protocol: Flex, order: u32) -> Option<Layout> {
    if order > MAX_ORDER {
        return None;
    }
    let Some(size) = flex_ring_size(order) else { return None };
    let Some(incoming) = ByteRing::new(
        protocol.incoming,
        (Field::at::<{ offset_of!(xen_9pfs_data_intf, in_prod) }>(), "in_prod"),
        (Field::at::<{ offset_of!(xen_9pfs_data_intf, in_cons) }>(), "in_cons"),
        PAGE_SIZE,
        size,
    ) else {
        return None;
    };
    let Some(outgoing) = ByteRing::new(
        protocol.outgoing,
        (Field::at::<{ offset_of!(xen_9pfs_data_intf, out_prod) }>(), "out_prod"),
        (Field::at::<{ offset_of!(xen_9pfs_data_intf, out_cons) }>(), "out_cons"),
        PAGE_SIZE + size as usize,
        size,
    ) else {
        return None;
    };
    Some(Layout { incoming, outgoing })
}

/// The interface page says this order, or so many data pages are to be granted, which it cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadOrder {
    /// The peer's order is above [`MAX_ORDER`].
    Order(u32),
    /// The number of data pages is no power of two, or above 512.
    Pages(usize),
}

impl fmt::Display for BadOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order) => {
                write!(f, "the peer's ring_order is {order}, above {MAX_ORDER}: close the device")
            }
            Self::Pages(pages) => {
                write!(f, "{pages} data pages: pass a power of two, at most {}", 1 << MAX_ORDER)
            }
        }
    }
}

impl core::error::Error for BadOrder {}

/// The order and the grants in an interface page. They are read once, so that what was checked is used.
#[derive(Clone, Copy)]
pub struct Interface {
    order: u32,
    grants: [u32; 1 << MAX_ORDER],
}

impl Interface {
    /// Writes order and grants of the data pages into the interface page, the rest of which is zero.
    ///
    /// # Errors
    ///
    /// [`BadOrder::Pages`] if the number of data pages is no power of two or above 512.
    pub fn write(page: View<'_, ReadWrite>, grants: &[grant_ref_t]) -> Result<(), BadOrder> {
        let pages = grants.len();
        if !pages.is_power_of_two() || pages > 1 << MAX_ORDER {
            return Err(BadOrder::Pages(pages));
        }
        for (index, grant) in grants.iter().enumerate() {
            // As many fit the page.
            let _ = page.write_obj(GRANTS + index * size_of::<u32>(), &grant.0);
        }
        page.at(ORDER).store(pages.ilog2(), core::sync::atomic::Ordering::Release);
        Ok(())
    }

    /// Reads what the peer has written.
    ///
    /// # Errors
    ///
    /// [`BadOrder::Order`] if the order is above [`MAX_ORDER`].
    pub fn read<A>(page: View<'_, A>) -> Result<Self, BadOrder> {
        let order = page.at(ORDER).load(core::sync::atomic::Ordering::Acquire);
        if order > MAX_ORDER {
            return Err(BadOrder::Order(order));
        }
        Ok(Self { order, grants: page.at(Field::at::<GRANTS>()).read() })
    }

    /// The binary logarithm of the number of data pages, at most [`MAX_ORDER`].
    #[must_use]
    pub const fn order(&self) -> u32 {
        self.order
    }

    /// The grants of the data pages, in their order.
    pub fn grants(&self) -> impl Iterator<Item = grant_ref_t> + '_ {
        self.grants.iter().take(1 << self.order).map(|grant| grant_ref_t(*grant))
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface").field("order", &self.order).finish_non_exhaustive()
    }
}
