//! Constraints on memory to allocate.

use xen_abi::macros::memory::{xenmemf_address_bits, xenmemf_node};
use xen_abi::memory::{
    MemoryFlags, XENMEMF_exact_node_request, XENMEMF_populate_on_demand, XENMEMF_vnode,
};

/// Constraints on the memory Xen is to allocate: `mem_flags` of `memory.h`.
///
/// Each method adds one; the last of two contradictory ones wins. If Xen cannot satisfy them, the result
/// is a shortfall of [`Extents`](super::Extents), never an error of its own.
///
/// ```
/// use xen_ops::memory::MemFlags;
///
/// let flags = MemFlags::ANY.address_bits(32).exact_node(1).unwrap();
/// assert_eq!(flags.mem_flags().bits(), 0x2_0220);
/// assert_eq!(MemFlags::ANY.node(255), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemFlags(MemoryFlags);

const ADDRESS_BITS: MemoryFlags = MemoryFlags(0xff);
const NODE: MemoryFlags = MemoryFlags(0xff00);

/// What says which node is meant.
const PLACE: MemoryFlags = NODE.union(XENMEMF_exact_node_request).union(XENMEMF_vnode);

impl MemFlags {
    /// No constraint.
    pub const ANY: Self = Self(MemoryFlags::empty());

    /// Memory whose machine addresses have at most `bits` bits; 0 is any. Values from 1 to 12 are
    /// less than a page, and Xen does nothing.
    #[must_use]
    pub const fn address_bits(self, bits: u8) -> Self {
        Self(self.0.difference(ADDRESS_BITS).union(xenmemf_address_bits(bits)))
    }

    /// Memory of NUMA node `node` if there is some, of another node otherwise. `None` for 255, which is
    /// no node. Xen ignores this unless the caller is the control or hardware domain.
    #[must_use]
    pub const fn node(self, node: u8) -> Option<Self> {
        match xenmemf_node(node) {
            Some(field) => Some(Self(self.0.difference(PLACE).union(field))),
            None => None,
        }
    }

    /// Memory of NUMA node `node` and no other. `None` for 255, which is no node. Xen does nothing
    /// for a caller that is neither control nor hardware domain.
    #[must_use]
    pub const fn exact_node(self, node: u8) -> Option<Self> {
        match self.node(node) {
            Some(flags) => Some(Self(flags.0.union(XENMEMF_exact_node_request))),
            None => None,
        }
    }

    /// Memory of the domain's virtual NUMA node `node`, which Xen translates. `None` for 255.
    #[must_use]
    pub const fn vnode(self, node: u8) -> Option<Self> {
        match self.node(node) {
            Some(flags) => Some(Self(flags.0.union(XENMEMF_vnode))),
            None => None,
        }
    }

    /// As [`vnode`](Self::vnode), and from no other node than the one that it translates to.
    #[must_use]
    pub const fn exact_vnode(self, node: u8) -> Option<Self> {
        match self.vnode(node) {
            Some(flags) => Some(Self(flags.0.union(XENMEMF_exact_node_request))),
            None => None,
        }
    }

    /// Memory that is allocated on first access (populate on demand). For populating an HVM domain other
    /// than the caller's own; Xen does nothing otherwise.
    #[must_use]
    pub const fn populate_on_demand(self) -> Self {
        Self(self.0.union(XENMEMF_populate_on_demand))
    }

    /// The value for `mem_flags`.
    #[must_use]
    pub const fn mem_flags(self) -> MemoryFlags {
        self.0
    }
}
