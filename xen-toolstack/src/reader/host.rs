//! The machine: memory, processors, nodes, cpupools, the console.

use xen_abi::Plain;
use xen_abi::sysctl::*;
use xen_ops::Hypercall;
use xen_ops::hypercall::{self, HypercallBuffer};

use super::{Reader, bitmap, capacity, checked_len};
use crate::Error;
use crate::every::every;

/// What [`Reader::read_console`] has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleRead {
    /// Bytes in the buffer.
    pub count: usize,
    /// Where to go on: the argument `from` of the next call.
    pub next: u32,
}

/// A cpupool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuPoolInfo {
    /// Its number.
    pub id: u32,
    /// Its scheduler: `XEN_SCHEDULER_*`.
    pub scheduler: u32,
    /// Domains in it.
    pub domains: u32,
}

/// A buffer for Xen to write a list to.
fn list<'a, H: Hypercall, T: Plain>(
    operation: &'static str,
    xen: &'a H,
    list: &'a mut [T],
) -> Result<HypercallBuffer<'a, H, [T]>, Error> {
    let buffer = HypercallBuffer::to_write(xen, list);
    buffer.map_err(|errno| hypercall::Error::from_errno(operation, errno).into())
}

impl<H: Hypercall> Reader<H> {
    /// Processors, nodes, memory in pages of 4096 bytes, and what the machine can do
    /// (`XEN_SYSCTL_PHYSCAP_*`).
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain.
    pub fn physinfo(&self) -> Result<xen_sysctl_physinfo, Error> {
        let mut argument = xen_sysctl_physinfo::ZERO;
        self.sysctl(every!(sysctl::physinfo), &mut argument)?;
        Ok(argument)
    }

    /// The scheduler of the first cpupool: `XEN_SCHEDULER_*` of `domctl.h`.
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain.
    pub fn scheduler_id(&self) -> Result<u32, Error> {
        let mut argument = xen_sysctl_sched_id::ZERO;
        self.sysctl(every!(sysctl::sched_id), &mut argument)?;
        Ok(argument.sched_id)
    }

    /// Free memory in bytes whose addresses take from `bits.start` to `bits.end` bits, of a node or of all.
    /// An end of 0 is no limit.
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain, and [`Error::Argument`] for a node that no machine has.
    pub fn available_memory(
        &self,
        bits: core::ops::Range<u32>,
        node: Option<u32>,
    ) -> Result<u64, Error> {
        let operation = "XEN_SYSCTL_availheap";
        let what = "a node above 2^31";
        let node = node.map_or(Ok(-1), |node| {
            i32::try_from(node).map_err(|_| Error::Argument { operation, what })
        })?;
        let mut argument = xen_sysctl_availheap {
            min_bitwidth: bits.start,
            max_bitwidth: bits.end,
            node,
            ..xen_sysctl_availheap::ZERO
        };
        self.sysctl(every!(sysctl::availheap), &mut argument)?;
        Ok(argument.avail_bytes.into())
    }

    /// Writes core, socket and node of each processor to `cpus`, and returns how many were written. With an
    /// empty list it returns the number of processors.
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain, and [`Error::Malformed`].
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn cpu_topology(&self, cpus: &mut [xen_sysctl_cputopo]) -> Result<usize, Error> {
        const OPERATION: &str = "XEN_SYSCTL_cputopoinfo";
        let length = cpus.len();
        let mut argument = xen_sysctl_cputopoinfo::ZERO;
        if length == 0 {
            // SAFETY: the handle is null.
            unsafe { self.sysctl_unsafe(every!(sysctl::cputopoinfo), &mut argument) }?;
            return checked_len(OPERATION, argument.num_cpus, usize::MAX);
        }
        let buffer = list(OPERATION, &self.xen, cpus)?;
        argument.num_cpus = capacity(length);
        argument.cputopo = buffer.handle();
        // SAFETY: the handle is that of as many elements.
        unsafe { self.sysctl_unsafe(every!(sysctl::cputopoinfo), &mut argument) }?;
        checked_len(OPERATION, argument.num_cpus, length)
    }

