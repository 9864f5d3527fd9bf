//! Virtual NUMA topology of a domain.

use xen_abi::memory::xen_vmemrange;

/// Virtual NUMA topology that `XENMEM_get_vnumainfo` reports; see
/// [`Domain::set_vnuma`](crate::Domain::set_vnuma).
///
/// It has as many nodes as `vdistance` has rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VnumaTopology {
    /// Ranges of guest physical memory, in bytes, each with its node.
    pub vmemranges: Vec<xen_vmemrange>,
    /// Distances between nodes, one row for each node; 10 is a node's distance from itself.
    pub vdistance: Vec<u32>,
    /// The node of each vCPU, by its number.
    pub vcpu_to_vnode: Vec<u32>,
}

impl VnumaTopology {
    /// The number of nodes.
    pub(crate) fn nodes(&self) -> u32 {
        self.vdistance.len().isqrt() as u32
    }
}
