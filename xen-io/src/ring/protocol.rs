//! What a ring's entries are, and where they lie.

use core::marker::PhantomData;

use xen_abi::Plain;
use xen_abi::macros::ring::{HEADER_SIZE, ring_size, slot};
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;

use crate::error::AttachError;
use crate::pages::{self, MAX_VALUE, Pages};

/// The requests and responses of a ring that C declares with `DEFINE_RING_TYPES`.
///
/// A protocol of your own is a type that implements this:
///
/// ```
/// use xen_io::ring::Protocol;
///
/// struct Doorbell;
///
/// impl Protocol for Doorbell {
///     type Request = u32;
///     type Response = u32;
///     const NAME: &'static str = "doorbell";
/// }
/// assert_eq!(Doorbell::entries(1), Some(512));
/// ```
pub trait Protocol {
    /// What the front end puts in. At most 512 bytes.
    type Request: Plain;
    /// What the back end puts in. At most 512 bytes.
    type Response: Plain;
    /// The name of the protocol, for errors.
    const NAME: &'static str;

    /// Entries of a ring of so many pages: as many as fit, rounded down to a power of two. `None` if
    /// none fits, or if the pages are more than 32 bits can count.
    #[must_use]
    fn entries(pages: usize) -> Option<u32>
    where
        Self: Sized,
    {
        entries_in::<Self>(pages)
    }
}

/// What [`Protocol::entries`] returns.
const fn entries_in<P: Protocol>(pages: usize) -> Option<u32> {
    let Some(bytes) = pages.checked_mul(PAGE_SIZE) else { return None };
    if bytes > u32::MAX as usize {
        return None;
    }
    match ring_size(bytes as u32, entry_size::<P>() as u32) {
        0 => None,
        entries => Some(entries),
    }
}

/// How many entries a ring in pages `M` has, if all such rings have as many.
struct Entries<P, M>(PhantomData<(P, M)>);

impl<P: Protocol, M: Pages> Entries<P, M> {
    const COUNT: Option<u32> = match M::COUNT {
        Some(pages) => entries_in::<P>(pages),
        None => None,
    };
}

/// Bytes of an entry, which is a union of request and response.
pub(super) const fn entry_size<P: Protocol>() -> usize {
    const fn larger(a: usize, b: usize) -> usize {
        if a > b { a } else { b }
    }
    let size = larger(size_of::<P::Request>(), size_of::<P::Response>());
    let align = larger(align_of::<P::Request>(), align_of::<P::Response>());
    let size = size.next_multiple_of(align);
    assert!(size > 0 && size <= MAX_VALUE, "requests and responses have from 1 to 512 bytes");
    size
}

/// Where the indices are: at the start, in every protocol.
pub(super) const REQ_PROD: Field<u32> = Field::at::<0>();
pub(super) const REQ_EVENT: Field<u32> = Field::at::<4>();
pub(super) const RSP_PROD: Field<u32> = Field::at::<8>();
pub(super) const RSP_EVENT: Field<u32> = Field::at::<12>();

/// The bytes between the indices and the first entry.
pub(super) const RESERVED: usize = 16;
pub(super) const RESERVED_SIZE: usize = HEADER_SIZE as usize - RESERVED;

const _: () = {
    use core::mem::offset_of;

    use xen_abi::io::blkif::blkif_sring;

    assert!(offset_of!(blkif_sring, req_prod) == REQ_PROD.offset());
    assert!(offset_of!(blkif_sring, req_event) == REQ_EVENT.offset());
    assert!(offset_of!(blkif_sring, rsp_prod) == RSP_PROD.offset());
    assert!(offset_of!(blkif_sring, rsp_event) == RSP_EVENT.offset());
    assert!(offset_of!(blkif_sring, pvt) == RESERVED);
};

/// How many entries a ring in these pages has.
pub(super) fn size<P: Protocol, M: Pages>(memory: &M) -> Result<u32, AttachError> {
    let pages = memory.pages().len();
    pages::bytes(memory)
        .and_then(|_| entries_in::<P>(pages))
        .ok_or(AttachError::Pages { ring: P::NAME, pages })
}

/// The entries of a ring in `M` that has `size`: a constant if it can be one, and then an entry's offset needs no check.
#[inline]
pub(super) const fn entries<P: Protocol, M: Pages>(size: u32) -> u32 {
    match Entries::<P, M>::COUNT {
        Some(entries) => entries,
        None => size,
    }
}

/// The offset of the entry with this index in a ring of `size` entries.
#[inline]
pub(super) const fn offset<P: Protocol>(index: u32, size: u32) -> usize {
    HEADER_SIZE as usize + slot(index, size) as usize * const { entry_size::<P>() }
}
