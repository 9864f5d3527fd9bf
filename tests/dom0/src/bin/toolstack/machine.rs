//! What only reads: the machine, its console, its first domain.

use std::error::Error;

use xen_linux::{DomainId, Privcmd, domid_t};
use xen_toolstack::xen_abi::sysctl::{xen_sysctl_cpuinfo, xen_sysctl_cputopo, xen_sysctl_meminfo};
use xen_toolstack::{DomainBuffer, DomainInfo, Toolstack};

use super::answer;

/// Pages in a mebibyte.
const MIB: u64 = 256;

pub(super) fn run(toolstack: &Toolstack<&Privcmd>) -> Result<(), Box<dyn Error>> {
    host(toolstack)?;
    console(toolstack)?;
    first_domain(toolstack)
}

fn host(toolstack: &Toolstack<&Privcmd>) -> Result<(), Box<dyn Error>> {
    let info = toolstack.physinfo()?;
    let total = u64::from(info.total_pages);
    println!("machine cpus {} nodes {}", info.nr_cpus, info.nr_nodes);
    println!("machine threads {} cores {}", info.threads_per_core, info.cores_per_socket);
    println!("machine memory {}", total / MIB);
    // Nothing else allocates memory meanwhile.
    let free = toolstack.available_memory(0..0, None)?;
    println!("machine free {}", free / 4096 == u64::from(info.free_pages));
    println!("machine scheduler {}", toolstack.scheduler_id()?);
    println!("machine topology has {}", toolstack.cpu_topology(&mut [])?);
    let mut cpus = [xen_sysctl_cputopo::ZERO; 8];
    let count = toolstack.cpu_topology(&mut cpus)?;
    for (number, cpu) in cpus.iter().take(count).enumerate() {
        println!("machine cpu {number} core {} socket {} node {}", cpu.core, cpu.socket, cpu.node);
    }
    let mut idle = [xen_sysctl_cpuinfo::ZERO; 8];
    println!("machine idle {}", toolstack.cpu_idle_times(&mut idle)?);
    println!("machine nodes has {}", toolstack.numa_nodes(&mut [])?);
    let mut nodes = [xen_sysctl_meminfo::ZERO; 4];
    let count = toolstack.numa_nodes(&mut nodes)?;
    let (free, size) = (u64::from(nodes[0].memfree), u64::from(nodes[0].memsize));
    println!("machine node of {count} has free memory {}", 0 < free && free < size);
    let mut cpus = [0];
    answer("machine cpupool", toolstack.cpupool(0, &mut cpus));
    println!("machine cpupool has cpus {:#b}", cpus[0]);
    answer("machine cpupool after it", toolstack.cpupool(1, &mut cpus));
    Ok(())
}

/// Reads the ring to its end, and what a debug key adds.
fn console(toolstack: &Toolstack<&Privcmd>) -> Result<(), Box<dyn Error>> {
    let (text, end) = read(toolstack, None)?;
    let banner = text.lines().find(|line| line.contains("Xen version ")).unwrap_or("missing");
    println!("console banner {}", banner.trim());
    toolstack.send_debug_keys(b"m")?;
    let (text, _) = read(toolstack, Some(end))?;
    println!("console key {}", text.contains("Dom heap: "));
    println!("console once {}", !text.contains("Xen version "));
    Ok(())
}

fn read(
    toolstack: &Toolstack<&Privcmd>,
    mut from: Option<u32>,
) -> Result<(String, u32), Box<dyn Error>> {
    let (mut text, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        let read = toolstack.read_console(from, &mut buffer)?;
        if read.count == 0 {
            return Ok((String::from_utf8_lossy(&text).into_owned(), read.next));
        }
        text.extend_from_slice(&buffer[..read.count]);
        from = Some(read.next);
    }
}

fn first_domain(toolstack: &Toolstack<&Privcmd>) -> Result<(), Box<dyn Error>> {
    let dom0 = DomainId::new(domid_t(0))?;
    let info = toolstack.domain_info(dom0)?;
    println!("dom0 id {} hvm {} running {}", info.id.domid().0, info.is_hvm(), info.is_running());
    println!("dom0 vcpus {} max {:?}", info.online_vcpus, info.max_vcpu_id);
    println!("dom0 memory {}", info.total_pages.div_ceil(MIB));
    let mut buffer = DomainBuffer::<4>::new();
    let all: Result<Vec<_>, _> = toolstack.domains(&mut buffer).collect();
    let all = all?;
    println!("dom0 of {}", all.len());
    let still = |info: &DomainInfo| (info.id, info.total_pages, info.max_vcpu_id, info.handle);
    println!("dom0 same {}", all.first().map(still) == Some(still(&info)));
    println!("dom0 vcpu online {}", toolstack.vcpu_info(dom0, 0)?.online);
    answer("dom0 address size", toolstack.address_size(dom0));
    answer("dom0 pause", toolstack.pause(dom0));
    answer("dom0 destroy", toolstack.destroy(dom0));
    Ok(())
}
