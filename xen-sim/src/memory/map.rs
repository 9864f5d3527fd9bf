//! Memory maps: `XENMEM_memory_map` and its like, and virtual NUMA.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::{domid_t, xen_pfn_t, xen_ulong_t};

use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::guest_access::address;
use crate::machine::State;
use crate::state::FIRST_GFN;

/// An entry of an E820 map as its bytes: start and size in bytes, type.
type E820 = [u8; 20];

/// Type of usable memory.
const RAM: u32 = 1;
/// Entries that a map can have.
const MAX_ENTRIES: u32 = 1024;

/// The map that a domain is told; none for PV guests until the toolstack sets one.
#[derive(Debug, Default)]
pub(crate) struct MemoryMap(Vec<E820>);

impl MemoryMap {
    /// The map of a domain with memory up to the guest frame `last`.
    pub(crate) fn new(kind: GuestKind, last: Option<u64>) -> Self {
        match last {
            Some(last) if kind == GuestKind::Pvh => {
                Self(vec![entry(FIRST_GFN << 12, (last + 1 - FIRST_GFN) << 12)])
            }
            _ => Self::default(),
        }
    }
}

fn entry(start: u64, size: u64) -> E820 {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&start.to_ne_bytes());
    bytes[8..16].copy_from_slice(&size.to_ne_bytes());
    bytes[16..].copy_from_slice(&RAM.to_ne_bytes());
    bytes
}

/// Layout of a domain's virtual NUMA; see [`Domain::set_vnuma`](crate::Domain::set_vnuma).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vnuma {
    /// Ranges of memory, each with its node.
    pub ranges: Vec<xen_vmemrange>,
    /// Distances between nodes, a row for each node.
    pub distances: Vec<u32>,
    /// The node of each vCPU.
    pub vcpus: Vec<u32>,
}

impl Vnuma {
    /// How many nodes there are, by the distances.
    pub(crate) fn nodes(&self) -> u32 {
        self.distances.len().isqrt() as u32
    }
}

impl State {
    pub(crate) fn memory_map(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_memory_map = self.read(caller, at)?;
        let entries = &self.caller(caller).memory_map.0;
        if entries.is_empty() {
            return Err(XEN_ENOSYS);
        }
        op.nr_entries = op.nr_entries.min(entries.len() as u32);
        for (index, entry) in entries.iter().enumerate().take(op.nr_entries as usize) {
            self.write_at(caller, address(op.buffer), index, *entry)?;
        }
        self.write(caller, at, op)?;
        Ok(0)
    }

    pub(crate) fn set_memory_map(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_foreign_memory_map = self.read(caller, at)?;
        if op.map.nr_entries > MAX_ENTRIES {
            return Err(XEN_EINVAL);
        }
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let mut entries = Vec::new();
        for index in 0..op.map.nr_entries as usize {
            entries.push(self.read_at(caller, address(op.map.buffer), index)?);
        }
        if let Some(domain) = self.domain_mut(domid) {
            domain.memory_map = MemoryMap(entries);
        }
        Ok(0)
    }

    pub(crate) fn machine_memory_map(&mut self, caller: domid_t, at: usize) -> Answer {
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        let mut op: xen_memory_map = self.read(caller, at)?;
        // All of the machine's memory is one range.
        let store = !op.buffer.is_null();
        if store && op.nr_entries < 2 {
            return Err(XEN_EINVAL);
        }
        if store {
            self.write(caller, address(op.buffer), entry(0, self.frames.end() << 12))?;
        }
        op.nr_entries = 1;
        self.write(caller, at, op)?;
        Ok(0)
    }

