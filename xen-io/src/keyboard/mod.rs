//! Keyboards, pointers and touch screens: the front end, and the events of both ends.
//!
//! A back end sends [`InputEvent`]s through a page of the front end's, and notifies. A [`Keyboard`] takes them.
//!
//! ```
//! use xen_io::keyboard::{InputEvent, Keyboard};
//! use xen_io::ring::event::{EventSender, KbdifIn};
//! # use xen_ops::Page;
//! # use xen_sim::{DomainConfig, GuestKind, Xen};
//! # let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh))?;
//! # let page = domain.page().ok_or("no page")?;
//! # let (ours, theirs) = (page.view(), page.view());
//!
//! let mut keyboard = Keyboard::new(ours).map_err(|failed| failed.error)?;
//! let mut back = EventSender::<KbdifIn, _>::attach(theirs).map_err(|failed| failed.error)?;
//!
//! let pressed = InputEvent::Key { code: 30, pressed: true };
//! assert!(back.send(&pressed.encode())?);
//! assert_eq!(keyboard.next()?, Some(Ok(pressed)));
//! assert_eq!(keyboard.next()?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `setup` has the nodes in xenstore by which both ends agree. The example `keyboard` of xen-sim is a whole program.
//!
//! # What a peer can do
//!
//! Its index is checked, and each event is copied once. An event of an unknown type is an [`UnknownEvent`], which
//! upstream has front ends ignore. Codes, coordinates and contacts are whatever the back end wrote: check them
//! against what the device has before you use one as an index.
//!
//! Upstream: `xen/include/public/io/kbdif.h`.

#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod setup;

use core::fmt;

use xen_abi::io::kbdif::{
    XENKBD_MT_EV_DOWN, XENKBD_MT_EV_MOTION, XENKBD_MT_EV_ORIENT, XENKBD_MT_EV_SHAPE,
    XENKBD_MT_EV_SYN, XENKBD_MT_EV_UP, XENKBD_TYPE_KEY, XENKBD_TYPE_MOTION, XENKBD_TYPE_MTOUCH,
    XENKBD_TYPE_POS, xenkbd_in_event, xenkbd_key, xenkbd_motion, xenkbd_mtouch, xenkbd_mtouch_u,
    xenkbd_mtouch_u_pos, xenkbd_mtouch_u_shape, xenkbd_position,
};
use xen_ops::Failed;

use crate::error::{AttachError, BadIndex};
use crate::pages::Pages;
use crate::ring::event::{EventReceiver, KbdifIn};

/// What a user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// The pointer moved.
    Motion {
        /// To the right.
        x: i32,
        /// Downwards.
        y: i32,
        /// The wheel.
        wheel: i32,
    },
    /// A key or button went down or up.
    Key {
        /// Its code: `KEY_*` or `BTN_*` of Linux.
        code: u32,
        /// Whether it is down.
        pressed: bool,
    },
    /// The pointer is at a position, if the front end asked for positions.
    Position {
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
        /// How far the wheel moved.
        wheel: i32,
    },
    /// Something touches a screen that tells several contacts apart, if the front end asked for that.
    Touch {
        /// Which of the contacts.
        contact: u8,
        /// What it did.
        touch: Touch,
    },
}

/// What a contact did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// It began at a position.
    Down {
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
    },
    /// It ended.
    Up,
    /// It moved to a position.
    Motion {
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
    },
    /// The events before this one belong together.
    Sync,
    /// It is an ellipse with these diameters.
    Shape {
        /// The longer one.
        major: u32,
        /// The shorter one.
        minor: u32,
    },
    /// The ellipse is turned clockwise, in degrees.
    Orientation(i16),
}

/// An event of an unknown type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEvent {
    /// `XENKBD_TYPE_*`.
    pub kind: u8,
    /// Of `XENKBD_TYPE_MTOUCH`, `XENKBD_MT_EV_*`; otherwise 0.
    pub touch: u8,
}

impl fmt::Display for UnknownEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, touch } = self;
        write!(f, "kbdif in: an event of the unknown type {kind}.{touch}: ignore it")
    }
}

impl core::error::Error for UnknownEvent {}

