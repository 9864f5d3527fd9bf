//! Framebuffers: the front end.
//!
//! The pixels lie in memory of the front end's, in pages that need not be contiguous. The back end finds them by
//! frame numbers: those of directories, in the page that both share, each of which has the numbers of the
//! pixels' pages. No page of pixels is granted: only a back end that may map foreign memory can serve this
//! protocol. A [`Framebuffer`] tells it what has changed.
//!
//! ```
//! use xen_io::framebuffer::{Area, Framebuffer, Geometry, Update};
//! use xen_io::ring::event::{EventReceiver, FbifOut};
//! # use xen_ops::Page;
//! # use xen_sim::{DomainConfig, GuestKind, Xen};
//! # let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh))?;
//! # let page = domain.page().ok_or("no page")?;
//! # let (ours, theirs) = (page.view(), page.view());
//!
//! let geometry = Geometry::new(640, 480, 32).ok_or("a picture")?;
//! assert_eq!((geometry.stride(), geometry.pages(), geometry.directories()), (2560, 300, 1));
//! let mut screen = Framebuffer::new(ours, geometry, &[77])?;
//! let area = Area { x: 0, y: 0, width: 640, height: 16 };
//! let sent = screen.update(area)?;
//! assert!(sent);
//!
//! // The back end.
//! let mut events = EventReceiver::<FbifOut, _>::attach(theirs).map_err(|failed| failed.error)?;
//! let event = events.receive()?.ok_or("no event")?;
//! assert_eq!(Update::decode(&event), Some(Update::Changed(area)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `setup` has the nodes in xenstore by which both ends agree. The example `framebuffer` of xen-sim is a whole program,
//! with a back end and a keyboard.
//!
//! # What a peer can do
//!
//! Its indices are checked, and each event is copied once. What it asks, a time between updates, is only a wish.
//! What a front end sends is checked by nothing but the back end: [`Update::decode`] believes no size.
//!
//! Upstream: `xen/include/public/io/fbif.h`.

#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod setup;

use core::fmt;
use core::mem::offset_of;

use xen_abi::io::fbif::{
    XENFB_TYPE_REFRESH_PERIOD, XENFB_TYPE_RESIZE, XENFB_TYPE_UPDATE, xenfb_out_event, xenfb_page,
    xenfb_resize, xenfb_update,
};
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View};

use crate::error::{AttachError, BadIndex};
use crate::ring::event::{EventReceiver, EventSender, FbifIn, FbifOut};

/// Frame numbers in a directory: C's `unsigned long`, which is as large as an address.
const NUMBERS: usize = PAGE_SIZE / size_of::<usize>();
/// Directories in the page.
const DIRECTORIES: usize = 256;

/// The size of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    width: u32,
    height: u32,
    depth: u8,
    stride: u32,
    bytes: u32,
}

impl Geometry {
    /// A picture of `width` times `height` pixels, each of `depth` bits: 8, 16, 24 or 32. `None` for another
    /// depth, if there is no pixel, or if the directories do not fit the page, which is from 512 MiB on.
    #[must_use]
    pub const fn new(width: u32, height: u32, depth: u8) -> Option<Self> {
        // 24 bits are in four bytes, as Linux has them.
        let bytes = match depth {
            8 => 1,
            16 => 2,
            24 | 32 => 4,
            _ => return None,
        };
        let Some(stride) = width.checked_mul(bytes) else { return None };
        let Some(bytes) = stride.checked_mul(height) else { return None };
        let fits = bytes as usize <= DIRECTORIES * NUMBERS * PAGE_SIZE;
        if width == 0
            || height == 0
            || !fits
            || stride > i32::MAX as u32
            || height > i32::MAX as u32
        {
            return None;
        }
        Some(Self { width, height, depth, stride, bytes })
    }

    /// Pixels in a line.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Lines.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Bytes in a line.
    #[must_use]
    pub const fn stride(&self) -> u32 {
        self.stride
    }

    /// How many pages have the pixels.
    #[must_use]
    pub const fn pages(&self) -> usize {
        (self.bytes as usize).div_ceil(PAGE_SIZE)
    }