    /// Writes size and free memory of each node to `nodes`, in bytes, and returns how many were written. With
    /// an empty list it returns the number of nodes.
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain, and [`Error::Malformed`].
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn numa_nodes(&self, nodes: &mut [xen_sysctl_meminfo]) -> Result<usize, Error> {
        const OPERATION: &str = "XEN_SYSCTL_numainfo";
        let length = nodes.len();
        let mut argument = xen_sysctl_numainfo::ZERO;
        if length == 0 {
            // SAFETY: both handles are null.
            unsafe { self.sysctl_unsafe(every!(sysctl::numainfo), &mut argument) }?;
            return checked_len(OPERATION, argument.num_nodes, usize::MAX);
        }
        let buffer = list(OPERATION, &self.xen, nodes)?;
        argument.num_nodes = capacity(length);
        argument.meminfo = buffer.handle();
        // SAFETY: one handle is that of as many elements, the other is null.
        unsafe { self.sysctl_unsafe(every!(sysctl::numainfo), &mut argument) }?;
        checked_len(OPERATION, argument.num_nodes, length)
    }

    /// Writes to `cpus` for how many nanoseconds each processor was idle, and returns how many were written.
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain, and [`Error::Malformed`].
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn cpu_idle_times(&self, cpus: &mut [xen_sysctl_cpuinfo]) -> Result<usize, Error> {
        const OPERATION: &str = "XEN_SYSCTL_getcpuinfo";
        let length = cpus.len();
        let buffer = list(OPERATION, &self.xen, cpus)?;
        let mut argument = xen_sysctl_getcpuinfo {
            max_cpus: capacity(length),
            info: buffer.handle(),
            ..xen_sysctl_getcpuinfo::ZERO
        };
        // SAFETY: the handle is that of as many elements.
        unsafe { self.sysctl_unsafe(every!(sysctl::getcpuinfo), &mut argument) }?;
        checked_len(OPERATION, argument.nr_cpus, length)
    }

    /// Copies from the hypervisor's console ring to `buffer`: from the oldest byte, or from where another
    /// read has ended.
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain, and [`Error::Malformed`].
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn read_console(&self, from: Option<u32>, buffer: &mut [u8]) -> Result<ConsoleRead, Error> {
        const OPERATION: &str = "XEN_SYSCTL_readconsole";
        let length = buffer.len();
        let buffer = list(OPERATION, &self.xen, buffer)?;
        let mut argument = xen_sysctl_readconsole {
            incremental: u8::from(from.is_some()),
            index: from.unwrap_or(0),
            buffer: buffer.handle(),
            count: capacity(length),
            ..xen_sysctl_readconsole::ZERO
        };
        // SAFETY: the handle is that of as many bytes.
        unsafe { self.sysctl_unsafe(every!(sysctl::readconsole), &mut argument) }?;
        let count = checked_len(OPERATION, argument.count, length)?;
        Ok(ConsoleRead { count, next: argument.index })
    }

    /// The cpupool with the lowest number from `id` on, or `None` if there is none. Its processors are
    /// written to `cpus`, a bit each, from the lowest bit of the first byte.
    ///
    /// # Errors
    ///
    /// `EPERM` if the caller is no control domain, and [`Error::Malformed`].
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn cpupool(&self, id: u32, cpus: &mut [u8]) -> Result<Option<CpuPoolInfo>, Error> {
        const OPERATION: &str = "XEN_SYSCTL_cpupool_op";
        let bytes = cpus.len();
        let buffer = bitmap::buffer(&self.xen, cpus);
        let buffer = buffer.map_err(|errno| hypercall::Error::from_errno(OPERATION, errno))?;
        let mut argument = xen_sysctl_cpupool_op {
            op: XEN_SYSCTL_CPUPOOL_OP_INFO,
            cpupool_id: id,
            cpumap: bitmap::argument(&buffer, bytes),
            ..xen_sysctl_cpupool_op::ZERO
        };
        // SAFETY: the bitmap has as many bits.
        let result = unsafe { self.sysctl_unsafe(every!(sysctl::cpupool_op), &mut argument) };
        match result {
            Err(error) if error.errno() == Some(xen_abi::errno::XEN_ENOENT) => return Ok(None),
            result => result?,
        };
        let xen_sysctl_cpupool_op { cpupool_id, sched_id, n_dom, .. } = argument;
        // Or a caller that asks for the next one would never end.
        if cpupool_id < id {
            return Err(Error::Malformed { operation: OPERATION, what: "cpupools out of order" });
        }
        Ok(Some(CpuPoolInfo { id: cpupool_id, scheduler: sched_id, domains: n_dom }))
    }
}
