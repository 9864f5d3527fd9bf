//! vchan: a stream between two domains without a driver, with notification on demand.
//!
//! The server grants the interface page and, for rings of a page or more, the pages of the rings; the
//! client maps them. Each side says in the interface page for what it wants to be notified. The client
//! learns the grant of the interface page and the event channel from xenstore: `Offer`.
//!
//! The example `vchan` of xen-sim is a whole program, with both domains.
//!
//! Upstream: `xen/include/public/io/libxenvchan.h`. The library libxenvchan of upstream is the usual peer.

#[cfg(feature = "alloc")]
mod offer;

use core::fmt;
use core::mem::offset_of;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release, SeqCst};
use core::sync::atomic::fence;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::libxenvchan::{ring_shared, vchan_interface};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;

#[cfg(feature = "alloc")]
pub use offer::Offer;

use super::{ByteRing, Layout, Stream, Transfer};
use crate::error::{AttachError, BadIndex};
use crate::pages::{Pages, SharedPage};

/// The orders of the rings.
const ORDERS: [Field<u16>; 2] = [
    Field::at::<{ offset_of!(vchan_interface, left_order) }>(),
    Field::at::<{ offset_of!(vchan_interface, right_order) }>(),
];
/// Whether the client is there, and whether the server is.
const CLI_LIVE: Field<u8> = Field::at::<{ offset_of!(vchan_interface, cli_live) }>();
const SRV_LIVE: Field<u8> = Field::at::<{ offset_of!(vchan_interface, srv_live) }>();
/// What the client is to notify the server of, and the server the client.
const CLI_NOTIFY: Field<u8> = Field::at::<{ offset_of!(vchan_interface, cli_notify) }>();
const SRV_NOTIFY: Field<u8> = Field::at::<{ offset_of!(vchan_interface, srv_notify) }>();

/// The grants of the rings' pages.
const GRANTS: usize = offset_of!(vchan_interface, grants);

/// Notify when data is written.
const NOTIFY_WRITE: u8 = xen_abi::io::libxenvchan::VCHAN_NOTIFY_WRITE as u8;
/// Notify when data is read.
const NOTIFY_READ: u8 = xen_abi::io::libxenvchan::VCHAN_NOTIFY_READ as u8;

const EXITED: u8 = 0;
const CONNECTED: u8 = 1;
const NOT_YET_CONNECTED: u8 = 2;

/// A ring of 1024 bytes lies at this offset of the interface page.
const SMALL_ORDER: u16 = 10;
/// A ring of 2048 bytes lies at the offset of that number.
const LARGE_ORDER: u16 = 11;
/// The order of a page.
const PAGE_ORDER: u16 = 12;
/// The largest order that libxenvchan takes: 256 pages.
const MAX_ORDER: u16 = 20;

/// The sizes of the two rings, in bytes.
///
/// Each is a power of two from 1024 to 2^20. Only one of them can be 1024, and only one 2048.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Of the ring that the client writes, its binary logarithm.
    pub left: u16,
    /// Of the ring that the server writes, its binary logarithm.
    pub right: u16,
}

/// The orders of a vchan's rings are not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOrders(pub Orders);

impl fmt::Display for BadOrders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Orders { left, right } = self.0;
        write!(
            f,
            "vchan: rings of order {left} and {right}: each is from {SMALL_ORDER} to {MAX_ORDER}, and \
             below {PAGE_ORDER} they are different"
        )
    }
}

impl core::error::Error for BadOrders {}

impl Orders {
    /// The orders that the server has written into the interface page, read once.
    ///
    /// # Errors
    ///
    /// [`BadOrders`] if they are not possible.
    pub fn read(interface: &impl SharedPage) -> Result<Self, BadOrders> {
        let [left, right] = ORDERS.map(|field| interface.view().at(field).load(Acquire));
        let orders = Self { left, right };
        orders.layout().map(|_| orders).ok_or(BadOrders(orders))
    }

    /// How many pages each ring has beside the interface page, the left ring's first. The rest of the
    /// interface page has the grants of these pages in this order.
    #[must_use]
    pub const fn pages(&self) -> [usize; 2] {
        [own_pages(self.left), own_pages(self.right)]
    }

    /// Writes the grants of the rings' pages into the interface page, for the client: those of
    /// [`pages`](Self::pages) in their order. False, and nothing useful written, if they are not as many.
    #[must_use]
    pub fn write_grants(&self, interface: &impl SharedPage, grants: &[grant_ref_t]) -> bool {
        let [left, right] = self.pages();
        let view = interface.view();
        let written = (GRANTS..).step_by(4).zip(grants).all(|(offset, grant)| {
            view.at_offset::<u32>(offset).map(|place| place.store(grant.0, Release)).is_ok()
        });
        written && grants.len() == left + right
    }

