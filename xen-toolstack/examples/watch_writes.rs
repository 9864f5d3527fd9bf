//! Sees a guest write: a small guest writes to a page, and a monitor is told of it and lets it go on.
//!
//! In a Linux control domain, on aarch64 or x86-64:
//!
//! ```text
//! cargo run -p xen-toolstack --example watch_writes
//! ```
//!
//! Where Xen cannot restrict pages, as on AMD's processors, the monitor is told that the guest writes to control
//! register 0.

use std::error::Error;
use std::process::ExitCode;

const HELP: &str = "\
Sees a guest write: a small guest writes to a page, and a monitor is told of it and lets it go on. Run it as
root of a Linux control domain.

Usage: watch_writes [--help]
";

fn main() -> ExitCode {
    let result = match std::env::args_os().nth(1) {
        None => watch(),
        Some(argument) if argument == "-h" || argument == "--help" => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => Err(format!("unknown argument {other:?}\n\n{HELP}").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watch_writes: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64"))))]
fn watch() -> Result<(), Box<dyn Error>> {
    Err("this needs Linux on x86-64 or aarch64".into())
}

#[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
fn watch() -> Result<(), Box<dyn Error>> {
    linux::watch()
}

#[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
#[allow(unsafe_code, reason = "memory and parameters of another domain")]
mod linux {
    use std::error::Error;
    use std::time::{Duration, Instant};

    use xen_io::ring::Back;
    use xen_io::ring::protocols::VmEvent;
    use xen_linux::{DomainId, PortSet, Privcmd, ReadWrite, View, xen_pfn_t};
    use xen_toolstack::xen_abi::hvm::params::HVM_PARAM_MONITOR_RING_PFN;
    use xen_toolstack::xen_abi::memory::{XENMEM_access_rwx, XENMEM_access_rx};
    use xen_toolstack::xen_abi::vm_event::*;
    use xen_toolstack::xen_ops::hypercall::hvm_op;
    use xen_toolstack::xen_ops::memory::{
        ForeignMemory as _, MemFlags, decrease_reservation, populate_exactly,
    };
    use xen_toolstack::{MonitorEvent, OwnedDomain, Toolstack, vm_event_response};

    /// How long the guest may take.
    const DEADLINE: Duration = Duration::from_secs(60);

    /// How long to wait for an event before looking whether the guest has shut down.
    const WAIT: Duration = Duration::from_millis(100);

    /// The frames of the guest: its program, the page that it writes to, and the monitor's ring.
    const PROGRAM: u64 = guest::START >> 12;
    const PAGE: u64 = PROGRAM + 3;
    const RING: u64 = PROGRAM + 4;

    /// The indices of an empty ring, in their order: for the first request and response there is an event.
    const NO_REQUESTS: u32 = 0;
    const NO_RESPONSES: u32 = 0;
    const ONE_EVENT: u32 = 1;

    type Ring<'a> = Back<VmEvent, View<'a, ReadWrite>>;

    pub(super) fn watch() -> Result<(), Box<dyn Error>> {
        let xen = Privcmd::open()?;
        let toolstack = Toolstack::detect(&xen)?;
        let domain = guest::create(&toolstack)?;
        let id = domain.id();
        println!("created {id}");
        let mut frames = [PROGRAM, PAGE, RING].map(xen_pfn_t);
        // SAFETY: the domain is new.
        unsafe { populate_exactly(&xen, id.domid(), 0, MemFlags::ANY, &mut frames) }?;
        xen.write(id, guest::START, guest::CODE).map_err(|errno| errno.to_string())?;
        guest::set_registers(&toolstack, id)?;

        // The ring: a frame of the guest's, which it has no longer when Xen has it.
        // SAFETY: the domain is new.
        unsafe { hvm_op::set_param(&xen, id.domid(), HVM_PARAM_MONITOR_RING_PFN, RING) }?;
        let ring = xen.map_frames(id, &[xen_pfn_t(RING)], ReadWrite)?;
        ring.all()?;
        // Xen takes it as it is, and a new page holds anything.
        let shared = ring.frame(0).ok_or("the ring is not mapped")?;
        for (index, value) in
            [NO_REQUESTS, ONE_EVENT, NO_RESPONSES, ONE_EVENT].into_iter().enumerate()
        {
            shared.write_obj(4 * index, &value)?;
        }
        let monitor = toolstack.enable_monitor(id)?;
        // SAFETY: the frame is not ours.
        unsafe { decrease_reservation(&xen, id.domid(), 0, &[xen_pfn_t(RING)]) }?.complete()?;
        let page = ring.frame(0).ok_or("the ring is not mapped")?;
        let mut ring = Ring::attach(page).map_err(|failed| failed.error)?;
        let mut events = PortSet::open()?;
        let port = events.bind_interdomain(id, monitor.port, ())?;

        match toolstack.set_mem_access(id, PAGE..PAGE + 1, XENMEM_access_rx) {
            Ok(()) => println!("page {PAGE:#x} is {}", access(&toolstack, id)?),
            Err(error) => println!("writes cannot be watched: {error}"),
        }
        if cfg!(target_arch = "x86_64") {
            let event = MonitorEvent::control_register_write(VM_EVENT_X86_CR0 as u8, true, true);
            toolstack.monitor_event(id, event, true)?;
        }
        let page = xen.map_frames(id, &[xen_pfn_t(PAGE)], ReadWrite)?;
        page.all()?;
        let page = page.frame(0).ok_or("the page is not mapped")?;

        toolstack.unpause(id)?;
        let start = Instant::now();
        while toolstack.domain_info(id)?.shutdown().is_none() {
            if start.elapsed() > DEADLINE {
                return Err("the guest takes too long".into());
            }
            let Some(event) = events.wait(Some(WAIT))? else { continue };
            events.unmask(event)?;
            while let Some(request) = ring.take()? {
                println!("the page holds {}", page.read_obj::<u32>(0)?);
                handle(&toolstack, &domain, &request)?;
                ring.put(&vm_event_response(&request))?;
            }
            // Xen does not say in the ring when it wants an event.
            let _ = ring.push();
            events.notify(port)?;
        }
        println!("the guest has shut down, and the page holds {}", page.read_obj::<u32>(0)?);
        toolstack.disable_monitor(id)?;
        domain.destroy().map_err(|failed| failed.error)?;
        Ok(())
    }

    /// Says what the guest does. A page that it writes to is its own again: the write is tried once more.
    fn handle(
        toolstack: &Toolstack<&Privcmd>,
        domain: &OwnedDomain<'_, &Privcmd>,
        request: &vm_event_request_t,
    ) -> Result<(), Box<dyn Error>> {
        let vcpu = request.vcpu_id;
        match request.reason {
            VM_EVENT_REASON_MEM_ACCESS => {
                let access = request.u.mem_access();
                let (frame, offset) = (access.gfn, access.offset);
                let write =
                    if access.flags.contains(MEM_ACCESS_W) { "a write" } else { "an access" };
                println!("vCPU {vcpu}: {write} to page {frame:#x}, offset {offset:#x}");
                let end = frame.checked_add(1).ok_or("a frame beyond the last")?;
                toolstack.set_mem_access(domain.id(), frame..end, XENMEM_access_rwx)?;
                println!("page {frame:#x} is {}", self::access(toolstack, domain.id())?);
            }
            VM_EVENT_REASON_WRITE_CTRLREG => {
                let write = request.u.write_ctrlreg();
                let (index, old, new) = (write.index, write.old_value, write.new_value);
                println!("vCPU {vcpu}: control register {index} was {old:#x} and becomes {new:#x}");
            }
            reason => println!("vCPU {vcpu}: event {reason}"),
        }
        Ok(())
    }

    #[allow(non_upper_case_globals, reason = "upstream's constants, as patterns")]
    fn access(
        toolstack: &Toolstack<&Privcmd>,
        id: DomainId,
    ) -> Result<&'static str, Box<dyn Error>> {
        Ok(match toolstack.mem_access(id, PAGE)? {
            XENMEM_access_rx => "r-x",
            XENMEM_access_rwx => "rwx",
            _ => "something else",
        })
    }

    #[cfg(target_arch = "x86_64")]
    mod guest {
        use xen_linux::{DomainId, Privcmd};
        use xen_toolstack::xen_abi::arch_x86::xen::{
            VGCF_online, XEN_X86_EMU_LAPIC, vcpu_guest_context,
        };
        use xen_toolstack::xen_abi::domctl::{XEN_DOMCTL_CDF_hap, XEN_DOMCTL_CDF_hvm};
        use xen_toolstack::{ArchConfig, CreateConfig, Error, OwnedDomain, Toolstack};

        pub(super) const START: u64 = 0x1000;

        /// For 32-bit protected mode. Halts with interrupts off, which shuts the domain down.
        pub(super) const CODE: &[u8] = &[
            0x0f, 0x20, 0xc0, // mov eax, cr0
            0x83, 0xc8, 0x20, // or eax, 0x20
            0x0f, 0x22, 0xc0, // mov cr0, eax
            0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax, 1
            0xa3, 0x00, 0x40, 0x00, 0x00, // 1: mov [0x4000], eax
            0x40, // inc eax
            0x83, 0xf8, 0x04, // cmp eax, 4
            0x75, 0xf5, // jne 1b
            0xf4, // hlt
        ];

        pub(super) fn create<'t>(
            toolstack: &'t Toolstack<&'t Privcmd>,
        ) -> Result<OwnedDomain<'t, &'t Privcmd>, Error> {
            let domain = toolstack.create_owned(&CreateConfig {
                flags: XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                arch: ArchConfig { emulation_flags: XEN_X86_EMU_LAPIC, ..ArchConfig::default() },
                ..CreateConfig::default()
            })?;
            toolstack.set_max_vcpus(domain.id(), 1)?;
            toolstack.set_max_memory(domain.id(), 1024)?;
            toolstack.set_paging_mempool_size(domain.id(), 4 << 20)?;
            Ok(domain)
        }

        pub(super) fn set_registers(
            toolstack: &Toolstack<&Privcmd>,
            id: DomainId,
        ) -> Result<(), Error> {
            let mut context = Box::new(vcpu_guest_context::ZERO);
            context.flags = VGCF_online.into();
            *context.user_regs.rip.rip_mut() = START;
            *context.user_regs.rflags.rflags_mut() = 2;
            toolstack.set_vcpu_context(id, 0, &context)
        }
    }

    #[cfg(target_arch = "aarch64")]
    mod guest {
        use xen_linux::{DomainId, Privcmd};
        use xen_toolstack::xen_abi::arch_arm::{
            GUEST_RAM0_BASE, PSR_GUEST64_INIT, SCTLR_GUEST_INIT, VGCF_online, vcpu_guest_context,
        };
        use xen_toolstack::xen_abi::domctl::{XEN_DOMCTL_CDF_hap, XEN_DOMCTL_CDF_hvm};
        use xen_toolstack::{CreateConfig, Error, OwnedDomain, Toolstack};

        pub(super) const START: u64 = GUEST_RAM0_BASE;

        /// Ends with PSCI's SYSTEM_OFF.
        pub(super) const CODE: &[u8] = &[
            0x01, 0x00, 0xa8, 0xd2, // mov x1, #0x40000000
            0x01, 0x00, 0x86, 0xf2, // movk x1, #0x3000
            0x20, 0x00, 0x80, 0x52, // mov w0, #1
            0x20, 0x00, 0x00, 0xb9, // 1: str w0, [x1]
            0x00, 0x04, 0x00, 0x11, // add w0, w0, #1
            0x1f, 0x10, 0x00, 0x71, // cmp w0, #4
            0xa1, 0xff, 0xff, 0x54, // b.ne 1b
            0x00, 0x80, 0xb0, 0x52, // mov w0, #0x84000000
            0x00, 0x01, 0x80, 0x72, // movk w0, #8
            0x02, 0x00, 0x00, 0xd4, // hvc #0
            0x00, 0x00, 0x00, 0x14, // b .
        ];

        pub(super) fn create<'t>(
            toolstack: &'t Toolstack<&'t Privcmd>,
        ) -> Result<OwnedDomain<'t, &'t Privcmd>, Error> {
            let domain = toolstack.create_owned(&CreateConfig {
                flags: XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                ..CreateConfig::default()
            })?;
            toolstack.set_max_vcpus(domain.id(), 1)?;
            toolstack.set_address_size(domain.id(), 64)?;
            toolstack.set_max_memory(domain.id(), 1024)?;
            toolstack.set_paging_mempool_size(domain.id(), 4 << 20)?;
            Ok(domain)
        }

        pub(super) fn set_registers(
            toolstack: &Toolstack<&Privcmd>,
            id: DomainId,
        ) -> Result<(), Error> {
            let mut context = vcpu_guest_context::ZERO;
            context.flags = VGCF_online;
            context.sctlr = SCTLR_GUEST_INIT;
            context.user_regs.cpsr = PSR_GUEST64_INIT.into();
            *context.user_regs.pc64.pc64_mut() = START;
            toolstack.set_vcpu_context(id, 0, &context)
        }
    }
}
