//! Reading calls to the simulator, as each release that it plays.

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use xen_abi::GuestHandle64;
use xen_abi::arch_x86::hvm::save::{HVM_FILE_MAGIC, hvm_hw_cpu};
use xen_abi::arch_x86::xen::{VGCF_online, vcpu_guest_context};
use xen_abi::domctl::CreateDomainFlags;
use xen_abi::errno::*;
use xen_abi::hvm::hvm_vcpu::{VCPU_HVM_MODE_64B, vcpu_hvm_context};
use xen_abi::hvm::save::hvm_save_descriptor;
use xen_abi::sysctl::{
    xen_sysctl_cpuinfo, xen_sysctl_cputopo, xen_sysctl_meminfo, xen_sysctl_readconsole,
};
use xen_abi::xen::domid_t;
use xen_ops::DomainId;
use xen_ops::hypercall::vcpu_op;
use xen_sim::{Domain, DomainConfig, GuestKind, Release as Played, Xen};
use xen_toolstack::raw::v4_20::sysctl::readconsole;
use xen_toolstack::{
    Altp2m, CpuPoolInfo, CreateConfig, DetectError, Detected, DomainBuffer, Error, Reader, Release,
    Scheduler, SchedulerParams, Toolstack, Versions,
};

/// The releases that the simulator plays and this crate knows.
const PLAYED: [(Played, Release); 4] = [
    (Played::V4_17, Release::V4_17),
    (Played::V4_20, Release::V4_20),
    (Played::V4_21, Release::V4_21),
    (Played::V4_22, Release::V4_22),
];

/// A machine with a control domain, whose id is 0, and `guests` with 8 pages each.
fn machine(release: Played, guests: u16) -> (Domain, Vec<Domain>) {
    let xen = Xen::builder().release(release).build();
    let dom0 = DomainConfig::new(GuestKind::Pvh).privileged().domid(domid_t(0));
    let dom0 = xen.domain(dom0).unwrap();
    let guest = |_| xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    (dom0, (0..guests).map(guest).collect())
}

fn id(number: u16) -> DomainId {
    DomainId::new(domid_t(number)).unwrap()
}

#[test]
fn detects_each_release() {
    for (played, release) in PLAYED {
        let (dom0, _guests) = machine(played, 0);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        assert_eq!(toolstack.release(), release);
        assert_eq!(toolstack.versions(), release.versions());
    }
}

