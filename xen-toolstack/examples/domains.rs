//! Lists domains, as `xl list` does.
//!
//! On a Linux control domain it asks the hypervisor that is running; anywhere else, or with `--sim`, the
//! simulator.
//!
//! ```text
//! cargo run -p xen-toolstack --example domains
//! ```

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

use std::error::Error;

use xen_ops::Hypercall;
use xen_toolstack::{Detected, DomainBuffer, DomainInfo, Toolstack};

fn main() -> Result<(), Box<dyn Error>> {
    #[cfg(target_os = "linux")]
    if std::path::Path::new("/dev/xen/privcmd").exists()
        && !std::env::args().any(|argument| argument == "--sim")
    {
        return list(&xen_linux::Privcmd::open()?);
    }
    use xen_sim::{DomainConfig, GuestKind, Xen};
    let xen = Xen::new();
    let config = DomainConfig::new(GuestKind::Pvh).privileged().domid(xen_abi::xen::domid_t(0));
    let dom0 = xen.domain(config)?;
    let _guests = [
        xen.domain(DomainConfig::new(GuestKind::Pv).pages(512))?,
        xen.domain(DomainConfig::new(GuestKind::Pvh).pages(1024))?,
    ];
    list(&dom0)
}

#[allow(clippy::useless_conversion, reason = "not u64 on 32-bit x86")]
fn list<H: Hypercall>(xen: &H) -> Result<(), Box<dyn Error>> {
    println!("{}", Detected::new(xen)?);
    let toolstack = Toolstack::detect(xen)?;
    let info = toolstack.physinfo()?;
    let mib = |pages: u64| pages / 256;
    let (free, total) = (u64::from(info.free_pages), u64::from(info.total_pages));
    println!("{} CPUs, {} of {} MiB free", info.nr_cpus, mib(free), mib(total));
    println!("  ID  kind  MiB    vCPUs  state     seconds");
    let mut buffer = Box::new(DomainBuffer::<1024>::new());
    for info in toolstack.domains(&mut buffer) {
        let info = info?;
        let kind = if info.is_hvm() { "HVM" } else { "PV" };
        println!(
            "{:>4}  {kind:4}  {:<5}  {:<5}  {:8}  {:.1}",
            info.id.domid().0,
            mib(info.total_pages),
            info.online_vcpus,
            state(&info),
            info.cpu_time as f64 / 1e9,
        );
    }
    Ok(())
}

fn state(info: &DomainInfo) -> &'static str {
    match info {
        info if info.is_dying() => "dying",
        info if info.shutdown().is_some() => "shut down",
        info if info.is_paused() => "paused",
        info if info.is_running() => "running",
        _ => "blocked",
    }
}