impl InputEvent {
    /// The event in a ring's entry.
    ///
    /// # Errors
    ///
    /// [`UnknownEvent`] if it is of no known type.
    pub fn decode(entry: &xenkbd_in_event) -> Result<Self, UnknownEvent> {
        let kind = *entry.type_();
        Ok(match u32::from(kind) {
            XENKBD_TYPE_MOTION => {
                let motion = entry.motion();
                Self::Motion { x: motion.rel_x, y: motion.rel_y, wheel: motion.rel_z }
            }
            XENKBD_TYPE_KEY => {
                let key = entry.key();
                Self::Key { code: key.keycode, pressed: key.pressed != 0 }
            }
            XENKBD_TYPE_POS => {
                let position = entry.pos();
                Self::Position { x: position.abs_x, y: position.abs_y, wheel: position.rel_z }
            }
            XENKBD_TYPE_MTOUCH => {
                let touch = entry.mtouch();
                let (contact, position, shape) = (touch.contact_id, touch.u.pos(), touch.u.shape());
                let touch = match u32::from(touch.event_type) {
                    XENKBD_MT_EV_DOWN => Touch::Down { x: position.abs_x, y: position.abs_y },
                    XENKBD_MT_EV_UP => Touch::Up,
                    XENKBD_MT_EV_MOTION => Touch::Motion { x: position.abs_x, y: position.abs_y },
                    XENKBD_MT_EV_SYN => Touch::Sync,
                    XENKBD_MT_EV_SHAPE => Touch::Shape { major: shape.major, minor: shape.minor },
                    XENKBD_MT_EV_ORIENT => Touch::Orientation(*touch.u.orientation()),
                    _ => return Err(UnknownEvent { kind, touch: touch.event_type }),
                };
                Self::Touch { contact, touch }
            }
            _ => return Err(UnknownEvent { kind, touch: 0 }),
        })
    }

    /// The ring's entry with this event.
    #[must_use]
    pub fn encode(&self) -> xenkbd_in_event {
        match *self {
            Self::Motion { x, y, wheel } => xenkbd_in_event::from_motion(xenkbd_motion {
                type_: XENKBD_TYPE_MOTION as u8,
                rel_x: x,
                rel_y: y,
                rel_z: wheel,
                ..xenkbd_motion::ZERO
            }),
            Self::Key { code, pressed } => xenkbd_in_event::from_key(xenkbd_key {
                type_: XENKBD_TYPE_KEY as u8,
                pressed: pressed.into(),
                keycode: code,
                ..xenkbd_key::ZERO
            }),
            Self::Position { x, y, wheel } => xenkbd_in_event::from_pos(xenkbd_position {
                type_: XENKBD_TYPE_POS as u8,
                abs_x: x,
                abs_y: y,
                rel_z: wheel,
                ..xenkbd_position::ZERO
            }),
            Self::Touch { contact, touch } => {
                let position =
                    |x, y| xenkbd_mtouch_u::from_pos(xenkbd_mtouch_u_pos { abs_x: x, abs_y: y });
                let (kind, u) = match touch {
                    Touch::Down { x, y } => (XENKBD_MT_EV_DOWN, position(x, y)),
                    Touch::Up => (XENKBD_MT_EV_UP, xenkbd_mtouch_u::ZERO),
                    Touch::Motion { x, y } => (XENKBD_MT_EV_MOTION, position(x, y)),
                    Touch::Sync => (XENKBD_MT_EV_SYN, xenkbd_mtouch_u::ZERO),
                    Touch::Shape { major, minor } => (
                        XENKBD_MT_EV_SHAPE,
                        xenkbd_mtouch_u::from_shape(xenkbd_mtouch_u_shape { major, minor }),
                    ),
                    Touch::Orientation(angle) => {
                        (XENKBD_MT_EV_ORIENT, xenkbd_mtouch_u::from_orientation(angle))
                    }
                };
                xenkbd_in_event::from_mtouch(xenkbd_mtouch {
                    type_: XENKBD_TYPE_MTOUCH as u8,
                    event_type: kind as u8,
                    contact_id: contact,
                    u,
                    ..xenkbd_mtouch::ZERO
                })
            }
        }
    }
}

/// The front end of a keyboard, pointer or touch screen, whose events come through the page `M`.
pub struct Keyboard<M: Pages> {
    events: EventReceiver<KbdifIn, M>,
}

impl<M: Pages> Keyboard<M> {
    /// The front end with this page, which is zero for a new device. With the page of a device that is in use,
    /// it goes on where that was.
    ///
    /// # Errors
    ///
    /// As [`EventReceiver::attach`]. The page is returned.
    pub fn new(page: M) -> Result<Self, Failed<AttachError, M>> {
        Ok(Self { events: EventReceiver::attach(page)? })
    }

    /// The next event, or `None` if there is none. The back end notifies after it has sent some.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the back end's index is not possible: close the device. The inner result is an error for
    /// an event to be ignored.
    #[allow(clippy::should_implement_trait, reason = "an iterator that returns None is at its end")]
    pub fn next(&mut self) -> Result<Option<Result<InputEvent, UnknownEvent>>, BadIndex> {
        Ok(self.events.receive()?.map(|entry| InputEvent::decode(&entry)))
    }

    /// Returns the page.
    #[must_use]
    pub fn detach(self) -> M {
        self.events.detach()
    }
}

impl<M: Pages> fmt::Debug for Keyboard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyboard").finish_non_exhaustive()
    }
}
