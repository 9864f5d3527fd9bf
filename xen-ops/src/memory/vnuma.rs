//! A domain's virtual NUMA topology.

#![allow(unsafe_code, reason = "passes buffers to the hypervisor")]

use core::fmt;

use xen_abi::errno::{XEN_EAGAIN, XEN_ENOBUFS};
use xen_abi::memory::{
    xen_vmemrange, xen_vnuma_topology_info, xen_vnuma_topology_info_vcpu_to_vnode,
    xen_vnuma_topology_info_vdistance, xen_vnuma_topology_info_vmemrange,
};
use xen_abi::xen::domid_t;

use super::{Error, list};
use crate::hypercall::{self, Hypercall, HypercallBuffer, memory_op};

/// How large a virtual NUMA topology is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnumaSizes {
    /// Virtual nodes. There are as many distances as their square.
    pub nodes: u32,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Ranges of memory.
    pub ranges: u32,
}

/// Buffers for a virtual NUMA topology.
#[derive(Debug)]
pub struct VnumaBuffers<'a> {
    /// For the distances: the square of the largest number of nodes.
    pub distances: &'a mut [u32],
    /// For the node of each vCPU.
    pub vcpu_to_node: &'a mut [u32],
    /// For the ranges of memory.
    pub ranges: &'a mut [xen_vmemrange],
}

/// A virtual NUMA topology.
#[derive(Clone, Copy, Debug)]
pub struct Vnuma<'a> {
    /// Virtual nodes.
    pub nodes: usize,
    /// The distance from node `i` to node `j` is at `i * nodes + j`.
    pub distances: &'a [u32],
    /// The node of each vCPU.
    pub vcpu_to_node: &'a [u32],
    /// The ranges of memory, with their nodes.
    pub ranges: &'a [xen_vmemrange],
}

/// Why the topology was not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VnumaError {
    /// One of the buffers is too small. These are the sizes needed.
    TooSmall(VnumaSizes),
    /// The topology changed while Xen copied it (-EAGAIN): try again.
    Changed,
    /// Xen's answer.
    Failed(Error),
}

/// The size of the topology of domain `domid`.
///
/// `XENMEM_get_vnumainfo` of `memory.h` without buffers.
///
/// # Errors
///
/// -EOPNOTSUPP (the domain has no virtual NUMA topology), -ESRCH (no such domain), -EPERM (not
/// allowed).
pub fn vnuma_sizes<H>(xen: &H, domid: domid_t) -> Result<VnumaSizes, Error>
where
    H: Hypercall + ?Sized,
{
    let argument = xen_vnuma_topology_info { domid, ..xen_vnuma_topology_info::ZERO };
    // SAFETY: without buffers Xen writes nothing but the sizes.
    let (result, argument) = unsafe { memory_op::get_vnumainfo(xen, argument) };
    match result {
        Err(error) if error.errno() != Some(XEN_ENOBUFS) => Err(error.into()),
        _ => Ok(sizes(&argument)),
    }
}

/// The topology of domain `domid`, in `buffers`.
///
/// `XENMEM_get_vnumainfo` of `memory.h`.
///
/// # Errors
///
/// [`VnumaError::TooSmall`] with what is needed; [`VnumaError::Changed`]. In [`VnumaError::Failed`]
/// those of [`vnuma_sizes`], -ENOMEM, and
/// [`Cause::Unexpected`](crate::hypercall::Cause::Unexpected) if Xen reports more elements than the
/// buffers hold.
pub fn vnuma<'a, H>(
    xen: &H,
    domid: domid_t,
    buffers: VnumaBuffers<'a>,
) -> Result<Vnuma<'a>, VnumaError>
where
    H: Hypercall + ?Sized,
{
    let VnumaBuffers { distances, vcpu_to_node, ranges } = buffers;
    let argument = xen_vnuma_topology_info {
        domid,
        nr_vnodes: u32::try_from(distances.len().isqrt()).unwrap_or(u32::MAX),
        nr_vcpus: list::capacity(vcpu_to_node),
        nr_vmemranges: list::capacity(ranges),
        ..xen_vnuma_topology_info::ZERO
    };
    let (result, argument) = {
        let refused = |errno| VnumaError::Failed(hypercall::Error::from_errno(NAME, errno).into());
        let distances = HypercallBuffer::to_write(xen, &mut *distances).map_err(refused)?;
        let vcpu_to_node = HypercallBuffer::to_write(xen, &mut *vcpu_to_node).map_err(refused)?;
        let ranges = HypercallBuffer::to_write(xen, &mut *ranges).map_err(refused)?;
        let argument = xen_vnuma_topology_info {
            vdistance: xen_vnuma_topology_info_vdistance::from_h(distances.handle()),
            vcpu_to_vnode: xen_vnuma_topology_info_vcpu_to_vnode::from_h(vcpu_to_node.handle()),
            vmemrange: xen_vnuma_topology_info_vmemrange::from_h(ranges.handle()),
            ..argument
        };
        // SAFETY: the handles are to buffers for writing, of as many elements as the sizes say.
        unsafe { memory_op::get_vnumainfo(xen, argument) }
    };
    let VnumaSizes { nodes, vcpus, ranges: count } = sizes(&argument);
    match result {
        Ok(()) => {
            let distance_count = nodes
                .checked_mul(nodes)
                .ok_or_else(|| VnumaError::Failed(list::impossible(NAME, nodes)))?;
            Ok(Vnuma {
                nodes: nodes as usize,
                distances: list::written(NAME, distances, distance_count)?,
                vcpu_to_node: list::written(NAME, vcpu_to_node, vcpus)?,
                ranges: list::written(NAME, ranges, count)?,
            })
        }
        Err(error) => Err(match error.errno() {
            Some(XEN_ENOBUFS) => VnumaError::TooSmall(sizes(&argument)),
            Some(XEN_EAGAIN) => VnumaError::Changed,
            _ => VnumaError::Failed(error.into()),
        }),
    }
}

const NAME: &str = "XENMEM_get_vnumainfo";

const fn sizes(argument: &xen_vnuma_topology_info) -> VnumaSizes {
    VnumaSizes {
        nodes: argument.nr_vnodes,
        vcpus: argument.nr_vcpus,
        ranges: argument.nr_vmemranges,
    }
}

impl From<Error> for VnumaError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for VnumaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall(VnumaSizes { nodes, vcpus, ranges }) => write!(
                f,
                "{NAME}: buffers for {nodes} nodes, {vcpus} vCPUs and {ranges} ranges are needed"
            ),
            Self::Changed => write!(f, "{NAME}: the topology changed meanwhile, try again"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for VnumaError {}
