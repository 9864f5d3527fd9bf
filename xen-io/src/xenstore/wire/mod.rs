//! Messages as bytes, without an allocator and without input or output.
//!
//! A message is a header, `struct xsd_sockmsg`, and up to [`PAYLOAD_MAX`] bytes of payload. A client
//! [encodes](Request::encode) a [`Request`] into a buffer of its own, and takes replies and watch events
//! from a [`Receiver`]. A server does the opposite.
//!
//! ```
//! use xen_io::xenstore::Path;
//! use xen_io::xenstore::wire::{MESSAGE_MAX, Receiver, Request};
//!
//! // A client asks for a value.
//! let mut buffer = [0; MESSAGE_MAX];
//! let request = Request::Read(Path::new("device/vif/0/mac")?);
//! let bytes = request.encode(7, 0, &mut buffer)?;
//!
//! // A server receives the bytes in whatever portions they come.
//! let mut receiver = Receiver::new();
//! let mut rest = &bytes[..];
//! while receiver.message().is_none() {
//!     rest = &rest[receiver.feed(rest)?..];
//! }
//! let message = receiver.message().unwrap();
//! assert_eq!(message.header.req_id, 7);
//! assert_eq!(Request::decode(message.header.type_, message.payload)?, request);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Upstream: `docs/misc/xenstore.txt`, `xen/include/public/io/xs_wire.h`.

mod error_name;
mod number;
mod receiver;
pub(crate) mod reply;
mod request;
mod strings;

use xen_ops::xen_abi::io::xs_wire::{XENSTORE_PAYLOAD_MAX, xsd_sockmsg, xsd_sockmsg_type};

pub use error_name::ErrorName;
pub(crate) use number::{Decimal, parse as parse_number};
pub use receiver::{Message, PayloadTooLong, Receiver};
pub use reply::{DirectoryPart, MalformedReply, WatchEvent, encode_event};
pub use request::{EncodeError, MalformedRequest, QuotaName, Request};
pub use strings::Strings;

/// Bytes in a header.
pub const HEADER_SIZE: usize = size_of::<xsd_sockmsg>();

/// Bytes of payload that a message may have: `XENSTORE_PAYLOAD_MAX`.
pub const PAYLOAD_MAX: usize = XENSTORE_PAYLOAD_MAX as usize;

/// Bytes in the longest message.
pub const MESSAGE_MAX: usize = HEADER_SIZE + PAYLOAD_MAX;

/// Returns or limits the features that a domain may use. Since Xen 4.22.
pub const XS_GET_FEATURE: xsd_sockmsg_type = xsd_sockmsg_type(23);
/// Sets the features that a domain may use. Since Xen 4.22.
pub const XS_SET_FEATURE: xsd_sockmsg_type = xsd_sockmsg_type(24);
/// Returns a quota. Since Xen 4.22.
pub const XS_GET_QUOTA: xsd_sockmsg_type = xsd_sockmsg_type(25);
/// Sets a quota. Since Xen 4.22.
pub const XS_SET_QUOTA: xsd_sockmsg_type = xsd_sockmsg_type(26);

/// The bytes of a header.
#[must_use]
pub const fn header_to_bytes(header: &xsd_sockmsg) -> [u8; HEADER_SIZE] {
    let [a, b, c, d] = header.type_.0.to_le_bytes();
    let [e, f, g, h] = header.req_id.to_le_bytes();
    let [i, j, k, l] = header.tx_id.to_le_bytes();
    let [m, n, o, p] = header.len.to_le_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// The header with these bytes.
#[must_use]
pub const fn header_from_bytes(bytes: [u8; HEADER_SIZE]) -> xsd_sockmsg {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    xsd_sockmsg {
        type_: xsd_sockmsg_type(u32::from_le_bytes([a, b, c, d])),
        req_id: u32::from_le_bytes([e, f, g, h]),
        tx_id: u32::from_le_bytes([i, j, k, l]),
        len: u32::from_le_bytes([m, n, o, p]),
    }
}

/// The name of a message type as the protocol's document has it, `READ` for example.
#[must_use]
pub fn type_name(kind: xsd_sockmsg_type) -> Option<&'static str> {
    match kind {
        XS_GET_FEATURE => Some("GET_FEATURE"),
        XS_SET_FEATURE => Some("SET_FEATURE"),
        XS_GET_QUOTA => Some("GET_QUOTA"),
        XS_SET_QUOTA => Some("SET_QUOTA"),
        _ => kind.name()?.strip_prefix("XS_"),
    }
}
