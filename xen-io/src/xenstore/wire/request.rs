//! Requests.

use core::fmt;

use xen_ops::xen_abi::io::xs_wire::*;
use xen_ops::xen_abi::xen::domid_t;

use super::number::{Decimal, parse};
use super::{HEADER_SIZE, PAYLOAD_MAX, Strings, header_to_bytes};
use super::{XS_GET_FEATURE, XS_GET_QUOTA, XS_SET_FEATURE, XS_SET_QUOTA};
use crate::xenstore::{Path, PathError, Permissions};

/// A request of a client's.
///
/// A token is any bytes but zero. Which domains may make a request is xenstored's decision; "privileged"
/// below stands for the control domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// `READ`: a node's value.
    Read(Path<'a>),
    /// `WRITE`: sets a node's value, and creates the node and its parents.
    Write {
        /// The node.
        path: Path<'a>,
        /// Any bytes.
        value: &'a [u8],
    },
    /// `MKDIR`: creates a node and its parents, if it does not exist.
    Mkdir(Path<'a>),
    /// `RM`: removes a node and what is below it.
    Rm(Path<'a>),
    /// `DIRECTORY`: the names of a node's children.
    Directory(Path<'a>),
    /// `DIRECTORY_PART`: the same, from a place in the list on.
    DirectoryPart {
        /// The node.
        path: Path<'a>,
        /// Bytes of the list to skip.
        offset: u32,
    },
    /// `GET_PERMS`: a node's permissions.
    GetPerms(Path<'a>),
    /// `SET_PERMS`: sets them.
    SetPerms {
        /// The node.
        path: Path<'a>,
        /// The new list.
        permissions: Permissions<'a>,
    },
    /// `WATCH`: events for a node and what is below it.
    Watch {
        /// The node.
        path: Path<'a>,
        /// Names the watch in its events.
        token: &'a [u8],
        /// Levels below the node that are watched; all if `None`. Since Xen 4.22.
        depth: Option<u32>,
    },
    /// `UNWATCH`: removes a watch.
    Unwatch {
        /// The watch's node.
        path: Path<'a>,
        /// The watch's token.
        token: &'a [u8],
    },
    /// `RESET_WATCHES`: removes all watches and transactions of the client.
    ResetWatches,
    /// `TRANSACTION_START`.
    TransactionStart,
    /// `TRANSACTION_END`.
    TransactionEnd {
        /// Whether its changes are made; otherwise they are discarded.
        commit: bool,
    },
    /// `INTRODUCE`: connects a domain to xenstored. Privileged.
    Introduce {
        /// The domain.
        domid: domid_t,
        /// The frame of its page.
        gfn: u64,
        /// Its event channel for xenstored.
        port: u32,
    },
    /// `RELEASE`: disconnects a domain. Privileged.
    Release(domid_t),
    /// `GET_DOMAIN_PATH`: a domain's own directory.
    GetDomainPath(domid_t),
    /// `IS_DOMAIN_INTRODUCED`. Privileged.
    IsDomainIntroduced(domid_t),
    /// `RESUME`: a domain that was shut down runs again. Privileged.
    Resume(domid_t),
    /// `SET_TARGET`: gives a domain the permissions of another. Privileged.
    SetTarget {
        /// The domain that gets them.
        domid: domid_t,
        /// The other.
        target: domid_t,
    },
    /// `GET_FEATURE`: the features that the caller or a domain may use, `XENSTORE_SERVER_FEATURE_*`.
    GetFeature(Option<domid_t>),
    /// `SET_FEATURE`: sets them for a domain that is not introduced yet. Privileged.
    SetFeature {
        /// The domain.
        domid: domid_t,
        /// The features.
        features: u32,
    },
    /// `GET_QUOTA`. Privileged.
    GetQuota(QuotaName<'a>),
    /// `SET_QUOTA`. Privileged.
    SetQuota {
        /// Which: [`QuotaName::Names`] cannot be set.
        quota: QuotaName<'a>,
        /// The new value; 0 for no limit.
        value: u32,
    },
    /// `CONTROL`: a command to xenstored itself, and its arguments. Privileged.
    Control {
        /// Zero-terminated strings, and what follows the last.
        arguments: &'a [u8],
    },
}

/// What `GET_QUOTA` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaName<'a> {
    /// The names of all quotas, separated by blanks.
    Names,
    /// The value for new domains.
    Global(&'a [u8]),
    /// The value for one domain.
    Domain(domid_t, &'a [u8]),
}

/// Why a request was not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The payload is longer than [`PAYLOAD_MAX`], which would end the connection, or than the buffer.
    TooLong {
        /// Bytes of payload.
        length: usize,
        /// Bytes that it may have.
        max: usize,
    },
    /// A token or name has a zero byte.
    ZeroByte,
}

/// Why a payload is no request. xenstored answers `EINVAL` or, to a type that it does not know, `ENOSYS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedRequest {
    /// No request has this type.
    UnknownType(xsd_sockmsg_type),
    /// A path is not valid.
    Path(PathError),
    /// The payload has not the parts that the type needs.
    Payload(xsd_sockmsg_type),
}

impl<'a> Request<'a> {
    /// The type in the header.
    #[must_use]
    pub const fn message_type(&self) -> xsd_sockmsg_type {
        match self {
            Self::Read(_) => XS_READ,
            Self::Write { .. } => XS_WRITE,
            Self::Mkdir(_) => XS_MKDIR,
            Self::Rm(_) => XS_RM,
            Self::Directory(_) => XS_DIRECTORY,
            Self::DirectoryPart { .. } => XS_DIRECTORY_PART,
            Self::GetPerms(_) => XS_GET_PERMS,
            Self::SetPerms { .. } => XS_SET_PERMS,
            Self::Watch { .. } => XS_WATCH,
            Self::Unwatch { .. } => XS_UNWATCH,
            Self::ResetWatches => XS_RESET_WATCHES,
            Self::TransactionStart => XS_TRANSACTION_START,
            Self::TransactionEnd { .. } => XS_TRANSACTION_END,
            Self::Introduce { .. } => XS_INTRODUCE,
            Self::Release(_) => XS_RELEASE,
            Self::GetDomainPath(_) => XS_GET_DOMAIN_PATH,
            Self::IsDomainIntroduced(_) => XS_IS_DOMAIN_INTRODUCED,
            Self::Resume(_) => XS_RESUME,
            Self::SetTarget { .. } => XS_SET_TARGET,
            Self::GetFeature(_) => XS_GET_FEATURE,
            Self::SetFeature { .. } => XS_SET_FEATURE,
            Self::GetQuota(_) => XS_GET_QUOTA,
            Self::SetQuota { .. } => XS_SET_QUOTA,
            Self::Control { .. } => XS_CONTROL,
        }
    }

    /// Writes the message to the start of `buffer`, and returns the part that it takes. A buffer of
    /// [`MESSAGE_MAX`](super::MESSAGE_MAX) bytes has space for any request.
    ///
    /// `request_id` is repeated in the reply. `transaction` is the id of a transaction, or 0.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the message is too long, or a token or name has a zero byte.
    pub fn encode<'b>(
        &self,
        request_id: u32,
        transaction: u32,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], EncodeError> {
        let available = buffer.len().saturating_sub(HEADER_SIZE).min(PAYLOAD_MAX);
        let mut payload = Payload {
            buffer: buffer.get_mut(HEADER_SIZE..).unwrap_or_default(),
            available,
            length: 0,
            zero_byte: false,
        };
        self.payload(&mut payload);
        let Payload { length, zero_byte, .. } = payload;
        if zero_byte {
            return Err(EncodeError::ZeroByte);
        }
        let too_long = EncodeError::TooLong { length, max: available };
        if length > available {
            return Err(too_long);
        }
        let header = header_to_bytes(&xsd_sockmsg {
            type_: self.message_type(),
            req_id: request_id,
            tx_id: transaction,
            len: length as u32,
        });
        buffer.get_mut(..HEADER_SIZE).ok_or(too_long)?.copy_from_slice(&header);
        buffer.get(..HEADER_SIZE + length).ok_or(too_long)
    }

    fn payload(&self, to: &mut Payload<'_>) {
        match *self {
            Self::Read(path)
            | Self::Mkdir(path)
            | Self::Rm(path)
            | Self::Directory(path)
            | Self::GetPerms(path) => to.string(path.as_str().as_bytes()),
            Self::Write { path, value } => {
                to.string(path.as_str().as_bytes());
                to.bytes(value);
            }
            Self::DirectoryPart { path, offset } => {
                to.string(path.as_str().as_bytes());
                to.number(u64::from(offset));
            }
            Self::SetPerms { path, permissions } => {
                to.string(path.as_str().as_bytes());
                for permission in permissions.iter() {
                    let (bytes, length) = permission.to_bytes();
                    to.bytes(&bytes[..length]);
                }
            }
            Self::Watch { path, token, depth } => {
                to.string(path.as_str().as_bytes());
                to.string(token);
                if let Some(depth) = depth {
                    to.number(u64::from(depth));
                }
            }
            Self::Unwatch { path, token } => {
                to.string(path.as_str().as_bytes());
                to.string(token);
            }
            // xenstored expects an empty string in these.
            Self::ResetWatches | Self::TransactionStart => to.string(b""),
            Self::TransactionEnd { commit } => to.string(if commit { b"T" } else { b"F" }),
            Self::Introduce { domid, gfn, port } => {
                to.domid(domid);
                to.number(gfn);
                to.number(u64::from(port));
            }
            Self::Release(domid)
            | Self::GetDomainPath(domid)
            | Self::IsDomainIntroduced(domid)
            | Self::Resume(domid)
            | Self::GetFeature(Some(domid)) => to.domid(domid),
            Self::SetTarget { domid, target } => {
                to.domid(domid);
                to.domid(target);
            }
            Self::GetFeature(None) | Self::GetQuota(QuotaName::Names) => {}
            Self::SetFeature { domid, features } => {
                to.domid(domid);
                to.number(u64::from(features));
            }
            Self::GetQuota(quota) => to.quota(quota),
            Self::SetQuota { quota, value } => {
                to.quota(quota);
                to.number(u64::from(value));
            }
            Self::Control { arguments } => to.bytes(arguments),
        }
    }

    /// The request that a message is.
    ///
    /// # Errors
    ///
    /// [`MalformedRequest`] says which part of it is wrong.
    pub fn decode(
        message_type: xsd_sockmsg_type,
        payload: &'a [u8],
    ) -> Result<Self, MalformedRequest> {
        let strings = Strings::new(payload);
        let malformed = MalformedRequest::Payload(message_type);
        let path = |bytes| Path::from_bytes(bytes).map_err(MalformedRequest::Path);
        let one_path = || path(strings.exactly::<1>().ok_or(malformed)?[0]);
        let domid = |bytes| parse::<u16>(bytes).map(domid_t).ok_or(malformed);
        let one_domid = || domid(strings.exactly::<1>().ok_or(malformed)?[0]);
        let number = |bytes| parse::<u32>(bytes).ok_or(malformed);
        Ok(match message_type {
            XS_READ => Self::Read(one_path()?),
            XS_WRITE => {
                let mut strings = strings;
                let path = path(strings.next().ok_or(malformed)?)?;
                Self::Write { path, value: strings.rest() }
            }
            XS_MKDIR => Self::Mkdir(one_path()?),
            XS_RM => Self::Rm(one_path()?),
            XS_DIRECTORY => Self::Directory(one_path()?),
            XS_DIRECTORY_PART => {
                let [node, offset] = strings.exactly().ok_or(malformed)?;
                Self::DirectoryPart { path: path(node)?, offset: number(offset)? }
            }
            XS_GET_PERMS => Self::GetPerms(one_path()?),
            XS_SET_PERMS => {
                let mut strings = strings;
                let path = path(strings.next().ok_or(malformed)?)?;
                let permissions = Permissions::from_payload(strings.rest()).ok_or(malformed)?;
                Self::SetPerms { path, permissions }
            }
            XS_WATCH => match strings.exactly::<3>() {
                Some([node, token, depth]) => {
                    Self::Watch { path: path(node)?, token, depth: Some(number(depth)?) }
                }
                None => {
                    let [node, token] = strings.exactly().ok_or(malformed)?;
                    Self::Watch { path: path(node)?, token, depth: None }
                }
            },
            XS_UNWATCH => {
                let [node, token] = strings.exactly().ok_or(malformed)?;
                Self::Unwatch { path: path(node)?, token }
            }
            XS_RESET_WATCHES => Self::ResetWatches,
            XS_TRANSACTION_START => Self::TransactionStart,
            XS_TRANSACTION_END => match strings.exactly::<1>() {
                Some([b"T"]) => Self::TransactionEnd { commit: true },
                Some([b"F"]) => Self::TransactionEnd { commit: false },
                _ => return Err(malformed),
            },
            XS_INTRODUCE => {
                let mut strings = strings;
                let mut next = || strings.next().ok_or(malformed);
                let (domain, gfn, port) = (next()?, next()?, next()?);
                // The protocol's document has it signed.
                let gfn = match gfn.strip_prefix(b"-") {
                    Some(digits) => parse::<u64>(digits).map(u64::wrapping_neg),
                    None => parse(gfn),
                };
                let gfn = gfn.ok_or(malformed)?;
                Self::Introduce { domid: domid(domain)?, gfn, port: number(port)? }
            }
            XS_RELEASE => Self::Release(one_domid()?),
            XS_GET_DOMAIN_PATH => Self::GetDomainPath(one_domid()?),
            XS_IS_DOMAIN_INTRODUCED => Self::IsDomainIntroduced(one_domid()?),
            XS_RESUME => Self::Resume(one_domid()?),
            XS_SET_TARGET => {
                let [domain, target] = strings.exactly().ok_or(malformed)?;
                Self::SetTarget { domid: domid(domain)?, target: domid(target)? }
            }
            XS_GET_FEATURE if payload.is_empty() => Self::GetFeature(None),
            XS_GET_FEATURE => Self::GetFeature(Some(one_domid()?)),
            XS_SET_FEATURE => {
                let [domain, features] = strings.exactly().ok_or(malformed)?;
                Self::SetFeature { domid: domid(domain)?, features: number(features)? }
            }
            XS_GET_QUOTA => Self::GetQuota(match strings.exactly::<2>() {
                Some([domain, name]) => QuotaName::Domain(domid(domain)?, name),
                None if payload.is_empty() => QuotaName::Names,
                None => QuotaName::Global(strings.exactly::<1>().ok_or(malformed)?[0]),
            }),
            XS_SET_QUOTA => match strings.exactly::<3>() {
                Some([domain, name, value]) => Self::SetQuota {
                    quota: QuotaName::Domain(domid(domain)?, name),
                    value: number(value)?,
                },
                None => {
                    let [name, value] = strings.exactly().ok_or(malformed)?;
                    Self::SetQuota { quota: QuotaName::Global(name), value: number(value)? }
                }
            },
            XS_CONTROL => Self::Control { arguments: payload },
            other => return Err(MalformedRequest::UnknownType(other)),
        })
    }
}

/// A payload that is being written. What does not fit is counted and not written.
struct Payload<'b> {
    buffer: &'b mut [u8],
    available: usize,
    length: usize,
    zero_byte: bool,
}

impl Payload<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if end <= self.available {
            if let Some(to) = self.buffer.get_mut(self.length..end) {
                to.copy_from_slice(bytes);
            }
        }
        self.length = end;
    }

    fn string(&mut self, bytes: &[u8]) {
        self.zero_byte |= bytes.contains(&0);
        self.bytes(bytes);
        self.bytes(&[0]);
    }

    fn number(&mut self, number: u64) {
        self.string(Decimal::new(number).as_bytes());
    }

    fn domid(&mut self, domid: domid_t) {
        self.number(u64::from(domid.0));
    }

    fn quota(&mut self, quota: QuotaName<'_>) {
        match quota {
            QuotaName::Names => {}
            QuotaName::Global(name) => self.string(name),
            QuotaName::Domain(domid, name) => {
                self.domid(domid);
                self.string(name);
            }
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, max } => {
                write!(f, "a payload of {length} bytes, of which there may be {max}")
            }
            Self::ZeroByte => f.write_str("a zero byte in a token or name"),
        }
    }
}

impl core::error::Error for EncodeError {}

impl fmt::Display for MalformedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(kind) => write!(f, "no request has the type {}", kind.0),
            Self::Path(error) => error.fmt(f),
            Self::Payload(kind) => {
                let name = super::type_name(*kind).unwrap_or("?");
                write!(f, "the payload of {name} has not the parts that it needs")
            }
        }
    }
}

impl core::error::Error for MalformedRequest {}
