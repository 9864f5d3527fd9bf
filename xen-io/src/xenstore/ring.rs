//! The page that a domain shares with xenstored: two rings of bytes, whose indices count on without limit.
//!
//! Each side keeps its own index in private and reads the peer's once for each access, checked: a peer that
//! lies causes an error and no access outside the ring.

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use xen_ops::view::Field;
use xen_ops::xen_abi::io::xs_wire::{XENSTORE_RING_SIZE, xenstore_domain_interface};
use xen_ops::{ReadWrite, View, field};

/// Bytes in each of the two rings.
pub(crate) const RING_SIZE: usize = XENSTORE_RING_SIZE as usize;

pub(crate) const SERVER_FEATURES: Field<u32> = field!(xenstore_domain_interface, server_features);
pub(crate) const CONNECTION: Field<u32> = field!(xenstore_domain_interface, connection);
pub(crate) const ERROR: Field<u32> = field!(xenstore_domain_interface, error);

/// Where one of the rings is in the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    /// Offset of its bytes.
    bytes: usize,
    cons: Field<u32>,
    prod: Field<u32>,
    names: [&'static str; 2],
}

/// From the domain to xenstored.
pub(crate) const REQUESTS: Ring = Ring {
    bytes: core::mem::offset_of!(xenstore_domain_interface, req),
    cons: field!(xenstore_domain_interface, req_cons),
    prod: field!(xenstore_domain_interface, req_prod),
    names: ["req_cons", "req_prod"],
};

/// From xenstored to the domain.
pub(crate) const REPLIES: Ring = Ring {
    bytes: core::mem::offset_of!(xenstore_domain_interface, rsp),
    cons: field!(xenstore_domain_interface, rsp_cons),
    prod: field!(xenstore_domain_interface, rsp_prod),
    names: ["rsp_cons", "rsp_prod"],
};

/// The peer's index is further from one's own than the ring is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIndex {
    /// The index: `req_cons` for example.
    pub index: &'static str,
    /// Its value.
    pub value: u32,
    /// The value of one's own index.
    pub own: u32,
}

impl fmt::Display for BadIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, value, own } = self;
        write!(
            f,
            "{index} is {value:#x}, which is more than {RING_SIZE} bytes from the other index, \
             {own:#x}: reconnect"
        )
    }
}

impl core::error::Error for BadIndex {}

/// The end of a ring that writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    ring: Ring,
    prod: u32,
}

/// The end of a ring that reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    ring: Ring,
    cons: u32,
}

type Page<'a> = View<'a, ReadWrite>;

impl Writer {
    /// Continues where the page says that it is.
    pub(crate) fn attach(ring: Ring, page: Page<'_>) -> Self {
        Self { ring, prod: page.at(ring.prod).load(Relaxed) }
    }

    /// Writes as much as there is space for, and returns how many bytes.
    pub(crate) fn write(&mut self, page: Page<'_>, bytes: &[u8]) -> Result<usize, BadIndex> {
        // Acquire: what the peer has consumed is overwritten only after it was read.
        let cons = page.at(self.ring.cons).load(Acquire);
        let used = self.prod.wrapping_sub(cons) as usize;
        let free = RING_SIZE.checked_sub(used).ok_or(BadIndex {
            index: self.ring.names[0],
            value: cons,
            own: self.prod,
        })?;
        let count = free.min(bytes.len());
        let (bytes, start) = (&bytes[..count], self.prod as usize % RING_SIZE);
        let (first, second) = bytes.split_at(count.min(RING_SIZE - start));
        // Neither fails: both are inside the ring, which is inside the page.
        let _ = page.write(self.ring.bytes + start, first);
        let _ = page.write(self.ring.bytes, second);
        self.prod = self.prod.wrapping_add(count as u32);
        // Release: the peer sees the bytes when it sees the index.
        page.at(self.ring.prod).store(self.prod, Release);
        Ok(count)
    }
}

impl Reader {
    /// Continues where the page says that it is.
    pub(crate) fn attach(ring: Ring, page: Page<'_>) -> Self {
        Self { ring, cons: page.at(ring.cons).load(Relaxed) }
    }

    /// Bytes that can be read.
    pub(crate) fn available(&self, page: Page<'_>) -> Result<usize, BadIndex> {
        // Acquire: the bytes are read after the index that announces them.
        let prod = page.at(self.ring.prod).load(Acquire);
        let available = prod.wrapping_sub(self.cons) as usize;
        if available > RING_SIZE {
            return Err(BadIndex { index: self.ring.names[1], value: prod, own: self.cons });
        }
        Ok(available)
    }

    /// Reads up to as many bytes as `into` has, and returns how many.
    pub(crate) fn read(&mut self, page: Page<'_>, into: &mut [u8]) -> Result<usize, BadIndex> {
        let count = self.available(page)?.min(into.len());
        if count == 0 {
            return Ok(0);
        }
        let start = self.cons as usize % RING_SIZE;
        let (first, second) = into[..count].split_at_mut(count.min(RING_SIZE - start));
        // Neither fails: both are inside the ring, which is inside the page.
        let _ = page.read(self.ring.bytes + start, first);
        let _ = page.read(self.ring.bytes, second);
        self.cons = self.cons.wrapping_add(count as u32);
        // Release: the peer overwrites the bytes only after they were read.
        page.at(self.ring.cons).store(self.cons, Release);
        Ok(count)
    }
}

/// Empties both rings, which only xenstored does.
#[cfg(feature = "alloc")]
pub(crate) fn clear(page: Page<'_>) {
    for ring in [REQUESTS, REPLIES] {
        page.at(ring.cons).store(0, Relaxed);
        page.at(ring.prod).store(0, Relaxed);
    }
}
