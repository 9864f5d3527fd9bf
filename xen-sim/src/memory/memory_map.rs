//! Memory maps: `XENMEM_memory_map`, `XENMEM_machine_memory_map`, `XENMEM_set_memory_map` and
//! `XENMEM_reserved_device_memory_map`.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::{domid_t, xen_ulong_t};

use crate::abi::pfn;
use crate::error::Answer;
use crate::state::State;
use crate::state::guest_access::address;
use crate::state::memory_map::{MemoryMap, ram};

/// Entries that a map can have.
const MAX_ENTRIES: u32 = 1024;

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
            self.write(caller, address(op.buffer), ram(0, self.frames.end() << 12))?;
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
        // Devices have no addresses here: a query for a single device finds no range.
        let ranges = if op.flags & XENMEM_RDM_ALL != 0 { &self.reserved[..] } else { &[] };
        for (index, (start, pages)) in ranges.iter().enumerate().take(op.nr_entries as usize) {
            let range = xen_reserved_device_memory {
                start_pfn: pfn(*start),
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
}
