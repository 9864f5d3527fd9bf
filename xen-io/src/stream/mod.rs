//! Streams of bytes over shared pages: console, xenstore, 9pfs, pvcalls, vchan.
//!
//! A [`Stream`] reads from one ring of bytes and writes to another. Its [`Layout`] says where both lie;
//! the modules have the layouts of Xen's protocols, for either side:
//!
//! | protocol | layout | pages |
//! |---|---|---|
//! | console | [`console::FRONT`], [`console::BACK`] | one |
//! | xenstore | [`xenstore::CLIENT`], [`xenstore::SERVER`] | one |
//! | 9pfs, pvcalls | [`flex::layout`] | the interface page, then the data |
//! | vchan | [`Vchan`], which has notification bits too | the interface page, then rings of a page or more |
//!
//! Reading and writing return at once with what is possible. [`Transfer::notify`] says whether to notify
//! the peer afterwards. [`Blocking`] waits instead, and implements the traits of `embedded-io` and of
//! `std::io` under the features of these names.
//!
//! ```
//! use xen_io::stream::{Stream, console};
//! # use xen_ops::Page;
//! # use xen_sim::{DomainConfig, GuestKind, Xen};
//! # let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh))?;
//! # let page = domain.page().ok_or("no page")?;
//! # let (ours, theirs) = (page.view(), page.view());
//!
//! let mut guest = Stream::attach(ours, console::FRONT).map_err(|failed| failed.error)?;
//! let mut console = Stream::attach(theirs, console::BACK).map_err(|failed| failed.error)?;
//!
//! let sent = guest.write(b"login: ")?;
//! assert_eq!((sent.bytes, sent.notify), (7, true));
//! let mut buffer = [0; 80];
//! let received = console.read(&mut buffer)?;
//! assert_eq!(&buffer[..received.bytes], b"login: ");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a peer can do
//!
//! Each side's own index is private and never read back from the pages. The peer's index is loaded once,
//! and is an error if there would be more bytes than the ring holds, or more free bytes than there are.
//! Bytes are copied once.

mod blocking;
pub mod console;
pub mod flex;
mod layout;
pub mod vchan;
pub mod xenstore;

use core::fmt;

use xen_ops::Failed;

pub use blocking::{Blocking, ByteStream, StreamError};
pub use layout::{ByteRing, Layout};
pub use vchan::Vchan;

use crate::error::{AttachError, BadIndex};
use crate::indices::{Proven, Receiver, Sender};
use crate::pages::{self, Pages, word};

/// What a read or a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "if `notify` is true, notify the peer"]
pub struct Transfer {
    /// How many bytes were copied: fewer than asked for if the ring has no more, or no more space.
    pub bytes: usize,
    /// Whether to notify the peer.
    pub notify: bool,
}

/// A stream of bytes in each direction, in the pages `M`.
///
/// See the [module](self) for an example, and for what a peer can do.
pub struct Stream<M: Pages> {
    pages: M,
    layout: Layout,
    incoming: Receiver,
    outgoing: Sender,
}

impl<M: Pages> Stream<M> {
    /// The stream with this layout in these pages, from where its indices are. The pages of a new stream
    /// are zero.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pages`] if the pages are too few for the layout. [`AttachError::Index`] if the two
    /// indices of a ring are further apart than it is long. The pages are returned.
    pub fn attach(pages: M, layout: Layout) -> Result<Self, Failed<AttachError, M>> {
        let indices =
            layout.incoming.indices(&pages).and_then(|i| Ok((i, layout.outgoing.indices(&pages)?)));
        match indices {
            Ok(((_, consumed), (produced, acknowledged))) => Ok(Self {
                pages,
                layout,
                incoming: Receiver::new(consumed),
                outgoing: Sender::new(produced, acknowledged),
            }),
            Err(error) => Err(Failed::returning(error, pages)),
        }
    }

    /// The pages.
    #[must_use]
    pub const fn pages(&self) -> &M {
        &self.pages
    }

    /// Where the rings lie.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many bytes can be read.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer claims more bytes than the ring holds.
    #[inline]
    pub fn available(&self) -> Result<usize, BadIndex> {
        available(&self.pages, &self.layout.incoming, &self.incoming)
    }

    /// How many bytes can be written.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer claims to have read more than was written, or its index moved backwards.
    #[inline]
    pub fn free(&mut self) -> Result<usize, BadIndex> {
        free(&self.pages, &self.layout.outgoing, &mut self.outgoing)
    }

    /// Reads as many bytes as there are, at most the length of `to`. Notify the peer if there were any:
    /// it may wait for space.
    ///
    /// # Errors
    ///
    /// As [`available`](Self::available).
    #[inline]
    pub fn read(&mut self, to: &mut [u8]) -> Result<Transfer, BadIndex> {
        read(&self.pages, &self.layout.incoming, &mut self.incoming, to)
    }

