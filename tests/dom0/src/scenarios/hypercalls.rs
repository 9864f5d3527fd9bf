//! Typed hypercalls of `xen-ops` through privcmd of `xen-linux`, and its other operations.

#![allow(unsafe_code, reason = "a batch that Xen refuses")]

use std::fmt::Display;

use rustix::io::Errno;
use xen_linux::privcmd::Buffer;
use xen_linux::xen_abi::grant_table::{
    GNTCOPY_source_gref, GNTST_bad_gntref, gnttab_copy_ptr, gnttab_copy_ptr_u,
};
use xen_linux::xen_abi::hvm::dm_op::{XEN_DMOP_nr_vcpus, xen_dm_op};
use xen_linux::xen_abi::hypfs::xen_hypfs_direntry;
use xen_linux::xen_abi::linux::evtchn::{IOCTL_EVTCHN_BIND_STATIC, ioctl_evtchn_bind};
use xen_linux::xen_abi::xen::DOMID_SELF;
use xen_linux::xen_ops::events::Port;
use xen_linux::xen_ops::hypercall::multicall::{Multicall, NotRun};
use xen_linux::xen_ops::hypercall::xen_version::Varbuf;
use xen_linux::xen_ops::hypercall::{
    Cause, Error, grant_table_op, hypfs_op, memory_op, xen_version, xsm_op,
};
use xen_linux::xen_ops::memory::acquire::Resource;
use xen_linux::{DomainId, Privcmd, ReadOnly, domid_t, grant_ref_t, xen_pfn_t};

use super::grants::Shown;
use super::pages::{DOM0, NO_REFERENCE};
use crate::device::Device;
use crate::transcript::Transcript;

/// A domain that does not exist.
const ABSENT: domid_t = domid_t(0x7000);

/// Copies in a batch: more bytes than the pool of bounce buffers has.
const MANY: usize = 8000;

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let xen = Privcmd::open().map_err(|error| error.as_errno().unwrap_or(Errno::CANCELED))?;
    version(t, &xen);
    memory(t, &xen);
    multicall(t, &xen);
    grants(t, &xen);
    events(t, &xen)?;
    files(t, &xen);
    #[cfg(target_arch = "x86_64")]
    machine(t, &xen);
    let enforcing = xsm_op::getenforce(&xen);
    answer(t, "xsm_op, getenforce", enforcing);
    others(t, &xen);
    restricted(t)
}

fn version(t: &mut Transcript, xen: &Privcmd) {
    let version = xen_version::version(xen).map(|version| (version >> 16, version & 0xffff));
    answer(t, "version", version.map(|(major, minor)| format!("{major}.{minor}")));
    let extra = xen_version::extraversion(xen).map(|text| text.starts_with(b"."));
    answer(t, "extraversion, begins with a dot", extra);
    let guests = xen_version::capabilities(xen).map(|text| text.starts_with(b"xen-3."));
    answer(t, "capabilities, begin with a kind", guests);
    let is_dom0 = |features: u32| features & 1 << 11 != 0;
    answer(t, "get_features, dom0", xen_version::get_features(xen, 0).map(is_dom0));
    answer(t, "pagesize", xen_version::pagesize(xen));
    let mut buffer = Varbuf::<[u8; 64]>::new();
    answer(t, "build_id, bytes", xen_version::build_id(xen, &mut buffer));
    let mut buffer = Varbuf::<[u8; 4]>::new();
    answer(t, "build_id, no room", xen_version::build_id(xen, &mut buffer));
}

fn memory(t: &mut Transcript, xen: &Privcmd) {
    let own = memory_op::current_reservation(xen, DOMID_SELF);
    let by_number = memory_op::current_reservation(xen, domid_t(DOM0));
    answer(t, "current_reservation, of 100 megabytes and more", own.map(|pages| pages > 25600));
    answer(t, "current_reservation, by number", same(by_number, own));
    answer(t, "current_reservation, no such domain", memory_op::current_reservation(xen, ABSENT));
    let highest = memory_op::maximum_ram_page(xen).map(|frame| frame > 25600);
    answer(t, "maximum_ram_page", highest);
}

