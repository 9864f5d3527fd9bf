//! The machine: cpupools, processors, debug keys.

use xen_abi::sysctl::*;
use xen_ops::hypercall::{self, HypercallBuffer};
use xen_ops::{DomainId, Hypercall};

use super::Toolstack;
use crate::Error;
use crate::every::every;
use crate::reader::capacity;

/// Every method fails with `EPERM` if the caller is no control domain.
impl<H: Hypercall> Toolstack<H> {
    /// Creates a cpupool without processors, with this scheduler (`XEN_SCHEDULER_*`), and returns its number:
    /// `id`, or one that is free.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is one of that number, `EINVAL` for a scheduler that Xen was built without.
    pub fn create_cpupool(&self, id: Option<u32>, scheduler: u32) -> Result<u32, Error> {
        let argument = self.cpupool_op(xen_sysctl_cpupool_op {
            op: XEN_SYSCTL_CPUPOOL_OP_CREATE,
            cpupool_id: id.unwrap_or(XEN_SYSCTL_CPUPOOL_PAR_ANY),
            sched_id: scheduler,
            ..xen_sysctl_cpupool_op::ZERO
        })?;
        Ok(argument.cpupool_id)
    }

    /// Destroys a cpupool that has no domains and no processors.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none of that number, `EBUSY` if it is in use.
    pub fn destroy_cpupool(&self, id: u32) -> Result<(), Error> {
        let op = XEN_SYSCTL_CPUPOOL_OP_DESTROY;
        let argument = xen_sysctl_cpupool_op { op, cpupool_id: id, ..xen_sysctl_cpupool_op::ZERO };
        self.cpupool_op(argument)?;
        Ok(())
    }

    /// Adds a free processor to a cpupool.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such cpupool, `EBUSY` if the processor is in one, `EINVAL` if there is no such
    /// processor, `ENODEV` if none is free.
    pub fn add_cpu(&self, cpupool: u32, cpu: u32) -> Result<(), Error> {
        self.cpupool_op(xen_sysctl_cpupool_op {
            op: XEN_SYSCTL_CPUPOOL_OP_ADDCPU,
            cpupool_id: cpupool,
            cpu,
            ..xen_sysctl_cpupool_op::ZERO
        })?;
        Ok(())
    }

    /// Removes a processor from a cpupool.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such cpupool, `EBUSY` if its domains need the processor, `EINVAL` if it is not
    /// in the cpupool.
    pub fn remove_cpu(&self, cpupool: u32, cpu: u32) -> Result<(), Error> {
        self.cpupool_op(xen_sysctl_cpupool_op {
            op: XEN_SYSCTL_CPUPOOL_OP_RMCPU,
            cpupool_id: cpupool,
            cpu,
            ..xen_sysctl_cpupool_op::ZERO
        })?;
        Ok(())
    }

    /// Moves a domain to a cpupool.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such cpupool or it has no processor, `ESRCH` if there is no such domain, `EPERM`
    /// for the caller's own domain.
    pub fn move_to_cpupool(&self, domain: DomainId, cpupool: u32) -> Result<(), Error> {
        self.cpupool_op(xen_sysctl_cpupool_op {
            op: XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN,
            cpupool_id: cpupool,
            domid: domain.domid().0.into(),
            ..xen_sysctl_cpupool_op::ZERO
        })?;
        Ok(())
    }

    #[allow(unsafe_code, reason = "an operation that may take an address")]
    fn cpupool_op(
        &self,
        mut argument: xen_sysctl_cpupool_op,
    ) -> Result<xen_sysctl_cpupool_op, Error> {
        // SAFETY: the bitmap is null: these operations take none.
        unsafe { self.sysctl_unsafe(every!(sysctl::cpupool_op), &mut argument) }?;
        Ok(argument)
    }

    /// Takes a processor online or offline (`XEN_SYSCTL_CPU_HOTPLUG_*`).
    ///
    /// # Errors
    ///
    /// `EBUSY`, `EINVAL` (no such processor, or no such operation), `EOPNOTSUPP` (built without that).
    pub fn hotplug_cpu(&self, cpu: u32, op: u32) -> Result<(), Error> {
        let mut argument = xen_sysctl_cpu_hotplug { cpu, op };
        self.sysctl(every!(sysctl::cpu_hotplug), &mut argument)?;
        Ok(())
    }

    /// Acts as if these debug keys were pressed on the hypervisor's console. Some stop the machine: `R`
    /// reboots it.
    ///
    /// # Errors
    ///
    /// Those of every method.
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn send_debug_keys(&self, keys: &[u8]) -> Result<(), Error> {
        let length = keys.len();
        let buffer = HypercallBuffer::to_read(self.hypervisor(), keys);
        let buffer =
            buffer.map_err(|errno| hypercall::Error::from_errno("XEN_SYSCTL_debug_keys", errno))?;
        let mut argument = xen_sysctl_debug_keys {
            keys: buffer.handle(),
            nr_keys: capacity(length),
            ..xen_sysctl_debug_keys::ZERO
        };
        // SAFETY: the handle is that of as many bytes.
        unsafe { self.sysctl_unsafe(every!(sysctl::debug_keys), &mut argument) }?;
        Ok(())
    }
}
