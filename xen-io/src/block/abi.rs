//! The layouts of requests: the native one, and those of both x86 architectures.

use xen_abi::Plain;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::blkif::{
    BLKIF_OP_DISCARD, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_INDIRECT, BLKIF_OP_READ, BLKIF_OP_WRITE,
    BLKIF_OP_WRITE_BARRIER,
};

use super::error::BadRequest;
use super::request::{Direction, Request, Segment, Segments};
use crate::ring::Protocol;
use crate::ring::protocols::Blkif;
#[cfg(feature = "foreign")]
use crate::ring::protocols::{BlkifX86_32, BlkifX86_64};

/// Bytes of the largest entry.
const MAX_ENTRY: usize = 112;

/// The layout of requests and responses, which depends on the architecture of the front end.
///
/// The node `protocol` in the front end's xenstore directory says which it has.
pub trait Abi: Protocol {
    /// The request in a ring's entry, checked, and its id and operation for the response.
    fn decode(entry: &Self::Request) -> (u64, u8, Result<Request, BadRequest>);

    /// The ring's entry with this request.
    fn encode(id: u64, request: &Request) -> Self::Request;

    /// The ring's entry with the response to the request with this id and operation.
    fn response(id: u64, operation: u8, status: i16) -> Self::Response;

    /// The id, operation and status in a ring's entry.
    fn decode_response(entry: &Self::Response) -> (u64, u8, i16);
}

/// The operation in C, which is in the response too. Of an indirect request it is that of its data.
pub(super) const fn operation(request: &Request) -> u8 {
    let operation = match request {
        Request::Transfer { direction: Direction::Read, .. }
        | Request::Indirect { direction: Direction::Read, .. } => BLKIF_OP_READ,
        Request::Transfer { barrier: true, .. } => BLKIF_OP_WRITE_BARRIER,
        Request::Transfer { .. } | Request::Indirect { .. } => BLKIF_OP_WRITE,
        Request::Flush => BLKIF_OP_FLUSH_DISKCACHE,
        Request::Discard { .. } => BLKIF_OP_DISCARD,
    };
    operation as u8
}

/// The segments of a transfer, of which an empty barrier needs none.
fn segments(
    count: u8,
    all: impl Iterator<Item = (grant_ref_t, u8, u8)>,
    may_be_empty: bool,
) -> Result<Segments, BadRequest> {
    let count = usize::from(count);
    let mut segments = Segments::new();
    for (grant, first, last) in all.take(count) {
        let Some(segment) = Segment::new(grant, first, last) else {
            return Err(BadRequest::Segment { first, last });
        };
        if !segments.push(segment) {
            return Err(BadRequest::Segments(count));
        }
    }
    if segments.as_slice().len() != count || count == 0 && !may_be_empty {
        return Err(BadRequest::Segments(count));
    }
    Ok(segments)
}

/// The entry with another structure in its first bytes.
fn overlay<E: Plain, T: Plain>(entry: E, value: &T) -> E {
    const { assert!(size_of::<T>() <= size_of::<E>() && size_of::<E>() <= MAX_ENTRY) };
    let mut bytes = [0; MAX_ENTRY];
    for (to, from) in bytes.iter_mut().zip(xen_abi::as_bytes(value)) {
        *to = *from;
    }
    bytes.get(..size_of::<E>()).and_then(xen_abi::from_bytes).unwrap_or(entry)
}

