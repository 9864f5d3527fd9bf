//! A device model for the domain: its vCPU reads a port, which has the value that we say, and writes another.

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use xen_linux::privcmd::IoRange;
use xen_linux::{DomainId, PortSet, Privcmd, ReadWrite, xen_pfn_t};
use xen_toolstack::Toolstack;
use xen_toolstack::xen_abi::arch_x86::xen::{VGCF_online, vcpu_guest_context};

use super::answer;

/// Where the program is, and where it puts what it has read.
const ENTRY: u64 = 0x1000;
const RESULT: usize = 0x800;

/// The ports' value.
const VALUE: u32 = 0xcafe_f00d;

/// A program for flat 32-bit protected mode, in which a new vCPU is: reads port 0x510, stores what it has read
/// at 0x1800, writes it to port 0x514, and stops with interrupts off: Xen has the domain shut down then.
const PROGRAM: [u8; 16] = [
    0x66, 0xba, 0x10, 0x05, // mov dx, 0x510
    0xed, // in eax, dx
    0xa3, 0x00, 0x18, 0x00, 0x00, // mov [0x1800], eax
    0x66, 0xba, 0x14, 0x05, // mov dx, 0x514
    0xef, // out dx, eax
    0xf4, // hlt
];

pub(super) fn run(
    toolstack: &Toolstack<&Privcmd>,
    xen: &Privcmd,
    domain: DomainId,
) -> Result<(), Box<dyn Error>> {
    let frames = xen.map_frames(domain, &[xen_pfn_t(ENTRY >> 12)], ReadWrite)?;
    frames.all()?;
    let page = frames.frame(0).ok_or("the page of the program is not mapped")?;
    page.write(0, &PROGRAM)?;
    let mut context = Box::new(vcpu_guest_context::ZERO);
    answer("vcpu before", toolstack.vcpu_context(domain, 0, &mut context));
    context.flags = VGCF_online.into();
    *context.user_regs.rip.rip_mut() = ENTRY;
    toolstack.set_vcpu_context(domain, 0, &context)?;

    let buffered = xen.create_ioreq_server(domain, true)?;
    println!("model has a port for its ring {}", buffered.buffered_port()?.is_some());
    let pages = buffered.map_pages(2)?;
    println!("model has a ring {}", pages.next_buffered().is_none());
    drop((pages, buffered));

    let server = xen.create_ioreq_server(domain, false)?;
    let pages = server.map_pages(2)?;
    server.add_range(&IoRange::Ports(0x510..=0x517))?;
    let again = server.add_range(&IoRange::Ports(0x510..=0x511));
    println!("model range again {}", again.is_err());
    server.set_enabled(true)?;
    let mut events = PortSet::open()?;
    let port = pages.port(0).ok_or("the vCPU has no port")?;
    events.bind_interdomain(domain, port, 0)?;
    toolstack.unpause(domain)?;
    while let Some(port) = events.wait(Some(Duration::from_secs(20)))? {
        events.unmask(port)?;
        let Some(request) = pages.request(0) else { continue };
        let access = request.get();
        let kind = if access.is_write { "write" } else { "read" };
        println!("model {kind} {:#x} size {}", access.address, access.size);
        if access.is_write {
            println!("model written {:#x}", access.data);
        }
        request.complete(VALUE.into());
        events.notify(port)?;
        if access.is_write {
            break;
        }
    }
    for _ in 0..100 {
        if toolstack.domain_info(domain)?.shutdown().is_some() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    println!("guest shut down {:?}", toolstack.domain_info(domain)?.shutdown());
    println!("guest has read {:#x}", page.read_obj::<u32>(RESULT)?);
    answer("vcpu after", toolstack.vcpu_context(domain, 0, &mut context));
    println!("vcpu has run {}", u64::from(toolstack.vcpu_info(domain, 0)?.cpu_time) > 0);
    server.set_enabled(false)?;
    server.destroy().map_err(|failed| failed.error)?;
    println!("model destroyed");
    Ok(())
}
