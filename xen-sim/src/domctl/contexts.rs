//! The domctls that read a domain's registers and saved state.
//!
//! A vCPU keeps the registers that it was initialised with. The first one runs the guest's code, in registers
//! that the simulator does not know: they are 0.

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

use xen_abi::arch_x86::hvm::save::*;
use xen_abi::as_bytes;
use xen_abi::domctl::xen_domctl_u;
use xen_abi::errno::*;
use xen_abi::hvm::save::hvm_save_descriptor;
use xen_abi::xen::domid_t;

use crate::config::GuestKind;
use crate::error::Answer;
use crate::state::State;
use crate::state::domain::DomainState;
use crate::state::guest_access::address64;
use crate::sysctl::CPU_KHZ;
use crate::vcpu::registers::{guest_context, saved_cpu};

/// Codes of records; upstream has them in types alone.
const END: u16 = 0;
const HEADER: u16 = 1;
const CPU: u16 = 2;

impl State {
    pub(super) fn vcpu_context(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_domctl_u,
    ) -> Answer<()> {
        let argument = u.vcpucontext();
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        let vcpu = domain.vcpus.get(argument.vcpu as usize).ok_or(XEN_EINVAL)?;
        // A vCPU cannot be paused to be asked about itself, and the first one calls.
        if domid == caller && argument.vcpu == 0 {
            return Err(XEN_EINVAL);
        }
        if !vcpu.is_initialised {
            return Err(XEN_ENODATA);
        }
        let context = guest_context(domain, vcpu);
        Ok(self.write(caller, address64(argument.ctxt), *context)?)
    }

    /// Without a buffer, the size of one that is large enough.
    pub(super) fn hvm_context(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_domctl_u,
    ) -> Answer<()> {
        let argument = u.hvmcontext_mut();
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if domid == caller || domain.kind != GuestKind::Pvh {
            return Err(XEN_EINVAL);
        }
        let (at, size) = (address64(argument.buffer), max_size(domain));
        if at == 0 {
            argument.size = size;
            return Ok(());
        }
        if argument.size < size {
            return Err(XEN_ENOSPC);
        }
        if domain.dying {
            return Err(XEN_EINVAL);
        }
        let state = saved_state(domain);
        argument.size = state.len() as u32;
        for (index, byte) in state.into_iter().enumerate() {
            self.write_at(caller, at, index, byte)?;
        }
        Ok(())
    }
}

/// The size of a state in which all vCPUs are up.
fn max_size(domain: &DomainState) -> u32 {
    let record = |content| (size_of::<hvm_save_descriptor>() + content) as u32;
    let cpus = record(size_of::<hvm_hw_cpu>()) * domain.vcpus.len() as u32;
    record(size_of::<hvm_save_header>()) + cpus + record(0)
}

/// A header, the vCPUs that are up, and the end.
fn saved_state(domain: &DomainState) -> Vec<u8> {
    let mut state = Vec::new();
    let header = hvm_save_header {
        magic: HVM_FILE_MAGIC,
        version: HVM_FILE_VERSION,
        changeset: u64::MAX.into(),
        cpuid: 0,
        gtsc_khz: CPU_KHZ,
    };
    record(&mut state, HEADER, 0, as_bytes(&header));
    for (instance, vcpu) in (0..).zip(&domain.vcpus).filter(|(_, vcpu)| vcpu.is_up) {
        record(&mut state, CPU, instance, as_bytes(&saved_cpu(vcpu)));
    }
    record(&mut state, END, 0, &[]);
    state
}

fn record(state: &mut Vec<u8>, typecode: u16, instance: u16, content: &[u8]) {
    let length = content.len() as u32;
    state.extend(as_bytes(&hvm_save_descriptor { typecode, instance, length }));
    state.extend(content);
}