    pub(crate) fn reserved_device_memory_map(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_reserved_device_memory_map = self.read(caller, at)?;
        if op.flags & !XENMEM_RDM_ALL != 0 {
            return Err(XEN_EINVAL);
        }
        // No device has an address of its own here: a question for one finds nothing.
        let ranges = if op.flags & XENMEM_RDM_ALL != 0 { &self.reserved[..] } else { &[] };
        for (index, (start, pages)) in ranges.iter().enumerate().take(op.nr_entries as usize) {
            let range = xen_reserved_device_memory {
                start_pfn: xen_pfn_t(*start),
                nr_pages: *pages as xen_ulong_t,
            };
            self.write_at(caller, address(op.buffer), index, range)?;
        }
        let there = ranges.len() as u32;
        let fits = op.nr_entries >= there;
        op.nr_entries = there;
        self.write(caller, at, op)?;
        if fits { Ok(0) } else { Err(XEN_ENOBUFS) }
    }

    /// Populating on demand is not modelled: a domain has all that it was promised.
    pub(crate) fn pod_target(&mut self, caller: domid_t, at: usize, set: bool) -> Answer {
        let mut op: xen_pod_target = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if !domain.is_translated() && self.release > Release::V4_14 {
            return Err(XEN_EINVAL);
        }
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        if op.target_pages > domain.max_pages as u64 && set {
            return Err(XEN_EINVAL);
        }
        op.tot_pages = domain.pages as u64;
        op.pod_cache_pages = 0;
        op.pod_entries = 0;
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// Where the table from machine frames to guest frames is in a PV guest's address space. The model
    /// has no address spaces: it is where Xen has it, and not to be read.
    pub(crate) fn machphys_mapping(&mut self, caller: domid_t, at: usize) -> Answer {
        let op = xen_machphys_mapping {
            v_start: 0xffff_8000_0000_0000,
            v_end: 0xffff_8040_0000_0000,
            max_mfn: self.frames.end() - 1,
        };
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// Lists the table's frames, as many as fit: in pieces of 2 MiB, of which a machine of the model has
    /// one. Nobody can map it.
    pub(crate) fn machphys_mfn_list(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_machphys_mfn_list = self.read(caller, at)?;
        op.nr_extents = op.max_extents.min(1);
        if op.nr_extents > 0 {
            let frame = xen_pfn_t(self.frames.end().next_multiple_of(512));
            self.write(caller, address(op.extent_start), frame)?;
        }
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// Nobody monitors a domain here.
    pub(crate) fn access_op(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_mem_access_op = self.read(caller, at)?;
        self.remote(caller, op.domid)?;
        Err(XEN_ENODEV)
    }

    /// Nor pages its memory out.
    pub(crate) fn paging_op(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_mem_paging_op = self.read(caller, at)?;
        self.remote(caller, op.domain)?;
        Err(XEN_ENODEV)
    }

    pub(crate) fn get_vnumainfo(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_vnuma_topology_info = self.read(caller, at)?;
        if op.pad != 0 {
            return Err(XEN_EINVAL);
        }
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let vnuma = self.domain(domid).and_then(|domain| domain.vnuma.clone());
        let vnuma = vnuma.ok_or(XEN_EOPNOTSUPP)?;
        let sizes = [vnuma.nodes(), vnuma.vcpus.len() as u32, vnuma.ranges.len() as u32];
        let given = [op.nr_vnodes, op.nr_vcpus, op.nr_vmemranges];
        [op.nr_vnodes, op.nr_vcpus, op.nr_vmemranges] = sizes;
        if given.into_iter().zip(sizes).any(|(given, size)| given < size) {
            self.write(caller, at, op)?;
            return Err(XEN_ENOBUFS);
        }
        if self.caller_mut(caller).faults.take_vnuma() {
            return Err(XEN_EAGAIN);
        }
        for (index, range) in vnuma.ranges.iter().enumerate() {
            self.write_at(caller, address(*op.vmemrange.h()), index, *range)?;
        }
        for (index, distance) in vnuma.distances.iter().enumerate() {
            self.write_at(caller, address(*op.vdistance.h()), index, *distance)?;
        }
        for (index, node) in vnuma.vcpus.iter().enumerate() {
            self.write_at(caller, address(*op.vcpu_to_vnode.h()), index, *node)?;
        }
        self.write(caller, at, op)?;
        Ok(0)
    }
}
