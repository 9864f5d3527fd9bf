//! Replies and watch events.

use core::fmt;

use xen_ops::xen_abi::io::xs_wire::{XS_WATCH_EVENT, xsd_sockmsg};

use super::number::parse;
use super::{EncodeError, HEADER_SIZE, PAYLOAD_MAX, Strings, header_to_bytes};
use crate::xenstore::Path;
#[cfg(feature = "alloc")]
use crate::xenstore::Permissions;

/// A reply or event that breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedReply {
    /// What was expected.
    pub expected: &'static str,
}

/// A change of something that is watched: the payload of `WATCH_EVENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchEvent<'a> {
    /// The node that changed; relative if the watch's path is. May be the watch's own node when something
    /// above it was removed.
    pub path: Path<'a>,
    /// The watch's token.
    pub token: &'a [u8],
}

/// The payload of `DIRECTORY_PART`'s reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryPart<'a> {
    /// Changes when the node does. Parts of one list have the same.
    pub generation: u64,
    /// Names, each with its zero byte.
    pub names: &'a [u8],
    /// Whether the list ends here.
    pub last: bool,
}

impl<'a> WatchEvent<'a> {
    /// The event in a payload.
    ///
    /// # Errors
    ///
    /// [`MalformedReply`] unless it is a path and a token.
    pub fn decode(payload: &'a [u8]) -> Result<Self, MalformedReply> {
        let malformed = MalformedReply { expected: "the path and token of a watch event" };
        let [path, token] = Strings::new(payload).exactly().ok_or(malformed)?;
        Ok(Self { path: Path::from_bytes(path).map_err(|_| malformed)?, token })
    }
}

impl<'a> DirectoryPart<'a> {
    /// The part of a list in a payload.
    ///
    /// # Errors
    ///
    /// [`MalformedReply`] unless it is a number and zero-terminated names.
    pub fn decode(payload: &'a [u8]) -> Result<Self, MalformedReply> {
        let malformed = MalformedReply { expected: "a generation and names" };
        let mut strings = Strings::new(payload);
        let generation = strings.next().and_then(parse::<u64>).ok_or(malformed)?;
        let names = strings.rest();
        // An empty name is the list's end.
        match names {
            [] => Err(malformed),
            [0] => Ok(Self { generation, names: &[], last: true }),
            [.., 0, 0] => {
                let names = names.get(..names.len() - 1).unwrap_or_default();
                Ok(Self { generation, names, last: true })
            }
            [.., 0] => Ok(Self { generation, names, last: false }),
            _ => Err(malformed),
        }
    }
}

/// The string of a payload that is one. Its final zero byte may be missing, as it is in replies of some
/// xenstoreds.
#[cfg(feature = "alloc")]
pub(crate) fn string(payload: &[u8]) -> Option<&[u8]> {
    let string = payload.strip_suffix(&[0]).unwrap_or(payload);
    (!string.contains(&0)).then_some(string)
}

/// The number of a payload that is one.
#[cfg(feature = "alloc")]
pub(crate) fn number<T: TryFrom<u64>>(payload: &[u8]) -> Result<T, MalformedReply> {
    let expected = MalformedReply { expected: "a decimal number" };
    string(payload).and_then(parse).ok_or(expected)
}

/// The permissions of a payload that is a list of them.
#[cfg(feature = "alloc")]
pub(crate) fn permissions(payload: &[u8]) -> Result<Permissions<'_>, MalformedReply> {
    Permissions::from_payload(payload).ok_or(MalformedReply { expected: "a list of permissions" })
}

/// Writes a watch event to the start of `buffer`, and returns the part that it takes: for servers.
///
/// # Errors
///
/// [`EncodeError`] if it is too long, or the token has a zero byte.
pub fn encode_event<'b>(
    event: &WatchEvent<'_>,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], EncodeError> {
    let path = event.path.as_str().as_bytes();
    if event.token.contains(&0) {
        return Err(EncodeError::ZeroByte);
    }
    let length = path.len() + event.token.len() + 2;
    let max = buffer.len().saturating_sub(HEADER_SIZE).min(PAYLOAD_MAX);
    let too_long = EncodeError::TooLong { length, max };
    let message = buffer.get_mut(..HEADER_SIZE + length).ok_or(too_long)?;
    if length > max {
        return Err(too_long);
    }
    let header = xsd_sockmsg { type_: XS_WATCH_EVENT, req_id: 0, tx_id: 0, len: length as u32 };
    let (to, payload) = message.split_at_mut(HEADER_SIZE);
    to.copy_from_slice(&header_to_bytes(&header));
    let (to, token) = payload.split_at_mut(path.len() + 1);
    to[..path.len()].copy_from_slice(path);
    to[path.len()] = 0;
    token[..event.token.len()].copy_from_slice(event.token);
    token[event.token.len()] = 0;
    Ok(message)
}

impl fmt::Display for MalformedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "xenstored's reply is malformed: expected {}", self.expected)
    }
}

impl core::error::Error for MalformedReply {}