    /// How many directories have the numbers of those pages: each is a page of them.
    #[must_use]
    pub const fn directories(&self) -> usize {
        self.pages().div_ceil(NUMBERS)
    }
}

/// Pixels in a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// To the right.
    pub width: u32,
    /// Downwards.
    pub height: u32,
}

impl Area {
    /// Whether it is not empty and inside a picture.
    #[must_use]
    pub const fn is_inside(&self, geometry: &Geometry) -> bool {
        let Self { x, y, width, height } = *self;
        width > 0
            && height > 0
            && x < geometry.width
            && y < geometry.height
            && width <= geometry.width - x
            && height <= geometry.height - y
    }
}

/// What a front end tells its back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// These pixels have changed.
    Changed(Area),
    /// The picture has another size from now on.
    Resized {
        /// The size. Its lines are not padded: an event whose lines are is not decoded.
        geometry: Geometry,
        /// Where the picture begins, in bytes from the first page. It may end past the memory that the page of the
        /// device says there is: check that before reading any pixel.
        offset: u32,
    },
}

impl Update {
    /// The update in a ring's entry, for a back end. `None` if it is of an unknown type, has a negative number, or a
    /// size that is not possible. An area may extend past the picture: see [`Area::is_inside`].
    #[must_use]
    pub fn decode(entry: &xenfb_out_event) -> Option<Self> {
        let number = |value: i32| u32::try_from(value).ok();
        match u32::from(*entry.type_()) {
            XENFB_TYPE_UPDATE => {
                let update = entry.update();
                Some(Self::Changed(Area {
                    x: number(update.x)?,
                    y: number(update.y)?,
                    width: number(update.width)?,
                    height: number(update.height)?,
                }))
            }
            XENFB_TYPE_RESIZE => {
                let resize = entry.resize();
                let depth = u8::try_from(resize.depth).ok()?;
                let geometry = Geometry::new(number(resize.width)?, number(resize.height)?, depth)?;
                if number(resize.stride)? != geometry.stride {
                    return None;
                }
                Some(Self::Resized { geometry, offset: number(resize.offset)? })
            }
            _ => None,
        }
    }

    /// The ring's entry of an update whose area is inside a picture, or whose picture begins with its memory: no
    /// number is above `i32::MAX`.
    fn encode(&self) -> xenfb_out_event {
        match *self {
            Self::Changed(area) => xenfb_out_event::from_update(xenfb_update {
                type_: XENFB_TYPE_UPDATE as u8,
                x: area.x as i32,
                y: area.y as i32,
                width: area.width as i32,
                height: area.height as i32,
                ..xenfb_update::ZERO
            }),
            Self::Resized { geometry, offset } => xenfb_out_event::from_resize(xenfb_resize {
                type_: XENFB_TYPE_RESIZE as u8,
                width: geometry.width as i32,
                height: geometry.height as i32,
                stride: geometry.stride as i32,
                depth: geometry.depth.into(),
                offset: offset as i32,
                ..xenfb_resize::ZERO
            }),
        }
    }
}

/// Why there is no framebuffer, or an update is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramebufferError {
    /// The page's indices are not those of a ring.
    Attach(AttachError),
    /// The back end's index is not possible: close the device.
    Index(BadIndex),
    /// So many directories were given, not as many as the picture has.
    Directories {
        /// How many were given.
        given: usize,
        /// How many it has.
        needed: usize,
    },
    /// The area is empty, or not inside the picture.
    Area(Area),
    /// The picture takes more pages than the first one did.
    TooLarge,
}

impl fmt::Display for FramebufferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attach(error) => error.fmt(f),
            Self::Index(error) => error.fmt(f),
            Self::Directories { given, needed } => {
                write!(f, "fbif: {given} directories, but the picture has {needed}")
            }
            Self::Area(Area { x, y, width, height }) => {
                write!(f, "fbif: {width}x{height} pixels at {x},{y} are not inside the picture")
            }
            Self::TooLarge => {
                f.write_str("fbif: the picture takes more pages than there are: make a new device")
            }
        }
    }
}

impl core::error::Error for FramebufferError {}

impl From<BadIndex> for FramebufferError {
    fn from(error: BadIndex) -> Self {
        Self::Index(error)
    }
}