/// The results of a multicall's entries, and memory that they fill, come back through the device.
fn multicall(t: &mut Transcript, xen: &Privcmd) {
    let (pages, size, absent, extra) = Multicall::new(xen)
        .call(|xen| memory_op::current_reservation(xen, DOMID_SELF))
        .call(|xen| xen_version::pagesize(xen))
        .call(|xen| memory_op::current_reservation(xen, ABSENT))
        .call(|xen| xen_version::extraversion(xen).map(|text| text.starts_with(b".")))
        .run();
    let pages = run_entry(pages).map(|pages| pages > 25600);
    answer(t, "multicall, current_reservation, of 100 megabytes and more", pages);
    answer(t, "multicall, pagesize", run_entry(size));
    answer(t, "multicall, current_reservation, no such domain", run_entry(absent));
    answer(t, "multicall, extraversion, begins with a dot", run_entry(extra));
}

/// An entry that was not run has the error of the multicall.
fn run_entry<T>(result: Result<Result<T, Error>, NotRun>) -> Result<T, Error> {
    result?
}

fn grants(t: &mut Transcript, xen: &Privcmd) {
    let size = grant_table_op::query_size(xen, DOMID_SELF);
    answer(t, "query_size, most", size.map(|size| size.max_nr_frames));
    answer(t, "query_size, no such domain", grant_table_op::query_size(xen, ABSENT).map(|_| ""));
    answer(t, "get_version", grant_table_op::get_version(xen, DOMID_SELF));
    for count in [1, MANY] {
        let mut source = gnttab_copy_ptr { domid: domid_t(DOM0), ..gnttab_copy_ptr::ZERO };
        source.u = gnttab_copy_ptr_u::from_ref(grant_ref_t(NO_REFERENCE));
        let dest = gnttab_copy_ptr { domid: DOMID_SELF, ..gnttab_copy_ptr::ZERO };
        let one = || grant_table_op::Copy::new(source, dest, 1, GNTCOPY_source_gref);
        let mut batch: Vec<_> = (0..count).map(|_| one()).collect();
        // SAFETY: there is no such grant, so nothing is written.
        let done = unsafe { grant_table_op::copy(xen, &mut batch) };
        let is_refused = |one: &&grant_table_op::Copy<_>| one.status() == GNTST_bad_gntref;
        let refused = done.elements.iter().filter(is_refused).count();
        let refused = done.result.map(|()| refused);
        answer(t, &format!("copy, {count} without a grant"), refused);
    }
}

/// A port that a hypercall allocates, and that the device then takes over.
fn events(t: &mut Transcript, xen: &Privcmd) -> Result<(), Errno> {
    let port = match Port::alloc_unbound(xen, domid_t(DOM0)) {
        Ok(port) => port,
        Err(error) => {
            answer::<u8>(t, "alloc_unbound", Err(error));
            return Ok(());
        }
    };
    answer(t, "status", port.status().map(|status| format!("{:?}", status.binding)));
    let evtchn = Device::open("evtchn")?;
    let mut argument = ioctl_evtchn_bind { port: port.number().0 };
    t.call("bind_static", evtchn.call(IOCTL_EVTCHN_BIND_STATIC, &mut argument));
    t.call("bind_static, again", evtchn.call(IOCTL_EVTCHN_BIND_STATIC, &mut argument));
    drop(evtchn);
    answer(
        t,
        "status, after bind_static",
        port.status().map(|status| format!("{:?}", status.binding)),
    );
    answer(t, "close", port.close().map(|()| "ok"));
    Ok(())
}

/// Xen's parameters and properties as files.
fn files(t: &mut Transcript, xen: &Privcmd) {
    /// What comes before the contents.
    const ENTRY: usize = size_of::<xen_hypfs_direntry>();
    answer(t, "hypfs, version", hypfs_op::get_version(xen));
    let mut buffer = [0; ENTRY + 4];
    let major = hypfs_op::read(xen, c"/buildinfo/version/major", &mut buffer);
    let major = major.map(|()| buffer[ENTRY..].try_into().map_or(0, u32::from_ne_bytes));
    answer(t, "hypfs, the major version", major);
    let small = hypfs_op::read(xen, c"/buildinfo/version/major", &mut buffer[..ENTRY]);
    answer(t, "hypfs, too small a buffer", small.map(|()| ""));
    let absent = hypfs_op::read(xen, c"/buildinfo/absent", &mut buffer);
    answer(t, "hypfs, no such entry", absent.map(|()| ""));
    let relative = hypfs_op::read(xen, c"buildinfo", &mut buffer);
    answer(t, "hypfs, not an absolute path", relative.map(|()| ""));
}

