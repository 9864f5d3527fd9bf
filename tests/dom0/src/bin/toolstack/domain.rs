//! The life of a domain that only xen-toolstack makes.

#![allow(unsafe_code, reason = "memory of the domain")]

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use xen_linux::{DomainId, Privcmd, xen_pfn_t};
use xen_toolstack::xen_abi::domctl::{CreateDomainFlags, XEN_DOMCTL_CDF_hap, XEN_DOMCTL_CDF_hvm};
use xen_toolstack::xen_ops::memory::{MemFlags, populate_physmap};
use xen_toolstack::{
    Altp2m, ArchConfig, CreateConfig, DomainBuffer, DomainInfo, Release, Scheduler,
    SchedulerParams, Toolstack,
};

use super::answer;

const HANDLE: [u8; 16] = *b"a domain of ours";
const OTHER_HANDLE: [u8; 16] = *b"it has a new one";

/// Pages that the domain may have.
const PAGES: u64 = 1024;

pub(super) fn run(toolstack: &Toolstack<&Privcmd>, xen: &Privcmd) -> Result<(), Box<dyn Error>> {
    let config = CreateConfig {
        handle: HANDLE,
        flags: XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        max_vcpus: 2,
        arch: arch(),
        ..CreateConfig::default()
    };
    refused(toolstack, &config);
    let domain = toolstack.create(&config)?;
    println!("guest created {}", domain.domid().0 != 0);
    let lived = live(toolstack, xen, domain, &config);
    answer("guest destroyed", toolstack.destroy(domain));
    for _ in 0..50 {
        if listed(toolstack, domain)?.is_none() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    println!("guest listed {}", listed(toolstack, domain)?.is_some());
    answer("guest info", toolstack.domain_info(domain).map(|info| info.flags));
    answer("guest destroyed again", toolstack.destroy(domain));
    lived
}

/// As libxl has it for PVH.
#[cfg(target_arch = "x86_64")]
fn arch() -> ArchConfig {
    use xen_toolstack::xen_abi::arch_x86::xen::XEN_X86_EMU_LAPIC;
    ArchConfig { emulation_flags: XEN_X86_EMU_LAPIC, ..ArchConfig::default() }
}

/// With the interrupt controller of the machine, which is 0.
#[cfg(not(target_arch = "x86_64"))]
fn arch() -> ArchConfig {
    ArchConfig::default()
}

/// What the release lacks, and what Xen does not create.
fn refused(toolstack: &Toolstack<&Privcmd>, config: &CreateConfig) {
    let altp2m = |views| CreateConfig { altp2m: Some(Altp2m { mode: 1, views }), ..*config };
    let lacking = if toolstack.release() < Release::V4_19 { altp2m(0) } else { altp2m(2) };
    answer("guest lacking", toolstack.create(&lacking));
    answer(
        "guest flag",
        toolstack.create(&CreateConfig { flags: CreateDomainFlags(1 << 30), ..*config }),
    );
    let vcpus = CreateConfig { max_vcpus: u32::MAX, ..*config };
    answer("guest of too many vcpus", toolstack.create(&vcpus));
}

fn live(
    toolstack: &Toolstack<&Privcmd>,
    xen: &Privcmd,
    domain: DomainId,
    config: &CreateConfig,
) -> Result<(), Box<dyn Error>> {
    let again = CreateConfig { domid: Some(domain), ..*config };
    answer("guest of the same id", toolstack.create(&again));
    let info = listed(toolstack, domain)?.ok_or("the domain is not listed")?;
    println!("guest listed as it is {}", info == toolstack.domain_info(domain)?);
    println!("guest paused {} hvm {} dying {}", info.is_paused(), info.is_hvm(), info.is_dying());
    println!("guest handle {}", info.handle == HANDLE);
    println!("guest vcpus {:?} pages {}", info.max_vcpu_id, info.total_pages);
    limits(toolstack, xen, domain)?;
    settings(toolstack, domain)?;
    super::monitor::run(toolstack, xen, domain)?;
    // A new domain is paused once.
    answer("guest unpaused", toolstack.unpause(domain));
    println!("guest paused {}", toolstack.domain_info(domain)?.is_paused());
    answer("guest unpaused again", toolstack.unpause(domain));
    answer("guest pause", toolstack.pause(domain));
    println!("guest paused {}", toolstack.domain_info(domain)?.is_paused());
    #[cfg(target_arch = "x86_64")]
    super::model::run(toolstack, xen, domain)?;
    Ok(())
}

fn limits(
    toolstack: &Toolstack<&Privcmd>,
    xen: &Privcmd,
    domain: DomainId,
) -> Result<(), Box<dyn Error>> {
    answer("guest one vcpu", toolstack.set_max_vcpus(domain, 1));
    answer("guest two vcpus", toolstack.set_max_vcpus(domain, 2));
    println!("guest vcpus {:?}", toolstack.domain_info(domain)?.max_vcpu_id);
    answer("guest vcpu online", toolstack.vcpu_info(domain, 1).map(|info| info.online));
    answer("guest third vcpu", toolstack.vcpu_info(domain, 2).map(|info| info.online));
    toolstack.set_max_memory(domain, PAGES * 4)?;
    println!("guest pages at most {}", toolstack.domain_info(domain)?.max_pages);
    answer("guest pool", toolstack.set_paging_mempool_size(domain, 4 << 20));
    answer("guest pool size", toolstack.paging_mempool_size(domain));
    let mut frames: Vec<_> = (0..PAGES + 8).map(|frame| xen_pfn_t(frame as _)).collect();
    // SAFETY: the domain is not ours, and does nothing yet.
    let done = unsafe { populate_physmap(xen, domain.domid(), 0, MemFlags::ANY, &mut frames) }?;
    println!("guest populated {}", done.done());
    println!("guest pages {}", toolstack.domain_info(domain)?.total_pages);
    Ok(())
}

fn settings(toolstack: &Toolstack<&Privcmd>, domain: DomainId) -> Result<(), Box<dyn Error>> {
    toolstack.set_handle(domain, OTHER_HANDLE)?;
    println!("guest new handle {}", toolstack.domain_info(domain)?.handle == OTHER_HANDLE);
    answer("guest scheduler", toolstack.scheduler_params(domain, Scheduler::Credit2));
    answer("guest other scheduler", toolstack.scheduler_params(domain, Scheduler::Rtds));
    let params = SchedulerParams::Credit2 { weight: 512, cap: 50 };
    toolstack.set_scheduler_params(domain, params)?;
    let read = toolstack.scheduler_params(domain, Scheduler::Credit2)?;
    println!("guest scheduler set {}", read == params);
    answer("guest gsi", toolstack.permit_gsi(domain, 1, false));
    answer("guest interrupt", toolstack.permit_irq(domain, 4096, true));
    answer("guest memory of devices", toolstack.permit_iomem(domain, 0xf_ed00..0xf_ed01, true));
    let pool = toolstack.create_cpupool(None, toolstack.scheduler_id()?)?;
    let info = toolstack.cpupool(pool, &mut [0])?.ok_or("the cpupool is not listed")?;
    println!("guest cpupool {} of {} domains", info.id, info.domains);
    answer("guest moved", toolstack.move_to_cpupool(domain, pool));
    answer("guest cpupool destroyed", toolstack.destroy_cpupool(pool));
    #[cfg(target_arch = "x86_64")]
    saved(toolstack, domain)?;
    Ok(())
}

/// What x86 has of a domain's state: saved, restored, logged.
#[cfg(target_arch = "x86_64")]
fn saved(toolstack: &Toolstack<&Privcmd>, domain: DomainId) -> Result<(), Box<dyn Error>> {
    let size = toolstack.hvm_context_size(domain)?;
    let mut state = vec![0; size];
    answer("guest state too long", toolstack.hvm_context(domain, &mut state[..16]));
    let length = toolstack.hvm_context(domain, &mut state)?;
    println!("guest state {}", 0 < length && length <= size);
    answer("guest state restored", toolstack.set_hvm_context(domain, &state[..length]));
    answer("guest clock", toolstack.tsc_info(domain).map(|info| info.incarnation));
    answer("guest address size", toolstack.address_size(domain));
    answer("guest log", toolstack.enable_log_dirty(domain));
    answer("guest log again", toolstack.enable_log_dirty(domain));
    let mut bitmap = [0; PAGES as usize / 8];
    answer("guest log of", toolstack.dirty_pages(domain, true, &mut bitmap));
    answer("guest log ended", toolstack.disable_log_dirty(domain));
    Ok(())
}

/// The domain in the list of all.
fn listed(
    toolstack: &Toolstack<&Privcmd>,
    domain: DomainId,
) -> Result<Option<DomainInfo>, Box<dyn Error>> {
    let mut buffer = DomainBuffer::<1>::new();
    for info in toolstack.domains(&mut buffer) {
        let info = info?;
        if info.id == domain {
            return Ok(Some(info));
        }
    }
    Ok(None)
}
