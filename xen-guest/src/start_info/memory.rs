//! Memory that a reader of start information may look at.

/// Memory by address: guest physical in a PVH guest, virtual in a PV guest.
pub trait Memory<'m> {
    /// The bytes at an address, or `None` if not all of them can be read.
    fn bytes(&self, address: u64, length: u64) -> Option<&'m [u8]>;
}

/// Bytes with the address of the first: a test's memory, or a part of a kernel's.
#[derive(Clone, Copy, Debug)]
pub struct Range<'m> {
    /// The address of the first byte.
    pub address: u64,
    /// The bytes.
    pub bytes: &'m [u8],
}

impl<'m> Memory<'m> for Range<'m> {
    fn bytes(&self, address: u64, length: u64) -> Option<&'m [u8]> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.get(start..end)
    }
}

/// All memory below a limit, mapped where it is: what the entry code of this crate sees.
#[derive(Clone, Copy, Debug)]
pub struct IdentityMapped {
    limit: u64,
}

#[allow(unsafe_code, reason = "makes references to memory by its address")]
impl IdentityMapped {
    /// The memory below `limit`, an address in bytes.
    ///
    /// # Safety
    ///
    /// From now on, every address from 4096 to `limit` can be read without a fault, and nothing
    /// changes the start information or what it refers to.
    #[must_use]
    pub const unsafe fn new(limit: u64) -> Self {
        Self { limit }
    }
}

#[allow(unsafe_code, reason = "makes references to memory by its address")]
impl Memory<'static> for IdentityMapped {
    fn bytes(&self, address: u64, length: u64) -> Option<&'static [u8]> {
        let end = address.checked_add(length)?;
        // Nothing that is told about lies in the first page.
        if address < 4096 || end > self.limit {
            return None;
        }
        let (at, length) = (usize::try_from(address).ok()?, usize::try_from(length).ok()?);
        isize::try_from(length).ok()?;
        // SAFETY: `new`'s promise: it can be read, and does not change.
        Some(unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(at), length) })
    }
}