    /// The grants of the rings' pages that the server has written into the interface page.
    pub fn grants(&self, interface: &impl SharedPage) -> impl Iterator<Item = grant_ref_t> {
        let [left, right] = self.pages();
        let view = interface.view();
        // Both rings at their largest have 512 pages, whose grants fit the page.
        (GRANTS..).step_by(4).take(left + right).map_while(move |offset| {
            view.at_offset::<u32>(offset).ok().map(|place| grant_ref_t(place.load(Acquire)))
        })
    }

    /// The client's layout. `None` if the orders are not possible.
    #[must_use]
    pub const fn layout(&self) -> Option<Layout> {
        let Self { left, right } = *self;
        let possible = left >= SMALL_ORDER
            && left <= MAX_ORDER
            && right >= SMALL_ORDER
            && right <= MAX_ORDER
            && !(left == right && left < PAGE_ORDER);
        if !possible {
            return None;
        }
        let outgoing = ring::<{ offset_of!(vchan_interface, left) }>(
            "vchan left",
            ("left.prod", "left.cons"),
            data(left, PAGE_SIZE),
            1 << left,
        );
        let incoming = ring::<{ offset_of!(vchan_interface, right) }>(
            "vchan right",
            ("right.prod", "right.cons"),
            data(right, PAGE_SIZE * (1 + own_pages(left))),
            1 << right,
        );
        match (incoming, outgoing) {
            (Some(incoming), Some(outgoing)) => Some(Layout { incoming, outgoing }),
            _ => None,
        }
    }
}

/// How many pages of its own a ring of this order has.
const fn own_pages(order: u16) -> usize {
    if order < PAGE_ORDER { 0 } else { 1 << (order - PAGE_ORDER) }
}

/// Where a ring of this order lies, if its own pages are at `own`.
const fn data(order: u16, own: usize) -> usize {
    match order {
        SMALL_ORDER | LARGE_ORDER => 1 << order,
        _ => own,
    }
}

const fn ring<const AT: usize>(
    name: &'static str,
    (prod, cons): (&'static str, &'static str),
    data: usize,
    size: u32,
) -> Option<ByteRing> {
    let (Ok(prod_at), Ok(cons_at)) = (
        Field::at_offset(AT + offset_of!(ring_shared, prod)),
        Field::at_offset(AT + offset_of!(ring_shared, cons)),
    ) else {
        return None;
    };
    ByteRing::new(name, (prod_at, prod), (cons_at, cons), data, size)
}

/// Which side of a vchan this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// One side of a vchan.
///
/// ```
/// use xen_io::stream::vchan::{Orders, Vchan};
/// # use xen_ops::Page;
/// # use xen_sim::{DomainConfig, GuestKind, Xen};
/// # let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh))?;
/// # let page = domain.page().unwrap();
/// # let (ours, theirs) = (page.view(), page.view());
///
/// let mut server = Vchan::server(ours, Orders { left: 10, right: 11 }).map_err(|failed| failed.error)?;
/// let mut client = Vchan::client(theirs, Orders::read(&theirs)?).map_err(|failed| failed.error)?;
///
/// let sent = client.write(b"hello")?;
/// assert_eq!((sent.bytes, sent.notify), (5, true));
/// let mut buffer = [0; 5];
/// assert_eq!(server.read(&mut buffer)?.bytes, 5);
/// assert_eq!(&buffer, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Vchan<M: Pages> {
    stream: Stream<M>,
    side: Side,
}

impl<M: Pages> Vchan<M> {
    /// The server of a new vchan. The pages are the interface page, which is zero but for the grants, and
    /// the rings' own pages.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pages`] if the orders are not possible, or the pages too few for them. The pages
    /// are returned.
    pub fn server(pages: M, orders: Orders) -> Result<Self, Failed<AttachError, M>> {
        let this = Self::attach(pages, orders, Side::Server)?;
        if let Some(interface) = this.interface() {
            let page = interface.view();
            for (field, order) in ORDERS.into_iter().zip([orders.left, orders.right]) {
                page.at(field).store(order, Release);
            }
            page.at(CLI_LIVE).store(NOT_YET_CONNECTED, Release);
            page.at(CLI_NOTIFY).store(NOTIFY_WRITE, Release);
            page.at(SRV_LIVE).store(CONNECTED, Release);
        }
        Ok(this)
    }

