//! What a control domain writes to the memory of others.

use xen_abi::Errno;

use super::acquire::Resource;
use crate::DomainId;

/// Zeros that [`ForeignMemory::zero`] writes at a time.
static ZEROS: [u8; 16384] = [0; 16384];

/// A way to write to the memory of other domains, which the caller has the right to map.
///
/// xen-linux implements it for `Privcmd`.
///
/// Upstream: `libs/foreignmemory` in the tools.
pub trait ForeignMemory {
    /// Writes `bytes` at the guest physical address `address` of `domain`, in bytes. Any address and length
    /// will do.
    ///
    /// # Errors
    ///
    /// Why a frame cannot be mapped: `EINVAL` (no memory is there), `ESRCH` (no such domain), `EPERM`,
    /// `ENOMEM`. Frames before that one may be written.
    fn write(&self, domain: DomainId, address: u64, bytes: &[u8]) -> Result<(), Errno>;

    /// Writes `bytes` at `offset` of frame `frame` of a resource of `domain`. They lie in that frame.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such resource, it does not have this frame, or the bytes go beyond the frame), `ESRCH` (no
    /// such domain), `EPERM`, `ENOMEM`. Nothing is written then.
    fn write_resource(
        &self,
        domain: DomainId,
        resource: Resource,
        frame: u32,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Errno>;

    /// Writes `length` zeros at the guest physical address `address` of `domain`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn zero(&self, domain: DomainId, address: u64, length: u64) -> Result<(), Errno> {
        let (mut address, mut rest) = (address, length);
        while rest > 0 {
            let count = rest.min(ZEROS.len() as u64);
            self.write(domain, address, &ZEROS[..count as usize])?;
            // After the last chunk the address may be the end of memory.
            address = address.wrapping_add(count);
            rest -= count;
        }
        Ok(())
    }
}

impl<M: ForeignMemory + ?Sized> ForeignMemory for &M {
    fn write(&self, domain: DomainId, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        (**self).write(domain, address, bytes)
    }

    fn write_resource(
        &self,
        domain: DomainId,
        resource: Resource,
        frame: u32,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        (**self).write_resource(domain, resource, frame, offset, bytes)
    }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;
    use std::vec::Vec;

    use xen_abi::xen::domid_t;

    use super::*;

    /// Where what was written begins, and how long it is.
    struct Log(RefCell<Vec<(u64, usize)>>);

    impl ForeignMemory for Log {
        fn write(&self, _: DomainId, address: u64, bytes: &[u8]) -> Result<(), Errno> {
            assert!(bytes.iter().all(|byte| *byte == 0));
            self.0.borrow_mut().push((address, bytes.len()));
            Ok(())
        }

        fn write_resource(
            &self,
            _: DomainId,
            _: Resource,
            frame: u32,
            offset: usize,
            bytes: &[u8],
        ) -> Result<(), Errno> {
            self.0.borrow_mut().push((u64::from(frame) + offset as u64, bytes.len()));
            Ok(())
        }
    }

    #[test]
    fn zeros_are_written_in_chunks() {
        let log = Log(RefCell::default());
        let domain = DomainId::new(domid_t(1)).unwrap();
        log.zero(domain, 0x1003, 2 * 16384 + 5).unwrap();
        log.zero(domain, u64::MAX, 1).unwrap();
        log.zero(domain, 7, 0).unwrap();
        let expected = [(0x1003, 16384), (0x5003, 16384), (0x9003, 5), (u64::MAX, 1)];
        assert_eq!(log.0.borrow()[..], expected);
    }

    #[test]
    fn a_reference_writes_where_the_value_does() {
        fn write(memory: impl ForeignMemory) -> Result<(), Errno> {
            let domain = DomainId::new(domid_t(1)).unwrap();
            memory.write(domain, 3, &[0; 2])?;
            memory.write_resource(domain, Resource::IoreqServer { id: 1 }, 4, 5, &[0; 6])
        }
        let log = Log(RefCell::default());
        write(&log).unwrap();
        assert_eq!(log.0.borrow()[..], [(3, 2), (9, 6)]);
    }
}
