//! One-way rings of events, in the page of a keyboard, framebuffer, display, sound device or camera.
//!
//! One side sends events and the other receives them; there are no responses and no hold-off: notify the
//! peer after sending. A sender whose ring is full drops the event, as others do.
//!
//! ```
//! use xen_io::ring::event::{EventReceiver, EventSender, KbdifIn};
//! use xen_ops::xen_abi::io::kbdif::{XENKBD_TYPE_KEY, xenkbd_in_event, xenkbd_key};
//! # use xen_sim::{DomainConfig, GuestKind, Xen};
//! # let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh))?;
//! # use xen_ops::Page;
//! # let page = domain.page().ok_or("no page")?;
//! # let (ours, theirs) = (page.view(), page.view());
//!
//! let mut back = EventSender::<KbdifIn, _>::attach(theirs).map_err(|failed| failed.error)?;
//! let key = xenkbd_key { type_: XENKBD_TYPE_KEY as u8, pressed: 1, keycode: 30, ..xenkbd_key::ZERO };
//! assert!(back.send(&xenkbd_in_event::from_key(key))?);
//!
//! let mut front = EventReceiver::<KbdifIn, _>::attach(ours).map_err(|failed| failed.error)?;
//! assert_eq!(front.receive()?.map(|event| event.key().keycode), Some(30));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The number of events is no power of two in any of these pages. Where the indices wrap around, after
//! 2^32 events, the place of the next event therefore jumps; both sides agree on it, but an event that has
//! not been received may be overwritten then.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::Relaxed;

use xen_abi::Plain;
use xen_abi::io::{cameraif, displif, fbif, kbdif, sndif};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;

use crate::error::{AttachError, BadIndex};
use crate::indices::{Lie, Proven, Receiver, Sender};
use crate::pages::{self, Pages, word};

/// Where a ring of events lies in its page, and what they are.
pub trait EventProtocol {
    /// An event.
    type Event: Plain;
    /// The ring's name, for errors.
    const NAME: &'static str;
    /// The sender's index.
    const PROD: Field<u32>;
    /// The name of the sender's index in C.
    const PROD_NAME: &'static str;
    /// The receiver's index.
    const CONS: Field<u32>;
    /// The name of the receiver's index in C.
    const CONS_NAME: &'static str;
    /// The first event's offset, in bytes.
    const OFFSET: usize;
    /// How many events the ring holds.
    const LEN: u32;
}

