//! `/dev/xen/privcmd` and `/dev/xen/hypercall`: hypercalls, and other domains' memory.

#![allow(unsafe_code, reason = "hypercalls, and arguments with addresses")]

use rustix::io::Errno;
use rustix::mm::MapFlags;
use rustix::mm::ProtFlags;
use xen_abi::GuestHandle;
use xen_abi::linux::privcmd::{
    IOCTL_PRIVCMD_DM_OP, IOCTL_PRIVCMD_HYPERCALL, IOCTL_PRIVCMD_IOEVENTFD, IOCTL_PRIVCMD_IRQFD,
    IOCTL_PRIVCMD_MMAP, IOCTL_PRIVCMD_MMAP_RESOURCE, IOCTL_PRIVCMD_MMAPBATCH,
    IOCTL_PRIVCMD_MMAPBATCH_V2, IOCTL_PRIVCMD_PCIDEV_GET_GSI, IOCTL_PRIVCMD_RESTRICT,
    privcmd_dm_op, privcmd_dm_op_buf, privcmd_hypercall, privcmd_ioeventfd, privcmd_irqfd,
    privcmd_mmap, privcmd_mmap_entry, privcmd_mmap_resource, privcmd_mmapbatch,
    privcmd_mmapbatch_v2, privcmd_pcidev_get_gsi,
};
use xen_abi::memory::{XENMEM_resource_grant_table, XENMEM_resource_ioreq_server};
use xen_abi::xen::{__HYPERVISOR_xen_version, domid_t, xen_pfn_t};

use super::pages::DOM0;
use crate::device::Device;
use crate::transcript::Transcript;

/// An ioctl that the device does not have.
const NONE: u32 = 0x50ff;

/// Domains that do not exist.
const ABSENT: u16 = 0x7000;
const ABSENT_TOO: u16 = 0x7001;

/// A frame that no domain has.
const NO_FRAME: u64 = 1 << 36;

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let privcmd = Device::open("privcmd")?;
    t.call("an ioctl that there is not", privcmd.call_nowhere(NONE));
    hypercalls(t, &privcmd)?;
    let private = privcmd.map(0, 1, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    t.call("pages, private", private.map(|_| "mapped"));
    mmap(t, &privcmd)?;
    mmapbatch(t, &privcmd)?;
    mmapbatch_v2(t, &privcmd)?;
    mmap_resource(t, &privcmd)?;
    dm_op(t, &privcmd);
    later(t, &privcmd);
    restrict(t)
}

