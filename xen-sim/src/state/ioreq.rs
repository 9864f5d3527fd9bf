//! The ioreq servers of a domain: who emulates which of its accesses.

use xen_abi::errno::*;
use xen_abi::hvm::dm_op::*;
use xen_abi::xen::domid_t;

use crate::error::Answer;
use crate::state::frames::Mfn;

/// Servers that a domain can have.
pub(crate) const MAX_SERVERS: usize = 8;
/// Ranges of one kind that a server can have.
const MAX_RANGES: usize = 256;
/// Kinds of ranges.
const KINDS: [u32; 3] = [XEN_DMOP_IO_RANGE_PORT, XEN_DMOP_IO_RANGE_MEMORY, XEN_DMOP_IO_RANGE_PCI];

/// A server.
#[derive(Debug)]
pub(crate) struct IoreqServer {
    /// The domain that made it.
    pub(crate) emulator: domid_t,
    /// Whether it has a ring of requests without an answer.
    pub(crate) is_buffered: bool,
    /// Ports of the domain: one for each vCPU, and that of the ring.
    pub(crate) ports: Vec<u32>,
    pub(crate) buffered_port: u32,
    /// Its pages, if it has them: requests, and the ring.
    pub(crate) pages: Vec<IoreqPage>,
    pub(crate) is_enabled: bool,
    /// First and last of each range, by kind.
    ranges: [Vec<(u64, u64)>; KINDS.len()],
}

/// A page of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoreqPage {
    pub(crate) mfn: Mfn,
    /// Where it is in the domain's memory, of which it is a page; `None` for Xen's own, which is mapped as a
    /// resource.
    pub(crate) gfn: Option<u64>,
}

impl IoreqServer {
    pub(crate) fn new(emulator: domid_t, is_buffered: bool) -> Self {
        Self {
            emulator,
            is_buffered,
            ports: Vec::new(),
            buffered_port: 0,
            pages: Vec::new(),
            is_enabled: false,
            ranges: [const { Vec::new() }; KINDS.len()],
        }
    }

    /// How many pages it needs.
    pub(crate) fn page_count(&self) -> usize {
        1 + usize::from(self.is_buffered)
    }

    fn ranges(&mut self, kind: u32) -> Answer<&mut Vec<(u64, u64)>> {
        let index = KINDS.iter().position(|known| *known == kind).ok_or(XEN_EINVAL)?;
        self.ranges.get_mut(index).ok_or(XEN_EINVAL)
    }

    /// Adds a range that overlaps none of its own.
    pub(crate) fn add(&mut self, kind: u32, first: u64, last: u64) -> Answer<()> {
        let ranges = self.ranges(kind)?;
        if ranges.iter().any(|&(start, end)| start <= last && first <= end) {
            return Err(XEN_EEXIST);
        }
        // Xen makes one longer only upwards.
        let continues = |&(_, end): &(u64, u64)| end.checked_add(1) == Some(first);
        if ranges.len() >= MAX_RANGES && !ranges.iter().any(continues) {
            return Err(XEN_ENOMEM);
        }
        ranges.push((first, last));
        merge(ranges);
        Ok(())
    }

    /// Takes away a range, which may be a part of what was added, or several that are adjacent.
    pub(crate) fn remove(&mut self, kind: u32, first: u64, last: u64) -> Answer<()> {
        let ranges = self.ranges(kind)?;
        let within = |&(start, end): &(u64, u64)| start <= first && last <= end;
        let place = ranges.iter().position(within).ok_or(XEN_ENOENT)?;
        let (start, end) = ranges.swap_remove(place);
        ranges.extend((start < first).then(|| (start, first - 1)));
        ranges.extend((last < end).then(|| (last + 1, end)));
        ranges.sort_unstable();
        Ok(())
    }
}

/// Sorts ranges, and joins those that are adjacent.
fn merge(ranges: &mut Vec<(u64, u64)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let is_adjacent = before.1.checked_add(1) == Some(next.0);
        if is_adjacent {
            before.1 = next.1;
        }
        is_adjacent
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: u32 = XEN_DMOP_IO_RANGE_PORT;

    #[test]
    fn ranges_join_and_split() {
        let mut server = IoreqServer::new(domid_t(0), false);
        assert_eq!(server.add(PORT, 10, 19), Ok(()));
        assert_eq!(server.add(PORT, 20, 29), Ok(()));
        assert_eq!(server.add(PORT, 29, 40), Err(XEN_EEXIST));
        assert_eq!(server.add(XEN_DMOP_IO_RANGE_MEMORY, 29, 40), Ok(()));
        assert_eq!(server.add(3, 0, 0), Err(XEN_EINVAL));
        assert_eq!(server.remove(PORT, 15, 24), Ok(()));
        assert_eq!(server.ranges(PORT).unwrap(), &[(10, 14), (25, 29)]);
        assert_eq!(server.remove(PORT, 14, 25), Err(XEN_ENOENT));
        assert_eq!(server.add(PORT, u64::MAX, u64::MAX), Ok(()));
    }

    #[test]
    fn ranges_are_limited() {
        let mut server = IoreqServer::new(domid_t(0), false);
        for range in 0..MAX_RANGES as u64 {
            assert_eq!(server.add(PORT, 2 * range, 2 * range), Ok(()));
        }
        assert_eq!(server.add(PORT, 2000, 2000), Err(XEN_ENOMEM));
        // One that joins two needs no place of its own.
        assert_eq!(server.add(PORT, 1, 1), Ok(()));
    }
}