    /// Writes as many bytes as there is space for, at most all. Notify the peer if there were any.
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free).
    #[inline]
    pub fn write(&mut self, from: &[u8]) -> Result<Transfer, BadIndex> {
        write(&self.pages, &self.layout.outgoing, &mut self.outgoing, from)
    }

    /// The two directions, for two threads.
    pub fn split(&mut self) -> (Reader<'_, M>, Writer<'_, M>) {
        let Self { pages, layout, incoming, outgoing } = self;
        let reader = Reader { pages, ring: &layout.incoming, index: incoming };
        (reader, Writer { pages, ring: &layout.outgoing, index: outgoing })
    }

    /// Returns the pages. The next [`attach`](Self::attach) goes on where this stream was.
    #[must_use]
    pub fn detach(self) -> M {
        self.pages
    }
}

/// The direction of a [`Stream`] that is read.
pub struct Reader<'s, M: Pages> {
    pages: &'s M,
    ring: &'s ByteRing,
    index: &'s mut Receiver,
}

impl<M: Pages> Reader<'_, M> {
    /// As [`Stream::available`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn available(&self) -> Result<usize, BadIndex> {
        available(self.pages, self.ring, self.index)
    }

    /// As [`Stream::read`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read(&mut self, to: &mut [u8]) -> Result<Transfer, BadIndex> {
        read(self.pages, self.ring, self.index, to)
    }
}

/// The direction of a [`Stream`] that is written.
pub struct Writer<'s, M: Pages> {
    pages: &'s M,
    ring: &'s ByteRing,
    index: &'s mut Sender,
}

impl<M: Pages> Writer<'_, M> {
    /// As [`Stream::free`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn free(&mut self) -> Result<usize, BadIndex> {
        free(self.pages, self.ring, self.index)
    }

    /// As [`Stream::write`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write(&mut self, from: &[u8]) -> Result<Transfer, BadIndex> {
        write(self.pages, self.ring, self.index, from)
    }
}

#[inline]
fn available<M: Pages>(pages: &M, ring: &ByteRing, index: &Receiver) -> Result<usize, BadIndex> {
    let Some(prod) = word(pages, ring.prod) else { return Ok(0) };
    match index.available::<Proven>(&prod, ring.size) {
        Ok(bytes) => Ok(bytes as usize),
        Err(lie) => Err(BadIndex::new(ring.name, ring.prod_name, lie)),
    }
}

#[inline]
fn free<M: Pages>(pages: &M, ring: &ByteRing, index: &mut Sender) -> Result<usize, BadIndex> {
    let Some(cons) = word(pages, ring.cons) else { return Ok(0) };
    match index.free::<Proven>(&cons, ring.size) {
        Ok(bytes) => Ok(bytes as usize),
        Err(lie) => Err(BadIndex::new(ring.name, ring.cons_name, lie)),
    }
}

#[inline]
fn read<M: Pages>(
    pages: &M,
    ring: &ByteRing,
    index: &mut Receiver,
    to: &mut [u8],
) -> Result<Transfer, BadIndex> {
    let bytes = available(pages, ring, index)?.min(to.len());
    if bytes > 0 {
        let (offset, contiguous) = ring.place(index.next());
        let to = &mut to[..bytes];
        if let Some((now, later)) = to.split_at_mut_checked(contiguous) {
            pages::read_bytes(pages, offset, now);
            pages::read_bytes(pages, ring.data, later);
        } else {
            pages::read_bytes(pages, offset, to);
        }
        if let Some(cons) = word(pages, ring.cons) {
            index.release::<Proven>(&cons, bytes as u32);
        }
    }
    Ok(Transfer { bytes, notify: bytes > 0 })
}

#[inline]
fn write<M: Pages>(
    pages: &M,
    ring: &ByteRing,
    index: &mut Sender,
    from: &[u8],
) -> Result<Transfer, BadIndex> {
    let bytes = free(pages, ring, index)?.min(from.len());
    if bytes > 0 {
        let (offset, contiguous) = ring.place(index.next());
        let from = &from[..bytes];
        if let Some((now, later)) = from.split_at_checked(contiguous) {
            pages::write_bytes(pages, offset, now);
            pages::write_bytes(pages, ring.data, later);
        } else {
            pages::write_bytes(pages, offset, from);
        }
        if let Some(prod) = word(pages, ring.prod) {
            index.publish::<Proven>(&prod, bytes as u32);
        }
    }
    Ok(Transfer { bytes, notify: bytes > 0 })
}

impl<M: Pages> fmt::Debug for Stream<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("incoming", &self.layout.incoming.name)
            .field("read", &self.incoming.next())
            .field("outgoing", &self.layout.outgoing.name)
            .field("written", &self.outgoing.next())
            .finish_non_exhaustive()
    }
}

impl<M: Pages> fmt::Debug for Reader<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.ring.name).field(&self.index.next()).finish()
    }
}

impl<M: Pages> fmt::Debug for Writer<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Writer").field(&self.ring.name).field(&self.index.next()).finish()
    }
}
