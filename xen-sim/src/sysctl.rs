//! `sysctl`: the operations that read.

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

use xen_abi::domctl::XEN_SCHEDULER_CREDIT2;
use xen_abi::errno::*;
use xen_abi::sysctl::*;
use xen_abi::xen::domid_t;

use crate::control::{of_release, versions};
use crate::domctl::domain_info;
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::guest_access::address64;

/// The frequency of the machine's processor, in kHz.
pub(crate) const CPU_KHZ: u32 = 2_000_000;
/// The scheduler of the machine's one cpupool.
pub(crate) const SCHEDULER: u32 = XEN_SCHEDULER_CREDIT2;
/// The distance of a node to itself.
const LOCAL_DISTANCE: u32 = 10;

impl State {
    pub(crate) fn sysctl(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let at = arguments[0];
        let (name, answer) = match self.read(caller, at) {
            Err(fault) => ("sysctl", Err(fault.into())),
            Ok(op) => self.sysctl_op(caller, at, op),
        };
        HypercallRecord::new(caller, name, answer)
    }

    fn sysctl_op(
        &mut self,
        caller: domid_t,
        at: usize,
        mut op: xen_sysctl,
    ) -> (&'static str, Answer) {
        type Operation = fn(&mut State, domid_t, &mut xen_sysctl_u) -> Answer<()>;
        let (name, operation): (_, Operation) = match op.cmd {
            XEN_SYSCTL_readconsole => ("XEN_SYSCTL_readconsole", Self::console_ring),
            XEN_SYSCTL_physinfo => ("XEN_SYSCTL_physinfo", Self::physinfo),
            XEN_SYSCTL_sched_id => ("XEN_SYSCTL_sched_id", |_, _, u| {
                u.sched_id_mut().sched_id = SCHEDULER;
                Ok(())
            }),
            XEN_SYSCTL_availheap => ("XEN_SYSCTL_availheap", |state, _, u| {
                u.availheap_mut().avail_bytes = (state.frames.unused() as u64 * 4096).into();
                Ok(())
            }),
            XEN_SYSCTL_getdomaininfolist => ("XEN_SYSCTL_getdomaininfolist", Self::domain_list),
            XEN_SYSCTL_cputopoinfo => ("XEN_SYSCTL_cputopoinfo", Self::cpu_topology),
            XEN_SYSCTL_getcpuinfo => ("XEN_SYSCTL_getcpuinfo", Self::cpu_idle_times),
            XEN_SYSCTL_numainfo => ("XEN_SYSCTL_numainfo", Self::nodes),
            XEN_SYSCTL_cpupool_op => ("XEN_SYSCTL_cpupool_op", Self::cpupool),
            _ => ("sysctl", |_, _, _| Err(XEN_ENOSYS)),
        };
        let (_, version) = versions(self.release);
        let answer = if op.interface_version != version {
            Err(XEN_EACCES)
        } else if !self.caller(caller).privileged {
            Err(XEN_EPERM)
        } else {
            operation(self, caller, &mut op.u)
                .and_then(|()| Ok(self.write(caller, at, op)?))
                .map(|()| 0)
        };
        (name, answer)
    }

    /// Reads from the ring, and drops what was read if that is asked for.
    fn console_ring(&mut self, caller: domid_t, u: &mut xen_sysctl_u) -> Answer<()> {
        let argument = u.readconsole_mut();
        let from = (argument.incremental != 0).then_some(argument.index);
        let (bytes, next) = self.console.read(from, argument.count as usize);
        let at = address64(argument.buffer);
        for (index, byte) in bytes.iter().enumerate() {
            self.write_at(caller, at, index, *byte)?;
        }
        if argument.clear != 0 {
            self.console.clear_to(next);
        }
        (argument.count, argument.index) = (bytes.len() as u32, next);
        Ok(())
    }