/// A buffer that all domains fit in takes one hypercall.
#[test]
fn one_hypercall_fills_the_buffer() {
    let xen = Xen::new();
    let dom0 = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
    let config = || DomainConfig::new(GuestKind::Pvh).pages(1).max_grant_frames(1);
    let _guests: Vec<_> = (0..98).map(|_| xen.domain(config()).unwrap()).collect();
    let toolstack = Toolstack::detect(&dom0).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    xen.on_hypercall(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let mut buffer = DomainBuffer::<100>::new();
    assert_eq!(toolstack.domains(&mut buffer).count(), 99);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn lists_all_domains() {
    for (played, _) in PLAYED {
        let (dom0, guests) = machine(played, 10);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        let mut small = DomainBuffer::<4>::new();
        let ids: Vec<_> =
            toolstack.domains(&mut small).map(|info| info.unwrap().id.domid().0).collect();
        assert_eq!(ids, (0..=10).collect::<Vec<_>>());
        let mut exact = DomainBuffer::<11>::new();
        assert_eq!(toolstack.domains(&mut exact).count(), 11);
        let mut infos = toolstack.domains(&mut exact).map(Result::unwrap);
        let guest = infos.find(|info| info.id == guests[3].domid()).unwrap();
        assert_eq!((guest.total_pages, guest.max_pages), (8, 16));
        assert!(guest.is_hvm() && guest.is_running() && !guest.is_dying());
        assert_eq!((guest.online_vcpus, guest.max_vcpu_id), (1, Some(0)));
        assert_eq!(guest.shutdown(), None);
        assert_eq!(toolstack.domain_info(guest.id).unwrap(), guest);
    }
}

#[test]
fn a_domain_that_does_not_exist_is_esrch_in_each_release() {
    for (played, release) in PLAYED {
        let (dom0, guests) = machine(played, 2);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        let last = guests.last().unwrap().domid();
        drop(guests);
        for missing in [last.domid().0 + 1, 500] {
            let error = toolstack.domain_info(id(missing)).unwrap_err();
            assert_eq!(error.errno(), Some(XEN_ESRCH), "{release}");
        }
    }
}

#[test]
#[allow(clippy::useless_conversion, reason = "not u64 on 32-bit x86")]
fn reads_the_machine() {
    for (played, _) in PLAYED {
        let (dom0, _guests) = machine(played, 1);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        let info = toolstack.physinfo().unwrap();
        assert_eq!(info.total_pages, 0x1_0000);
        assert!(info.free_pages < info.total_pages);
        let free = toolstack.available_memory(0..0, None).unwrap();
        assert_eq!(free, u64::from(info.free_pages) * 4096);
        assert_eq!(toolstack.scheduler_id().unwrap(), 6);
        assert_eq!(toolstack.cpu_topology(&mut []).unwrap(), 1);
        assert_eq!(toolstack.cpu_topology(&mut [xen_sysctl_cputopo::ZERO; 4]).unwrap(), 1);
        assert_eq!(toolstack.cpu_idle_times(&mut [xen_sysctl_cpuinfo::ZERO; 4]).unwrap(), 1);
    }
}

#[test]
fn reads_nodes_and_cpupools() {
    for (played, _) in PLAYED {
        let (dom0, _guests) = machine(played, 2);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        assert_eq!(toolstack.numa_nodes(&mut []).unwrap(), 1);
        let mut nodes = [xen_sysctl_meminfo::ZERO; 3];
        assert_eq!(toolstack.numa_nodes(&mut nodes).unwrap(), 1);
        assert_eq!(u64::from(nodes[0].memsize), 0x1_0000 * 4096);
        assert_eq!(u64::from(nodes[0].memfree), toolstack.available_memory(0..0, None).unwrap());
        let mut cpus = [0xff; 2];
        let pool = toolstack.cpupool(0, &mut cpus).unwrap();
        assert_eq!(pool, Some(CpuPoolInfo { id: 0, scheduler: 6, domains: 3 }));
        assert_eq!(cpus, [1, 0]);
        assert_eq!(toolstack.cpupool(1, &mut cpus).unwrap(), None);
    }
}

#[test]
fn reads_how_a_domain_is_scheduled_and_sees_time() {
    for (played, _) in PLAYED {
        let (dom0, guests) = machine(played, 1);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        let guest = guests[0].domid();
        let params = toolstack.scheduler_params(guest, Scheduler::Credit2).unwrap();
        assert_eq!(params, SchedulerParams::Credit2 { weight: 256, cap: 0 });
        let other = toolstack.scheduler_params(guest, Scheduler::Rtds).unwrap_err();
        assert_eq!(other.errno(), Some(XEN_EINVAL));
        let first = toolstack.tsc_info(guest).unwrap();
        assert_eq!((first.mode, first.khz, first.incarnation), (0, 2_000_000, 0));
        assert!(toolstack.tsc_info(guest).unwrap().elapsed >= first.elapsed);
        assert_eq!(toolstack.tsc_info(id(0)).unwrap_err().errno(), Some(XEN_EINVAL));
    }
}

/// The ring of a machine that has just started holds the hypervisor's name.
#[test]
fn reads_the_console_ring_piece_by_piece() {
    for (played, release) in PLAYED {
        let (dom0, _guests) = machine(played, 0);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        let mut all = [0; 128];
        let whole = toolstack.read_console(None, &mut all).unwrap();
        let text = std::str::from_utf8(&all[..whole.count]).unwrap();
        assert!(text.starts_with("(XEN) Xen version 4."), "{release}: {text:?}");
        let (mut pieces, mut from, mut buffer) = (Vec::new(), None, [0; 10]);
        loop {
            let read = toolstack.read_console(from, &mut buffer).unwrap();
            pieces.extend_from_slice(&buffer[..read.count]);
            from = Some(read.next);
            if read.count < buffer.len() {
                break;
            }
        }
        assert_eq!(pieces, text.as_bytes(), "{release}");
        let end = toolstack.read_console(from, &mut buffer).unwrap();
        assert_eq!((end.count, end.next), (0, whole.next), "{release}");
    }
}

/// A read that fails drops nothing, and one that succeeds what it has read.
#[test]
#[allow(unsafe_code, reason = "the argument has an address")]
fn clearing_the_console_ring_drops_what_was_read() {
    let (dom0, _guests) = machine(Played::V4_20, 0);
    let toolstack = Toolstack::detect(&dom0).unwrap();
    let (mut whole, mut rest, mut buffer) = ([0; 128], [0; 128], [0_u8; 5]);
    let count = toolstack.read_console(None, &mut whole).unwrap().count;
    let (clear, length) = (1, buffer.len() as u32);
    let mut argument =
        xen_sysctl_readconsole { clear, count: length, ..xen_sysctl_readconsole::ZERO };
    // SAFETY: the handle is null.
    let error = unsafe { readconsole.call(&dom0, &mut argument) }.unwrap_err();
    assert_eq!(error.errno(), Some(XEN_EFAULT));
    argument.buffer = GuestHandle64::from_mut_slice(&mut buffer);
    // SAFETY: the handle is that of as many bytes.
    unsafe { readconsole.call(&dom0, &mut argument) }.unwrap();
    assert_eq!((argument.count, argument.index), (length, length));
    assert_eq!(buffer, whole[..5]);
    let left = toolstack.read_console(None, &mut rest).unwrap().count;
    assert_eq!(rest[..left], whole[5..count]);
}

#[test]
fn reads_the_memory_for_page_tables() {
    for (played, release) in PLAYED {
        let xen = Xen::builder().release(played).build();
        let dom0 = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
        let config = DomainConfig::new(GuestKind::Pvh).vcpus(2).pages(8).max_pages(512);
        let guest = xen.domain(config).unwrap();
        let pv = xen.domain(DomainConfig::new(GuestKind::Pv).pages(8)).unwrap();
        let toolstack = Toolstack::detect(&dom0).unwrap();
        // A mebibyte for each vCPU, and a page for each of two mebibytes of memory.
        let size = toolstack.paging_mempool_size(guest.domid()).unwrap();
        assert_eq!(size, (2 << 20) + 2 * 4096, "{release}");
        let error = toolstack.paging_mempool_size(pv.domid()).unwrap_err();
        assert_eq!(error.errno(), Some(XEN_EOPNOTSUPP), "{release}");
    }
}

/// Where the second vCPU of [`of_two_vcpus`] starts.
const START: u64 = 0x12_3456;

/// A PVH guest that has initialised its second vCPU, but not brought it up.
#[allow(unsafe_code, reason = "the vCPU runs no code here")]
fn of_two_vcpus(xen: &Xen) -> Domain {
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh).vcpus(2).pages(8)).unwrap();
    let mut context = vcpu_hvm_context { mode: VCPU_HVM_MODE_64B, ..vcpu_hvm_context::ZERO };
    let regs = context.cpu_regs.x86_64_mut();
    (regs.rip, regs.cr0) = (START.into(), 0x8000_0001_u64.into());
    (regs.cr4, regs.efer) = (0x20_u64.into(), 0x500_u64.into());
    // SAFETY: the simulator runs no code on it.
    unsafe { vcpu_op::initialise_hvm(&guest, 1, &context) }.unwrap();
    guest
}