macro_rules! abis {
    ($($(#[$meta:meta])* $name:ident: $($module:ident)::+;)*) => {$(
        $(#[$meta])*
        impl Abi for $name {
            #[allow(clippy::useless_conversion, reason = "64-bit integers of some ABIs are wrapped")]
            fn decode(entry: &Self::Request) -> (u64, u8, Result<Request, BadRequest>) {
                use $($module)::+ as blkif;

                let (id, mut operation) = (entry.id.into(), entry.operation);
                let transfer = |direction, barrier| {
                    let all = entry.seg.iter().map(|seg| (seg.gref, seg.first_sect, seg.last_sect));
                    let segments = segments(entry.nr_segments, all, barrier)?;
                    let sector = entry.sector_number.into();
                    Ok(Request::Transfer { direction, barrier, sector, segments })
                };
                let request = match u32::from(operation) {
                    BLKIF_OP_READ => transfer(Direction::Read, false),
                    BLKIF_OP_WRITE => transfer(Direction::Write, false),
                    BLKIF_OP_WRITE_BARRIER => transfer(Direction::Write, true),
                    BLKIF_OP_FLUSH_DISKCACHE => Ok(Request::Flush),
                    BLKIF_OP_DISCARD => {
                        let bytes = xen_abi::as_bytes(entry);
                        let length = size_of::<blkif::blkif_request_discard>();
                        let discard = bytes.get(..length).and_then(xen_abi::from_bytes);
                        let discard: blkif::blkif_request_discard =
                            discard.unwrap_or(blkif::blkif_request_discard::ZERO);
                        Ok(Request::Discard {
                            sector: discard.sector_number.into(),
                            sectors: discard.nr_sectors.into(),
                            secure: discard.flag.contains(blkif::BLKIF_DISCARD_SECURE),
                        })
                    }
                    BLKIF_OP_INDIRECT => {
                        let bytes = xen_abi::as_bytes(entry);
                        let length = size_of::<blkif::blkif_request_indirect>();
                        let indirect = bytes.get(..length).and_then(xen_abi::from_bytes);
                        let indirect: blkif::blkif_request_indirect =
                            indirect.unwrap_or(blkif::blkif_request_indirect::ZERO);
                        operation = indirect.indirect_op;
                        let direction = match u32::from(operation) {
                            BLKIF_OP_READ => Ok(Direction::Read),
                            BLKIF_OP_WRITE => Ok(Direction::Write),
                            _ => Err(BadRequest::Operation(operation)),
                        };
                        direction.map(|direction| Request::Indirect {
                            direction,
                            sector: indirect.sector_number.into(),
                            segments: indirect.nr_segments,
                            pages: indirect.indirect_grefs,
                        })
                    }
                    _ => Err(BadRequest::Operation(operation)),
                };
                // A request that is not a read or write has its id in the same place.
                (id, operation, request)
            }

            #[allow(clippy::useless_conversion, reason = "64-bit integers of some ABIs are wrapped")]
            fn encode(id: u64, request: &Request) -> Self::Request {
                use $($module)::+ as blkif;

                let operation = operation(request);
                let mut entry =
                    blkif::blkif_request { operation, id: id.into(), ..blkif::blkif_request::ZERO };
                match request {
                    Request::Transfer { sector, segments, .. } => {
                        entry.sector_number = (*sector).into();
                        entry.nr_segments = segments.as_slice().len() as u8;
                        for (to, from) in entry.seg.iter_mut().zip(segments.as_slice()) {
                            to.gref = from.grant();
                            to.first_sect = from.first();
                            to.last_sect = from.last();
                        }
                    }
                    Request::Indirect { sector, segments, pages, .. } => {
                        let indirect = blkif::blkif_request_indirect {
                            operation: BLKIF_OP_INDIRECT as u8,
                            indirect_op: operation,
                            nr_segments: *segments,
                            id: id.into(),
                            sector_number: (*sector).into(),
                            indirect_grefs: *pages,
                            ..blkif::blkif_request_indirect::ZERO
                        };
                        entry = overlay(entry, &indirect);
                    }
                    Request::Flush => {}
                    Request::Discard { sector, sectors, secure } => {
                        let discard = blkif::blkif_request_discard {
                            operation,
                            flag: if *secure {
                                blkif::BLKIF_DISCARD_SECURE
                            } else {
                                blkif::DiscardFlags::empty()
                            },
                            id: id.into(),
                            sector_number: (*sector).into(),
                            nr_sectors: (*sectors).into(),
                            ..blkif::blkif_request_discard::ZERO
                        };
                        entry = overlay(entry, &discard);
                    }
                }
                entry
            }

            #[allow(clippy::useless_conversion, reason = "64-bit integers of some ABIs are wrapped")]
            fn response(id: u64, operation: u8, status: i16) -> Self::Response {
                use $($module)::+ as blkif;

                let id = id.into();
                blkif::blkif_response { id, operation, status, ..blkif::blkif_response::ZERO }
            }

            #[allow(clippy::useless_conversion, reason = "64-bit integers of some ABIs are wrapped")]
            fn decode_response(entry: &Self::Response) -> (u64, u8, i16) {
                (entry.id.into(), entry.operation, entry.status)
            }
        }
    )*};
}

abis! {
    Blkif: xen_abi::io::blkif;

    #[cfg(feature = "foreign")]
    #[cfg_attr(docsrs, doc(cfg(feature = "foreign")))]
    BlkifX86_32: xen_abi::foreign::x86_32::io::blkif;

    #[cfg(feature = "foreign")]
    #[cfg_attr(docsrs, doc(cfg(feature = "foreign")))]
    BlkifX86_64: xen_abi::foreign::x86_64::io::blkif;
}
