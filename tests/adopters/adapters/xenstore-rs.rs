//! The protocol's numbers and header from xen-abi, under the names that the rest of the crate uses.

use std::convert::TryFrom;
use std::io::{self, Read};

use xen_abi::io::xs_wire::*;

pub const XENSTORE_PAYLOAD_MAX: usize = xen_abi::io::xs_wire::XENSTORE_PAYLOAD_MAX as usize;

#[derive(Clone, Copy, Default, Debug)]
pub struct UnknownMessageType;

macro_rules! message_types {
    ($($name:ident = $value:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum XsMessageType {
            $($name = $value.0,)*
        }

        impl TryFrom<u32> for XsMessageType {
            type Error = UnknownMessageType;

            fn try_from(value: u32) -> Result<Self, UnknownMessageType> {
                match xsd_sockmsg_type(value) {
                    $($value => Ok(Self::$name),)*
                    _ => Err(UnknownMessageType),
                }
            }
        }
    };
}

message_types! {
    Control = XS_CONTROL,
    Directory = XS_DIRECTORY,
    Read = XS_READ,
    GetPerms = XS_GET_PERMS,
    Watch = XS_WATCH,
    Unwatch = XS_UNWATCH,
    TransactionStart = XS_TRANSACTION_START,
    TransactionEnd = XS_TRANSACTION_END,
    Introduce = XS_INTRODUCE,
    Release = XS_RELEASE,
    GetDomainPath = XS_GET_DOMAIN_PATH,
    Write = XS_WRITE,
    Mkdir = XS_MKDIR,
    Rm = XS_RM,
    SetPerms = XS_SET_PERMS,
    WatchEvent = XS_WATCH_EVENT,
    Error = XS_ERROR,
    IsDomainIntroduced = XS_IS_DOMAIN_INTRODUCED,
    Resume = XS_RESUME,
    SetTarget = XS_SET_TARGET,
    ResetWatches = XS_RESET_WATCHES,
    DirectoryPart = XS_DIRECTORY_PART,
}

impl From<XsMessageType> for u32 {
    fn from(kind: XsMessageType) -> Self {
        kind as u32
    }
}

/// The header of a request outside of transactions.
pub(super) fn header(kind: XsMessageType, request_id: u32, length: usize) -> xsd_sockmsg {
    xsd_sockmsg {
        type_: xsd_sockmsg_type(kind as u32),
        req_id: request_id,
        len: length as u32,
        ..xsd_sockmsg::ZERO
    }
}

pub(super) fn read_header(reader: &mut impl Read) -> io::Result<(u32, u32, u32)> {
    let mut bytes = [0; size_of::<xsd_sockmsg>()];
    reader.read_exact(&mut bytes)?;
    let header: xsd_sockmsg = xen_abi::from_bytes(&bytes).ok_or(io::ErrorKind::InvalidData)?;
    Ok((header.type_.0, header.req_id, header.len))
}