    /// A machine with one processor.
    fn physinfo(&mut self, _: domid_t, u: &mut xen_sysctl_u) -> Answer<()> {
        let free = self.frames.unused() as u64;
        *u.physinfo_mut() = xen_sysctl_physinfo {
            threads_per_core: 1,
            cores_per_socket: 1,
            nr_cpus: 1,
            nr_nodes: 1,
            cpu_khz: CPU_KHZ,
            capabilities: XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_hap,
            total_pages: (self.frames.total() as u64).into(),
            free_pages: free.into(),
            max_mfn: self.frames.end().saturating_sub(1).into(),
            ..xen_sysctl_physinfo::ZERO
        };
        Ok(())
    }

    fn domain_list(&mut self, caller: domid_t, u: &mut xen_sysctl_u) -> Answer<()> {
        let argument = u.getdomaininfolist_mut();
        let (first, most) = (argument.first_domain.0, argument.max_domains as usize);
        let at = address64(argument.buffer);
        let domains = self.domains.range(first..).take(most);
        let mut count = 0;
        for (index, (_, domain)) in domains.enumerate() {
            of_release!(self.release, v => {
                self.write_at(caller, at, index, domain_info!(v, self, domain))?;
            });
            count += 1;
        }
        argument.num_domains = count;
        Ok(())
    }

    fn cpu_topology(&mut self, caller: domid_t, u: &mut xen_sysctl_u) -> Answer<()> {
        let argument = u.cputopoinfo_mut();
        let at = address64(argument.cputopo);
        if at != 0 && argument.num_cpus > 0 {
            self.write_at(caller, at, 0, xen_sysctl_cputopo::ZERO)?;
        }
        argument.num_cpus = if at == 0 { 1 } else { argument.num_cpus.min(1) };
        Ok(())
    }

    fn cpu_idle_times(&mut self, caller: domid_t, u: &mut xen_sysctl_u) -> Answer<()> {
        let argument = u.getcpuinfo_mut();
        argument.nr_cpus = argument.max_cpus.min(1);
        if argument.nr_cpus > 0 {
            let info = xen_sysctl_cpuinfo { idletime: self.now().into() };
            self.write_at(caller, address64(argument.info), 0, info)?;
        }
        Ok(())
    }

    /// All memory is of one node.
    fn nodes(&mut self, caller: domid_t, u: &mut xen_sysctl_u) -> Answer<()> {
        let argument = u.numainfo_mut();
        let (nodes, distances) = (address64(argument.meminfo), address64(argument.distance));
        let is_count = nodes == 0 && distances == 0;
        let count = if is_count { 1 } else { argument.num_nodes.min(1) };
        if nodes != 0 && count > 0 {
            let bytes = |frames: usize| (frames as u64 * 4096).into();
            let (memsize, memfree) = (bytes(self.frames.total()), bytes(self.frames.unused()));
            self.write_at(caller, nodes, 0, xen_sysctl_meminfo { memsize, memfree })?;
        }
        if distances != 0 && count > 0 {
            self.write_at(caller, distances, 0, LOCAL_DISTANCE)?;
        }
        argument.num_nodes = count;
        Ok(())
    }

    /// One cpupool has the machine's one processor, and all domains. None is made here.
    fn cpupool(&mut self, caller: domid_t, u: &mut xen_sysctl_u) -> Answer<()> {
        let argument = u.cpupool_op_mut();
        if argument.op != XEN_SYSCTL_CPUPOOL_OP_INFO {
            return Err(XEN_ENOSYS);
        }
        if argument.cpupool_id != 0 {
            return Err(XEN_ENOENT);
        }
        (argument.sched_id, argument.n_dom) = (SCHEDULER, self.domains.len() as u32);
        let cpus = argument.cpumap;
        for index in 0..cpus.nr_bits.div_ceil(8) as usize {
            self.write_at(caller, address64(cpus.bitmap), index, u8::from(index == 0))?;
        }
        Ok(())
    }
}
