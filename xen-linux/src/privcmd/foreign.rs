//! Writes to the memory of other domains.

#![allow(clippy::useless_conversion, reason = "64-bit integers of 32-bit ABIs are wrapped")]

use xen_abi::Errno;
use xen_abi::errno::XEN_EINVAL;
use xen_abi::xen::xen_pfn_t;
use xen_ops::memory::ForeignMemory;
use xen_ops::memory::acquire::Resource;
use xen_ops::page::PAGE_SIZE;

use super::{Privcmd, errno};
use crate::{DomainId, ReadWrite};

/// Frames that are mapped at a time: 1 MiB.
const FRAMES: usize = 256;

/// The parts of `bytes` at `address` that are mapped together: the number of the first frame, the offset in
/// it, and the bytes. `None` if they go beyond the last address.
fn chunks(address: u64, bytes: &[u8]) -> Option<impl Iterator<Item = (u64, usize, &[u8])>> {
    address.checked_add((bytes.len() as u64).saturating_sub(1))?;
    let (mut frame, mut offset) = (address / PAGE_SIZE as u64, address as usize % PAGE_SIZE);
    let mut rest = bytes;
    Some(std::iter::from_fn(move || {
        let (first, after) = rest.split_at(rest.len().min(FRAMES * PAGE_SIZE - offset));
        let chunk = (!first.is_empty()).then_some((frame, offset, first));
        rest = after;
        frame += FRAMES as u64;
        offset = 0;
        chunk
    }))
}

/// Frames are mapped for as long as it takes. The error of a single frame is the error here.
impl ForeignMemory for Privcmd {
    fn write(&self, domain: DomainId, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        for (first, offset, chunk) in chunks(address, bytes).ok_or(XEN_EINVAL)? {
            let count = (offset + chunk.len()).div_ceil(PAGE_SIZE) as u64;
            let frame = |number: u64| number.try_into().map(xen_pfn_t).map_err(|_| XEN_EINVAL);
            let frames: Vec<_> = (first..first + count).map(frame).collect::<Result<_, _>>()?;
            let mapped = self.map_frames(domain, &frames, ReadWrite);
            let mapped = mapped.and_then(|frames| frames.all().map(|()| frames));
            let mapped = mapped.map_err(|error| errno::of(&error))?;
            let (mut offset, mut rest) = (offset, chunk);
            for index in 0..mapped.count() {
                let (part, after) = rest.split_at(rest.len().min(PAGE_SIZE - offset));
                let view = mapped.frame(index).ok_or(XEN_EINVAL)?;
                view.write(offset, part).map_err(|_| XEN_EINVAL)?;
                (offset, rest) = (0, after);
            }
        }
        Ok(())
    }

    fn write_resource(
        &self,
        domain: DomainId,
        resource: Resource,
        frame: u32,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        let mapped = self.map_resource(domain, resource, frame, 1, ReadWrite);
        let mapped = mapped.map_err(|error| errno::of(&error))?;
        let view = mapped.frame(0).ok_or(XEN_EINVAL)?;
        view.write(offset, bytes).map_err(|_| XEN_EINVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_with_their_last_frame() {
        let bytes = vec![0; 2 * FRAMES * PAGE_SIZE];
        let found = |address| {
            let chunks = chunks(address, &bytes).unwrap();
            chunks.map(|(frame, offset, part)| (frame, offset, part.len())).collect::<Vec<_>>()
        };
        let whole = FRAMES * PAGE_SIZE;
        assert_eq!(found(0x5000), [(5, 0, whole), (5 + 256, 0, whole)]);
        let expected = [(5, 16, whole - 16), (5 + 256, 0, whole), (5 + 512, 0, 16)];
        assert_eq!(found(0x5010), expected);
    }

    #[test]
    fn bytes_may_end_with_the_last_address_and_not_after_it() {
        assert_eq!(chunks(u64::MAX, &[1]).unwrap().count(), 1);
        assert!(chunks(u64::MAX, &[1, 2]).is_none());
        assert_eq!(chunks(u64::MAX, &[]).unwrap().count(), 0);
    }
}