#[test]
fn reads_the_registers_of_a_vcpu() {
    for (played, release) in PLAYED {
        let xen = Xen::builder().release(played).build();
        let dom0 = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
        let toolstack = Toolstack::detect(&dom0).unwrap();
        let guest = of_two_vcpus(&xen);
        let fresh = xen.domain(DomainConfig::new(GuestKind::Pvh).vcpus(2).pages(8)).unwrap();
        let mut context = Box::new(vcpu_guest_context::ZERO);
        let mut read = |domain, vcpu| toolstack.vcpu_context(domain, vcpu, &mut context);
        let errno = |result: Result<(), Error>| result.unwrap_err().errno();
        assert_eq!(errno(read(dom0.domid(), 0)), Some(XEN_EINVAL), "{release}");
        assert_eq!(errno(read(guest.domid(), 2)), Some(XEN_EINVAL), "{release}");
        assert_eq!(errno(read(fresh.domid(), 1)), Some(XEN_ENODATA), "{release}");
        read(guest.domid(), 0).unwrap();
        assert_eq!(u64::from(context.flags), u64::from(VGCF_online), "{release}");
        toolstack.vcpu_context(guest.domid(), 1, &mut context).unwrap();
        assert_eq!((u64::from(context.flags), u64::from(context.ctrlreg[4])), (0, 0x20));
        #[cfg(target_arch = "x86_64")]
        assert_eq!(*context.user_regs.rip.rip(), START, "{release}");
    }
}