/// What Xen tells about the machine.
#[cfg(target_arch = "x86_64")]
fn machine(t: &mut Transcript, xen: &Privcmd) {
    use xen_linux::xen_abi::arch_x86::xen_mca::xen_mc_logical_cpu_t;
    use xen_linux::xen_abi::kexec::{KEXEC_RANGE_MA_CRASH, xen_kexec_range};
    use xen_linux::xen_ops::hypercall::{kexec_op, mca, platform_op, xenpmu_op};

    answer(t, "platform_op, CPU 0", platform_op::get_cpuinfo(xen, 0).map(|cpu| cpu.apic_id));
    answer(t, "platform_op, CPU 0 offline", platform_op::cpu_offline(xen, 0).map(|()| "ok"));
    let range = KEXEC_RANGE_MA_CRASH as i32;
    let mut range = xen_kexec_range { range, ..xen_kexec_range::ZERO };
    let result = kexec_op::get_range(xen, &mut range);
    answer(t, "kexec_op, bytes for a crash kernel", result.map(|()| range.size));
    let cpus = mca::physcpuinfo(xen, &mut [xen_mc_logical_cpu_t::ZERO]);
    answer(t, "mca, CPUs", cpus);
    answer(t, "xenpmu_op, mode", xenpmu_op::mode_get(xen).map(|_| "ok"));
}

/// Operations on other domains, which do not exist.
fn others(t: &mut Transcript, xen: &Privcmd) {
    let [own, absent] =
        [domid_t(DOM0), ABSENT].map(|domid| DomainId::new(domid).expect("a domain's number"));
    let table = Resource::GrantTable { status: false };
    t.step("resource_size, no such domain", Shown(xen.resource_size(absent, table)));
    t.step("resource_size, its own", Shown(xen.resource_size(own, table)));
    t.step("map_resource, no such domain", Shown(xen.map_resource(absent, table, 0, 2, ReadOnly)));
    t.step("map_resource, none", Shown(xen.map_resource(absent, table, 0, 0, ReadOnly)));
    let frames = xen.map_frames(absent, &[xen_pfn_t(1), xen_pfn_t(2)], ReadOnly);
    t.step("map, no such domain", Shown(frames.and_then(|frames| frames.all())));
    t.step("map, none", Shown(xen.map_frames(absent, &[], ReadOnly)));
    let mut operation = xen_dm_op { op: XEN_DMOP_nr_vcpus, ..xen_dm_op::ZERO };
    let mut buffers = [Buffer::value(&mut operation)];
    t.step("dm_op, no such domain", Shown(xen.dm_op(absent, &mut buffers)));
    t.step("dm_op, no buffer", Shown(xen.dm_op(absent, &mut [])));
}

fn restricted(t: &mut Transcript) -> Result<(), Errno> {
    let open = || Privcmd::open().map_err(|error| error.as_errno().unwrap_or(Errno::CANCELED));
    let xen = open()?;
    let [absent, another] = [ABSENT, domid_t(ABSENT.0 + 1)]
        .map(|domid| DomainId::new(domid).expect("a domain's number"));
    t.step("restrict", Shown(xen.restrict(absent)));
    t.step("restrict, to another", Shown(xen.restrict(another)));
    answer(t, "restricted, version", xen_version::version(&xen));
    answer(t, "restricted, current_reservation", memory_op::current_reservation(&xen, DOMID_SELF));
    let other = open()?;
    answer(t, "restricted, another is not", xen_version::pagesize(&other));
    Ok(())
}

/// Whether two answers are the same.
fn same<T: PartialEq>(one: Result<T, Error>, other: Result<T, Error>) -> Result<bool, Error> {
    Ok(one? == other?)
}

/// A value, or the name of an error number or status.
fn answer<T: Display>(t: &mut Transcript, name: &str, result: Result<T, Error>) {
    match result {
        Ok(value) => t.step(name, value),
        Err(error) => match error.cause() {
            Cause::Errno(errno) => {
                let errno = Errno::from_raw_os_error(errno.0 as i32);
                t.call::<u8>(name, Err(errno));
            }
            Cause::Status(status) => t.step(name, status.name().unwrap_or("no name")),
            _ => t.step(name, error),
        },
    }
}