fn hypercalls(t: &mut Transcript, privcmd: &Device) -> Result<(), Errno> {
    t.call("hypercall, nowhere", privcmd.call_nowhere(IOCTL_PRIVCMD_HYPERCALL));
    let version = hypercall(privcmd, __HYPERVISOR_xen_version.into(), [0; 5]);
    let version = version.map(|version| format!("{}.{}", version >> 16, version & 0xffff));
    t.call("hypercall, xen_version", version);
    t.call("hypercall, no such number", hypercall(privcmd, 63, [0; 5]));
    let extra_version =
        |address| hypercall(privcmd, __HYPERVISOR_xen_version.into(), [1, address, 0, 0, 0]);
    t.call("hypercall, an answer to nowhere", extra_version(8));
    let buffers = Device::open("hypercall")?;
    let buffer = buffers.map_shared(0, 1)?;
    // If the processor tracks dirty pages, a fresh page is read-only until it is written.
    t.call("hypercall, an answer in a fresh buffer", extra_version(buffer.address()));
    buffer.write(0, 0);
    t.call("hypercall, an answer in a buffer", extra_version(buffer.address()));
    t.step("hypercall, the answer begins with a dot", buffer.read(0) == b'.');
    let private = buffers.map(0, 1, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    t.call("buffer, private", private.map(|_| "mapped"));
    t.call("buffer, no ioctl", buffers.call_nowhere(IOCTL_PRIVCMD_HYPERCALL));
    Ok(())
}

/// The hypercall `op`, which only reads: it frees and maps no memory.
fn hypercall(privcmd: &Device, op: u64, arg: [u64; 5]) -> Result<i32, Errno> {
    let mut argument = privcmd_hypercall { op, arg };
    // SAFETY: the addresses in it are in a mapped buffer that is large enough, or invalid, which the kernel
    // or Xen checks.
    unsafe { privcmd.call_unchecked(IOCTL_PRIVCMD_HYPERCALL, &raw mut argument) }
}

fn mmap(t: &mut Transcript, privcmd: &Device) -> Result<(), Errno> {
    let (area, one) = (privcmd.map_shared(0, 2)?, privcmd.map_shared(0, 1)?);
    let mut map = |name: &str, domid, num, entries: &mut [privcmd_mmap_entry]| {
        let mut argument = privcmd_mmap::ZERO;
        (argument.num, argument.dom) = (num, domid_t(domid));
        argument.entry = GuestHandle::from_mut_slice(entries);
        // SAFETY: as many entries as it says are there, or none of them is looked at. Where they say
        // is the area, which nothing refers to, or nothing of the device's.
        let result = unsafe { privcmd.call_unchecked(IOCTL_PRIVCMD_MMAP, &raw mut argument) };
        t.call(&format!("mmap{name}"), result);
    };
    let entry = |va| privcmd_mmap_entry { va, mfn: NO_FRAME, npages: 1 };
    map(", none", DOM0, 0, &mut []);
    map(", no such address", DOM0, 1, &mut [entry(8)]);
    map(", one of two pages", ABSENT, 1, &mut [entry(area.address())]);
    map(", no such domain", ABSENT, 1, &mut [entry(one.address())]);
    map(", again", ABSENT, 1, &mut [entry(one.address())]);
    t.call("mmap, nowhere", privcmd.call_nowhere(IOCTL_PRIVCMD_MMAP));
    Ok(())
}

fn mmapbatch(t: &mut Transcript, privcmd: &Device) -> Result<(), Errno> {
    let (area, one) = (privcmd.map_shared(0, 2)?, privcmd.map_shared(0, 1)?);
    let mut map = |name: &str, domid, num, addr| {
        let mut frames = [xen_pfn_t(NO_FRAME as _)];
        let mut argument = privcmd_mmapbatch::ZERO;
        (argument.num, argument.dom, argument.addr) = (num, domid_t(domid), addr);
        argument.arr = GuestHandle::from_mut_slice(&mut frames);
        // SAFETY: as above.
        let result = unsafe { privcmd.call_unchecked(IOCTL_PRIVCMD_MMAPBATCH, &raw mut argument) };
        t.call(&format!("mmapbatch{name}"), result);
        t.step(&format!("mmapbatch{name}, the frame's error"), format!("{:#x}", frames[0].0 >> 28));
    };
    map(", none", ABSENT, 0, one.address());
    map(", no such address", ABSENT, 1, 8);
    map(", one of two pages", ABSENT, 1, area.address());
    map(", no such domain", ABSENT, 1, one.address());
    t.call("mmapbatch, nowhere", privcmd.call_nowhere(IOCTL_PRIVCMD_MMAPBATCH));
    Ok(())
}

fn mmapbatch_v2(t: &mut Transcript, privcmd: &Device) -> Result<(), Errno> {
    let (area, one) = (privcmd.map_shared(0, 2)?, privcmd.map_shared(0, 1)?);
    let mut map = |name: &str, domid, num, addr| {
        let (frames, mut errors) = ([xen_pfn_t(NO_FRAME as _)], [0x55]);
        let mut argument = privcmd_mmapbatch_v2::ZERO;
        (argument.num, argument.dom, argument.addr) = (num, domid_t(domid), addr);
        argument.arr = GuestHandle::from_slice(&frames);
        argument.err = GuestHandle::from_mut_slice(&mut errors);
        let opcode = IOCTL_PRIVCMD_MMAPBATCH_V2;
        // SAFETY: as above.
        let result = unsafe { privcmd.call_unchecked(opcode, &raw mut argument) };
        t.call(&format!("mmapbatch_v2{name}"), result);
        let error = match errors[0] {
            0x55 => "untouched".to_owned(),
            0 => "0".to_owned(),
            error => {
                crate::transcript::Answer::<i32>(Err(Errno::from_raw_os_error(-error))).to_string()
            }
        };
        t.step(&format!("mmapbatch_v2{name}, the frame's error"), error);
    };
    map(", none", ABSENT, 0, one.address());
    map(", no such address", ABSENT, 1, 8);
    map(", one of two pages", ABSENT, 1, area.address());
    map(", no such domain", ABSENT, 1, one.address());
    map(", again", ABSENT, 1, one.address());
    t.call("mmapbatch_v2, nowhere", privcmd.call_nowhere(IOCTL_PRIVCMD_MMAPBATCH_V2));
    Ok(())
}

fn mmap_resource(t: &mut Transcript, privcmd: &Device) -> Result<(), Errno> {
    let grants = XENMEM_resource_grant_table;
    for (name, domid, kind, num, address) in [
        ("how many, no such domain", ABSENT, grants, 0, Some(0)),
        ("how many, its own", DOM0, grants, 0, Some(0)),
        ("how many, no such kind", ABSENT, 77, 0, Some(0)),
        ("an address for none", ABSENT, grants, 0, Some(8)),
        ("some for no address", ABSENT, grants, 1, Some(0)),
        ("no such address", ABSENT, grants, 1, Some(8)),
        ("no such domain", ABSENT, grants, 1, None),
        ("no such kind", ABSENT, 77, 1, None),
        ("its own", DOM0, XENMEM_resource_ioreq_server, 1, None),
    ] {
        // A range of just as many pages, and a fresh one: a kernel whose domain is translated survives
        // neither a larger one nor the second use of one.
        let area = privcmd.map_shared(0, 1)?;
        let mut argument = privcmd_mmap_resource::ZERO;
        (argument.dom, argument.type_, argument.num) = (domid_t(domid), kind, num);
        argument.addr = address.unwrap_or(area.address());
        let opcode = IOCTL_PRIVCMD_MMAP_RESOURCE;
        // SAFETY: nothing refers to the area, and nothing of the device's is at the other address.
        let result = unsafe { privcmd.call_unchecked(opcode, &raw mut argument) };
        t.call(&format!("mmap_resource, {name}"), result);
    }
    t.call("mmap_resource, nowhere", privcmd.call_nowhere(IOCTL_PRIVCMD_MMAP_RESOURCE));
    Ok(())
}

fn dm_op(t: &mut Transcript, privcmd: &Device) {
    let mut buffer = [0_u8; 64];
    let one = privcmd_dm_op_buf { uptr: GuestHandle::from_mut_slice(&mut buffer).cast(), size: 64 };
    let nowhere = privcmd_dm_op_buf { uptr: GuestHandle::from_addr(8), ..one };
    for (name, domid, buffers) in [
        ("", DOM0, vec![one]),
        (", no such domain", ABSENT, vec![one]),
        (", no buffer", DOM0, vec![]),
        (", 17 buffers", DOM0, vec![one; 17]),
        (", a buffer of more than a page", DOM0, vec![privcmd_dm_op_buf { size: 4097, ..one }]),
        (", a buffer that is nowhere", DOM0, vec![nowhere]),
    ] {
        t.call(&format!("dm_op{name}"), dm_op_with(privcmd, domid, buffers));
    }
    t.call("dm_op, nowhere", privcmd.call_nowhere(IOCTL_PRIVCMD_DM_OP));
}

fn dm_op_with(
    privcmd: &Device,
    domid: u16,
    mut buffers: Vec<privcmd_dm_op_buf>,
) -> Result<i32, Errno> {
    let mut argument = privcmd_dm_op::ZERO;
    (argument.dom, argument.num) = (domid_t(domid), buffers.len() as u16);
    argument.ubufs = GuestHandle::from_mut_slice(&mut buffers);
    // SAFETY: the buffers are valid and have no other user, or are refused for their size or address.
    unsafe { privcmd.call_unchecked(IOCTL_PRIVCMD_DM_OP, &raw mut argument) }
}

/// Requests of newer kernels, most of which Debian's are built without.
fn later(t: &mut Transcript, privcmd: &Device) {
    let mut argument = privcmd_irqfd::ZERO;
    t.call("irqfd", privcmd.call(IOCTL_PRIVCMD_IRQFD, &mut argument));
    let mut argument = privcmd_ioeventfd::ZERO;
    t.call("ioeventfd", privcmd.call(IOCTL_PRIVCMD_IOEVENTFD, &mut argument));
    let mut argument = privcmd_pcidev_get_gsi { sbdf: 0xffff_ffff, gsi: 0 };
    t.call("pcidev_get_gsi", privcmd.call(IOCTL_PRIVCMD_PCIDEV_GET_GSI, &mut argument));
}

fn restrict(t: &mut Transcript) -> Result<(), Errno> {
    let privcmd = Device::open("privcmd")?;
    let restrict = |domid| privcmd.call(IOCTL_PRIVCMD_RESTRICT, &mut domid_t(domid));
    t.call("restrict, nowhere", privcmd.call_nowhere(IOCTL_PRIVCMD_RESTRICT));
    t.call("restrict", restrict(ABSENT));
    t.call("restrict, again", restrict(ABSENT));
    t.call("restrict, to another", restrict(ABSENT_TOO));
    t.call("restricted, hypercall", hypercall(&privcmd, __HYPERVISOR_xen_version.into(), [0; 5]));
    t.call("restricted, dm_op", dm_op_with(&privcmd, DOM0, vec![]));
    t.call("restricted, dm_op, its domain", dm_op_with(&privcmd, ABSENT, vec![]));
    for (name, domid) in [("", DOM0), (", its domain", ABSENT)] {
        let area = privcmd.map_shared(0, 1)?;
        let mut argument = privcmd_mmap_resource::ZERO;
        (argument.dom, argument.num, argument.addr) = (domid_t(domid), 1, area.address());
        let opcode = IOCTL_PRIVCMD_MMAP_RESOURCE;
        // SAFETY: nothing refers to the area.
        let result = unsafe { privcmd.call_unchecked(opcode, &raw mut argument) };
        t.call(&format!("restricted, mmap_resource{name}"), result);
    }
    Ok(())
}