/// The header, a record of each vCPU that is up, and the end.
#[test]
fn reads_the_saved_state_of_an_hvm_domain() {
    const CPU: usize = size_of::<hvm_save_descriptor>() + size_of::<hvm_hw_cpu>();
    for (played, release) in PLAYED {
        let xen = Xen::builder().release(played).build();
        let dom0 = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
        let pv = xen.domain(DomainConfig::new(GuestKind::Pv).pages(8)).unwrap();
        let guest = of_two_vcpus(&xen);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        for other in [&dom0, &pv] {
            let error = toolstack.hvm_context_size(other.domid()).unwrap_err();
            assert_eq!(error.errno(), Some(XEN_EINVAL), "{release}");
        }
        let size = toolstack.hvm_context_size(guest.domid()).unwrap();
        let mut state = vec![0; size];
        let small = toolstack.hvm_context(guest.domid(), &mut state[1..]).unwrap_err();
        assert_eq!(small.errno(), Some(XEN_ENOSPC), "{release}");
        // Its size is that with both vCPUs up.
        let length = toolstack.hvm_context(guest.domid(), &mut state).unwrap();
        assert_eq!(length, size - CPU, "{release}");
        let magic = u32::from_ne_bytes(state[8..12].try_into().unwrap());
        assert_eq!(magic, HVM_FILE_MAGIC, "{release}");

        vcpu_op::up(&guest, 1).unwrap();
        assert_eq!(toolstack.hvm_context(guest.domid(), &mut state).unwrap(), size, "{release}");
        // The last record but the end is the second vCPU's.
        let cpu = &state[size - 8 - size_of::<hvm_hw_cpu>()..];
        let rip = core::mem::offset_of!(hvm_hw_cpu, rip);
        assert_eq!(cpu[rip..rip + 8], START.to_ne_bytes(), "{release}");
    }
}

#[test]
fn reads_vcpus_and_sets_a_limit() {
    let (dom0, guests) = machine(Played::V4_22, 1);
    let toolstack = Toolstack::detect(&dom0).unwrap();
    let guest = guests[0].domid();
    assert_eq!(toolstack.vcpu_info(guest, 0).unwrap().online, 1);
    assert_eq!(toolstack.vcpu_info(guest, 1).unwrap_err().errno(), Some(XEN_ENOENT));
    assert_eq!(toolstack.address_size(guest).unwrap_err().errno(), Some(XEN_EOPNOTSUPP));
    toolstack.set_max_memory(guest, 80).unwrap();
    assert_eq!(toolstack.domain_info(guest).unwrap().max_pages, 20);
}