    /// The client of a vchan whose interface page says `orders`: see [`Orders::read`].
    ///
    /// # Errors
    ///
    /// [`AttachError`] as for [`Stream::attach`], and if the orders are not possible. The pages are
    /// returned.
    pub fn client(pages: M, orders: Orders) -> Result<Self, Failed<AttachError, M>> {
        let this = Self::attach(pages, orders, Side::Client)?;
        if let Some(interface) = this.interface() {
            let page = interface.view();
            page.at(CLI_LIVE).store(CONNECTED, Release);
            page.at(SRV_NOTIFY).store(NOTIFY_WRITE, Release);
        }
        Ok(this)
    }

    fn attach(pages: M, orders: Orders, side: Side) -> Result<Self, Failed<AttachError, M>> {
        let Some(layout) = orders.layout() else {
            let error = AttachError::Pages { ring: "vchan", pages: pages.pages().len() };
            return Err(Failed::returning(error, pages));
        };
        let layout = if side == Side::Server { layout.reversed() } else { layout };
        Ok(Self { stream: Stream::attach(pages, layout)?, side })
    }

    /// Whether the peer is connected. A server's client may not be yet: `None`.
    #[must_use]
    pub fn is_open(&self) -> Option<bool> {
        let live = match self.side {
            Side::Client => SRV_LIVE,
            Side::Server => CLI_LIVE,
        };
        match self.interface()?.view().at(live).load(Acquire) {
            EXITED => Some(false),
            NOT_YET_CONNECTED => None,
            _ => Some(true),
        }
    }

    /// As [`Stream::available`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn available(&self) -> Result<usize, BadIndex> {
        self.stream.available()
    }

    /// As [`Stream::free`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn free(&mut self) -> Result<usize, BadIndex> {
        self.stream.free()
    }

    /// Reads as many bytes as there are, at most the length of `to`. The peer is to be notified if it
    /// asked for that.
    ///
    /// # Errors
    ///
    /// As [`Stream::read`].
    pub fn read(&mut self, to: &mut [u8]) -> Result<Transfer, BadIndex> {
        let Transfer { bytes, .. } = self.stream.read(to)?;
        Ok(Transfer { bytes, notify: bytes > 0 && self.peer_waits_for(NOTIFY_READ) })
    }

    /// Writes as many bytes as there is space for, at most all. The peer is to be notified if it asked
    /// for that.
    ///
    /// # Errors
    ///
    /// As [`Stream::write`].
    pub fn write(&mut self, from: &[u8]) -> Result<Transfer, BadIndex> {
        let Transfer { bytes, .. } = self.stream.write(from)?;
        Ok(Transfer { bytes, notify: bytes > 0 && self.peer_waits_for(NOTIFY_WRITE) })
    }

    /// To be called before waiting for data: asks the peer to notify when it writes, and returns whether
    /// there is data already.
    ///
    /// # Errors
    ///
    /// As [`available`](Self::available).
    pub fn final_check_for_data(&mut self) -> Result<bool, BadIndex> {
        self.ask(NOTIFY_WRITE);
        Ok(self.available()? > 0)
    }

    /// To be called before waiting for space: asks the peer to notify when it reads, and returns whether
    /// there is space already.
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free).
    pub fn final_check_for_space(&mut self) -> Result<bool, BadIndex> {
        self.ask(NOTIFY_READ);
        Ok(self.free()? > 0)
    }

    /// Says that this side is gone, and returns the pages. Notify the peer.
    #[must_use]
    pub fn close(self) -> M {
        let live = match self.side {
            Side::Client => CLI_LIVE,
            Side::Server => SRV_LIVE,
        };
        if let Some(interface) = self.interface() {
            interface.view().at(live).store(EXITED, Release);
        }
        self.stream.detach()
    }

    fn interface(&self) -> Option<&M::Page> {
        self.stream.pages().pages().first()
    }

    /// What this side asks of the peer, and what the peer asks of this side.
    const fn requests(&self) -> (Field<u8>, Field<u8>) {
        match self.side {
            Side::Server => (CLI_NOTIFY, SRV_NOTIFY),
            Side::Client => (SRV_NOTIFY, CLI_NOTIFY),
        }
    }

    /// Asks the peer to notify of this. Indices that are loaded afterwards are newer than the request.
    fn ask(&self, what: u8) {
        if let Some(interface) = self.interface() {
            interface.view().at(self.requests().0).fetch_or(what, AcqRel);
        }
        fence(SeqCst);
    }

    /// Whether the peer has asked to be notified of this. It is answered by notifying once.
    fn peer_waits_for(&self, what: u8) -> bool {
        // The index that was stored before is visible to a peer that asks only now.
        fence(SeqCst);
        self.interface().is_some_and(|interface| {
            interface.view().at(self.requests().1).fetch_and(!what, AcqRel) & what != 0
        })
    }
}
