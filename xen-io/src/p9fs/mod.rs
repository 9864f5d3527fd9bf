//! A client of the file systems that a back end serves by 9P: reading and writing files.
//!
//! Requests and replies are messages in a [stream](crate::stream::flex). The dialect is `9P2000.u`, which QEMU
//! and xen-9pfsd serve. [`Client`] makes one request at a time and waits for its reply.
//!
//! ```no_run
//! use xen_io::EventChannel;
//! use xen_io::p9fs::{Client, Error, Mode};
//! use xen_io::stream::{Blocking, ByteStream};
//!
//! /// Appends to a file, and returns how long it was.
//! fn append<S: ByteStream, E: EventChannel>(
//!     stream: Blocking<S, E>,
//!     text: &[u8],
//! ) -> Result<u64, Error<E::Error>> {
//!     let mut client = Client::new(stream, [0; 4096])?;
//!     let root = client.attach("", "/")?;
//!     let mut file = client.walk(&root, &["log", "today"])?;
//!     client.open(&mut file, Mode::WRITE)?;
//!     let end = client.stat(&file)?.length;
//!     let mut written = 0;
//!     while written < text.len() {
//!         written += client.write(&file, end + written as u64, &text[written..])?;
//!     }
//!     client.clunk(file)?;
//!     client.clunk(root)?;
//!     Ok(end)
//! }
//! ```
//!
//! `setup` has the nodes in xenstore by which both ends agree. The example `p9fs` of xen-sim is a whole program,
//! with a small server.
//!
//! # What a peer can do
//!
//! Every reply is checked before it is used: its length, its tag, its type, each length inside it, and that it
//! says no more than was asked. A reply that is wrong is an [`Error::Reply`], after which the client answers
//! each call with [`Error::Broken`]: where the next reply begins is not known then. An error that the server
//! reports is an [`Error::Server`], and the client goes on.
//!
//! # What is left out
//!
//! Listing directories, changing attributes, and more than one request at a time.
//!
//! Upstream: `xen/include/public/io/9pfs.h`, `docs/misc/9pfs.pandoc`; the messages are those of Plan 9's manual,
//! section 5, with the additions of `9P2000.u`.

mod client;
mod error;
#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod setup;
mod wire;

use core::ops::BitOr;

pub use client::{Client, Fid, MAX_NAMES, MIN_MESSAGE};
pub use error::{BadReply, Error};

/// What the server says of a file's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qid {
    /// The kind, as bits: 0x80 for a directory.
    pub kind: u8,
    /// It changes with the file's contents.
    pub version: u32,
    /// The same for two files only if they are one.
    pub path: u64,
}

impl Qid {
    /// Whether it is a directory.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        self.kind & 0x80 != 0
    }
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its identity.
    pub qid: Qid,
    /// Permissions, and the kind in the upper bits.
    pub mode: u32,
    /// When it was last read, in seconds since 1970.
    pub accessed: u32,
    /// When it was last written, in seconds since 1970.
    pub modified: u32,
    /// Its length in bytes.
    pub length: u64,
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u8);

impl Mode {
    /// Reading.
    pub const READ: Self = Self(0);
    /// Writing.
    pub const WRITE: Self = Self(1);
    /// Both.
    pub const READ_WRITE: Self = Self(2);
    /// The file is emptied: in addition to writing.
    pub const TRUNCATE: Self = Self(0x10);

    /// The byte in a message.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Mode {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