macro_rules! event_protocols {
    ($($(#[$meta:meta])* $name:ident = $text:literal: $event:ty,
       $page:ty[$prod:ident, $cons:ident], $offset:expr, $len:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl EventProtocol for $name {
            type Event = $event;
            const NAME: &'static str = $text;
            const PROD: Field<u32> = Field::at::<{ core::mem::offset_of!($page, $prod) }>();
            const PROD_NAME: &'static str = stringify!($prod);
            const CONS: Field<u32> = Field::at::<{ core::mem::offset_of!($page, $cons) }>();
            const CONS_NAME: &'static str = stringify!($cons);
            const OFFSET: usize = $offset as usize;
            const LEN: u32 = $len as u32;
        }

        const _: () = fits::<$name>();
    )*};
}

/// Stops compilation unless the ring lies inside the page and aligned, and is not empty.
const fn fits<P: EventProtocol>() {
    let (size, align) = (size_of::<P::Event>(), align_of::<P::Event>());
    assert!(P::LEN > 0 && size > 0 && P::OFFSET + P::LEN as usize * size <= PAGE_SIZE);
    assert!(P::OFFSET % align == 0);
}

event_protocols! {
    /// Keyboards and pointers: input, from the back end.
    KbdifIn = "kbdif in": kbdif::xenkbd_in_event, kbdif::xenkbd_page[in_prod, in_cons],
        kbdif::XENKBD_IN_RING_OFFS, kbdif::XENKBD_IN_RING_LEN;

    /// Keyboards and pointers: events from the front end. None is defined.
    KbdifOut = "kbdif out": kbdif::xenkbd_out_event, kbdif::xenkbd_page[out_prod, out_cons],
        kbdif::XENKBD_OUT_RING_OFFS, kbdif::XENKBD_OUT_RING_LEN;

    /// Framebuffers: events from the back end.
    FbifIn = "fbif in": fbif::xenfb_in_event, fbif::xenfb_page[in_prod, in_cons],
        fbif::XENFB_IN_RING_OFFS, fbif::XENFB_IN_RING_LEN;

    /// Framebuffers: updates from the front end.
    FbifOut = "fbif out": fbif::xenfb_out_event, fbif::xenfb_page[out_prod, out_cons],
        fbif::XENFB_OUT_RING_OFFS, fbif::XENFB_OUT_RING_LEN;

    /// Displays: events from the back end.
    DisplifEvents = "displif events":
        displif::xendispl_evt, displif::xendispl_event_page[in_prod, in_cons],
        displif::XENDISPL_IN_RING_OFFS, displif::XENDISPL_IN_RING_LEN;

    /// Sound devices: events from the back end.
    SndifEvents = "sndif events": sndif::xensnd_evt, sndif::xensnd_event_page[in_prod, in_cons],
        sndif::XENSND_IN_RING_OFFS, sndif::XENSND_IN_RING_LEN;

    /// Cameras: events from the back end.
    CameraifEvents = "cameraif events":
        cameraif::xencamera_evt, cameraif::xencamera_event_page[in_prod, in_cons],
        cameraif::XENCAMERA_IN_RING_OFFS, cameraif::XENCAMERA_IN_RING_LEN;
}

/// The offset of the event with this index.
const fn offset<P: EventProtocol>(index: u32) -> usize {
    P::OFFSET + (index % P::LEN) as usize * size_of::<P::Event>()
}

/// Both indices of a ring in these pages, the sender's first.
fn indices<P: EventProtocol, M: Pages>(pages: &M) -> Result<(u32, u32), AttachError> {
    let (Some(prod), Some(cons)) = (word(pages, P::PROD), word(pages, P::CONS)) else {
        return Err(AttachError::Pages { ring: P::NAME, pages: 0 });
    };
    let (prod, cons) = (prod.load(Relaxed), cons.load(Relaxed));
    if prod.wrapping_sub(cons) > P::LEN {
        let lie = Lie { value: prod, from: cons, allowed: P::LEN };
        return Err(BadIndex::new(P::NAME, P::PROD_NAME, lie).into());
    }
    Ok((prod, cons))
}

/// The side of a ring that sends events.
pub struct EventSender<P: EventProtocol, M: Pages> {
    pages: M,
    index: Sender,
    protocol: PhantomData<fn() -> P>,
}

impl<P: EventProtocol, M: Pages> EventSender<P, M> {
    /// The sender of the ring in this page. The page of a new device is zero.
    ///
    /// # Errors
    ///
    /// [`AttachError`] if the indices are further apart than the ring is long, or if there is no page.
    /// The pages are returned.
    pub fn attach(pages: M) -> Result<Self, Failed<AttachError, M>> {
        match indices::<P, M>(&pages) {
            Ok((prod, cons)) => {
                Ok(Self { pages, index: Sender::new(prod, cons), protocol: PhantomData })
            }
            Err(error) => Err(Failed::returning(error, pages)),
        }
    }

    /// Sends an event, and returns true: notify the peer. False if the ring is full, and then nothing is
    /// sent.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index moved backwards or to an event that was not sent.
    pub fn send(&mut self, event: &P::Event) -> Result<bool, BadIndex> {
        let (Some(prod), Some(cons)) = (word(&self.pages, P::PROD), word(&self.pages, P::CONS))
        else {
            return Ok(false);
        };
        let free = self.index.free::<Proven>(&cons, P::LEN);
        if free.map_err(|lie| BadIndex::new(P::NAME, P::CONS_NAME, lie))? == 0 {
            return Ok(false);
        }
        pages::write(&self.pages, offset::<P>(self.index.next()), event);
        self.index.publish::<Proven>(&prod, 1);
        Ok(true)
    }

    /// Returns the pages.
    #[must_use]
    pub fn detach(self) -> M {
        self.pages
    }
}

/// The side of a ring that receives events.
pub struct EventReceiver<P: EventProtocol, M: Pages> {
    pages: M,
    index: Receiver,
    protocol: PhantomData<fn() -> P>,
}

impl<P: EventProtocol, M: Pages> EventReceiver<P, M> {
    /// The receiver of the ring in this page. The page of a new device is zero.
    ///
    /// # Errors
    ///
    /// As [`EventSender::attach`].
    pub fn attach(pages: M) -> Result<Self, Failed<AttachError, M>> {
        match indices::<P, M>(&pages) {
            Ok((_, cons)) => Ok(Self { pages, index: Receiver::new(cons), protocol: PhantomData }),
            Err(error) => Err(Failed::returning(error, pages)),
        }
    }

    /// Copies the next event out, or returns `None` if there is none. A sender may wait for space, so
    /// notify it when you have received all there are.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer claims more events than the ring holds.
    pub fn receive(&mut self) -> Result<Option<P::Event>, BadIndex> {
        let (Some(prod), Some(cons)) = (word(&self.pages, P::PROD), word(&self.pages, P::CONS))
        else {
            return Ok(None);
        };
        let available = self.index.available::<Proven>(&prod, P::LEN);
        if available.map_err(|lie| BadIndex::new(P::NAME, P::PROD_NAME, lie))? == 0 {
            return Ok(None);
        }
        let event = pages::read(&self.pages, offset::<P>(self.index.next()));
        self.index.release::<Proven>(&cons, 1);
        Ok(Some(event))
    }

    /// Returns the pages.
    #[must_use]
    pub fn detach(self) -> M {
        self.pages
    }
}

impl<P: EventProtocol, M: Pages> fmt::Debug for EventSender<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventSender").field(&P::NAME).field(&self.index).finish()
    }
}

impl<P: EventProtocol, M: Pages> fmt::Debug for EventReceiver<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventReceiver").field(&P::NAME).field(&self.index).finish()
    }
}