/// The front end of a framebuffer, with the page that it shares with the back end.
pub struct Framebuffer<'p> {
    updates: EventSender<FbifOut, View<'p, ReadWrite>>,
    wishes: EventReceiver<FbifIn, View<'p, ReadWrite>>,
    geometry: Geometry,
    bytes: u32,
}

impl<'p> Framebuffer<'p> {
    /// A framebuffer of this size. `directories` are the frame numbers of its directories, each of which is a page of
    /// frame numbers, those of the pages with pixels. The page is zero before.
    ///
    /// # Errors
    ///
    /// [`FramebufferError::Directories`] if they are not as many as the picture has;
    /// [`FramebufferError::Attach`] if the page's indices are not those of a new device.
    pub fn new(
        page: View<'p, ReadWrite>,
        geometry: Geometry,
        directories: &[usize],
    ) -> Result<Self, FramebufferError> {
        let (given, needed) = (directories.len(), geometry.directories());
        if given != needed {
            return Err(FramebufferError::Directories { given, needed });
        }
        let failed = |error| FramebufferError::Attach(error);
        let updates = EventSender::attach(page).map_err(|error| failed(error.error))?;
        let wishes = EventReceiver::attach(page).map_err(|error| failed(error.error))?;
        const FIRST: usize = offset_of!(xenfb_page, pd);
        for (index, frame) in directories.iter().enumerate() {
            // There are at most 256.
            let _ = page.write(FIRST + index * size_of::<usize>(), &frame.to_ne_bytes());
        }
        page.at(Field::<i32>::at::<{ offset_of!(xenfb_page, width) }>())
            .write(&(geometry.width as i32));
        page.at(Field::<i32>::at::<{ offset_of!(xenfb_page, height) }>())
            .write(&(geometry.height as i32));
        page.at(Field::<u32>::at::<{ offset_of!(xenfb_page, line_length) }>())
            .write(&geometry.stride);
        page.at(Field::<u32>::at::<{ offset_of!(xenfb_page, mem_length) }>())
            .write(&geometry.bytes);
        page.at(Field::<u8>::at::<{ offset_of!(xenfb_page, depth) }>()).write(&geometry.depth);
        Ok(Self { updates, wishes, geometry, bytes: geometry.bytes })
    }

    /// The size of the picture.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Says that pixels have changed, if the back end asked for that in `request-update`. True: notify it. False
    /// if it has not taken the updates before, and this one was not sent.
    ///
    /// # Errors
    ///
    /// [`FramebufferError::Area`] and [`FramebufferError::Index`].
    pub fn update(&mut self, area: Area) -> Result<bool, FramebufferError> {
        if !area.is_inside(&self.geometry) {
            return Err(FramebufferError::Area(area));
        }
        Ok(self.updates.send(&Update::Changed(area).encode())?)
    }

    /// Says that the picture has another size, if the back end has `feature-resize`. It begins at the first page.
    /// True: notify the back end. False if it was not sent, and the size is as before.
    ///
    /// # Errors
    ///
    /// [`FramebufferError::TooLarge`] and [`FramebufferError::Index`].
    pub fn resize(&mut self, geometry: Geometry) -> Result<bool, FramebufferError> {
        if geometry.bytes > self.bytes {
            return Err(FramebufferError::TooLarge);
        }
        let sent = self.updates.send(&Update::Resized { geometry, offset: 0 }.encode())?;
        if sent {
            self.geometry = geometry;
        }
        Ok(sent)
    }

    /// The next wish of the back end: how many milliseconds it would like between updates, 0 for none at all.
    /// `None` if there is none. Events of unknown types are skipped.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the back end's index is not possible: close the device.
    pub fn refresh_period(&mut self) -> Result<Option<u32>, BadIndex> {
        // As many as the ring holds at most: a back end that goes on sending does not keep this busy.
        for _ in 0..xen_abi::io::fbif::XENFB_IN_RING_LEN {
            match self.wishes.receive()? {
                Some(event) if u32::from(*event.type_()) == XENFB_TYPE_REFRESH_PERIOD => {
                    return Ok(Some(event.refresh_period().period));
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Framebuffer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framebuffer").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}