#[test]
fn a_vcpu_that_does_not_exist_is_another_error_since_4_22() {
    for (played, release) in PLAYED {
        let (dom0, guests) = machine(played, 1);
        let toolstack = Toolstack::detect(&dom0).unwrap();
        let error = toolstack.vcpu_info(guests[0].domid(), 1).unwrap_err();
        let expected = if release < Release::V4_22 { XEN_EINVAL } else { XEN_ENOENT };
        assert_eq!(error.errno(), Some(expected), "{release}");
    }
}

#[test]
fn a_pv_domain_has_an_address_size() {
    let xen = Xen::new();
    let dom0 = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pv).pages(8)).unwrap();
    let toolstack = Toolstack::detect(&dom0).unwrap();
    assert_eq!(toolstack.address_size(guest.domid()).unwrap(), 64);
}

#[test]
fn a_guest_is_refused_with_the_operation_named() {
    let (_dom0, guests) = machine(Played::V4_20, 1);
    let toolstack = Toolstack::detect(&guests[0]).unwrap();
    let error = toolstack.physinfo().unwrap_err();
    assert_eq!(error.errno(), Some(XEN_EPERM));
    assert!(error.to_string().starts_with("XEN_SYSCTL_physinfo: "), "{error}");
    let mut buffer = DomainBuffer::<4>::new();
    let mut domains = toolstack.domains(&mut buffer);
    assert!(domains.next().unwrap().is_err());
    assert!(domains.next().is_none(), "an error is the last item");
}

/// 4.14 is older than anything this crate knows: nothing is called but to find that out.
#[test]
fn an_unknown_release_is_refused_by_name() {
    let (dom0, _guests) = machine(Played::V4_14, 3);
    let found = Detected::new(&dom0).unwrap();
    assert_eq!((found.number, found.domctl, found.sysctl), ((4, 14), Some(0x12), Some(0x13)));
    let error = Toolstack::detect(&dom0).unwrap_err();
    assert_eq!(error, DetectError::Unknown(found));
    let text = error.to_string();
    assert!(text.starts_with("Xen 4.14.0-sim (domctl 0x12, sysctl 0x13) is not known"), "{text}");

    // Reading calls can be made all the same.
    let versions = Versions { domctl: 0x12, sysctl: 0x13 };
    // SAFETY: the simulator answers for 4.14 with the structures of 4.17.
    #[allow(unsafe_code, reason = "that hypervisor's structures are known here")]
    let reader = unsafe { Reader::assume(&dom0, Release::V4_17, versions) };
    let mut buffer = DomainBuffer::<8>::new();
    assert_eq!(reader.domains(&mut buffer).filter(Result::is_ok).count(), 4);
}

/// What a release lacks is refused before a hypercall is made.
#[test]
fn what_a_release_lacks_is_named() {
    let (dom0, guests) = machine(Played::V4_17, 1);
    let toolstack = Toolstack::detect(&dom0).unwrap();
    let error = toolstack.permit_gsi(guests[0].domid(), 9, true).unwrap_err();
    let what = "XEN_DOMCTL_gsi_permission";
    assert_eq!(error, Error::Lacks { release: Release::V4_17, what });
    assert_eq!(error.to_string(), "XEN_DOMCTL_gsi_permission: Xen 4.17 does not have it");

    let altp2m = Some(Altp2m { mode: 1, views: 0 });
    let error = toolstack.create(&CreateConfig { altp2m, ..CreateConfig::default() }).unwrap_err();
    assert!(error.to_string().contains("altp2m_opts: Xen 4.17"), "{error}");
    let config = CreateConfig { flags: CreateDomainFlags(1 << 8), ..CreateConfig::default() };
    let error = toolstack.create(&config).unwrap_err();
    assert!(error.to_string().contains("XEN_DOMCTL_CDF_*: Xen 4.17"), "{error}");
}
