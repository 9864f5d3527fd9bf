//! Memory operations. What is taken away is put back, so that the domain never has more than it may.

use xen_abi::GuestHandle;
use xen_abi::memory::*;
use xen_abi::xen::*;

use super::{World, named};
use crate::Guest;

const OP: u32 = __HYPERVISOR_memory_op;
/// No frame: all bits.
const INVALID: xen_pfn_t = xen_pfn_t(!0);
/// A frame that there is not.
const NOWHERE: xen_pfn_t = xen_pfn_t(0x7fff_fe00);
/// The first frame whose address has too many bits for a number as wide as its own. Xen has 64: numbers of 32 have
/// no such frame.
const TOO_HIGH: xen_pfn_t =
    if size_of::<xen_pfn_t>() == 8 { xen_pfn_t(1 << (u64::BITS - 12)) } else { NOWHERE };

/// A page that comes and goes.
pub(super) struct Memory {
    loose: xen_pfn_t,
    /// Whether the domain has it.
    there: bool,
    /// The numbers of pages when the sequence began.
    values: [isize; 2],
}

impl Memory {
    pub(super) fn new<G: Guest>(guest: &mut G) -> Self {
        Self { loose: guest.loose_frame(), there: true, values: [0; 2] }
    }
}

pub(super) fn step<G: Guest>(world: &mut World<'_, '_, G>) {
    if world.memory.values == [0; 2] {
        world.memory.values = VALUES.map(|(_, command)| value(world, command, DOMID_SELF));
    }
    match world.rng.below(16) {
        0..2 => values(world),
        2..5 => come_and_go(world),
        5..7 => extents(world),
        7 => claim(world),
        8..10 => add(world),
        10 => remove(world),
        11 => exchange(world),
        12 => resource(world),
        13 => on_demand(world),
        14 => tables(world),
        _ => any(world),
    }
}

/// Puts the page back.
pub(super) fn end<G: Guest>(world: &mut World<'_, '_, G>) {
    if !world.memory.there {
        populate(world, MemoryFlags::empty());
    }
}

const VALUES: [(&str, u32); 2] = [
    ("current_reservation", XENMEM_current_reservation),
    ("maximum_reservation", XENMEM_maximum_reservation),
];

fn value<G: Guest>(world: &World<'_, '_, G>, command: u32, domid: domid_t) -> isize {
    let mut op = xen_memory_domain { domid, ..xen_memory_domain::ZERO };
    world.call(OP, command, &mut op)
}

fn values<G: Guest>(world: &mut World<'_, '_, G>) {
    let dom = world.domid();
    let name = named(world, dom);
    for (at, (what, command)) in VALUES.into_iter().enumerate() {
        let value = value(world, command, dom);
        // How it has changed: domains have different numbers of pages.
        let change = if value < 0 { 0 } else { value - world.memory.values[at] };
        let error = value.min(0);
        world.record(format_args!("{what} {name}"), error, &[u64::from(change as u32)]);
    }
    let gpfn = value(world, XENMEM_maximum_gpfn, dom);
    world.record(format_args!("maximum_gpfn {name}"), gpfn.min(0), &[]);
}

fn reservation(
    list: &mut [xen_pfn_t],
    order: u32,
    flags: MemoryFlags,
    domid: domid_t,
) -> xen_memory_reservation {
    xen_memory_reservation {
        nr_extents: list.len() as xen_ulong_t,
        extent_start: GuestHandle::from_mut_slice(list),
        extent_order: order,
        mem_flags: flags,
        domid,
        ..xen_memory_reservation::ZERO
    }
}

fn come_and_go<G: Guest>(world: &mut World<'_, '_, G>) {
    let [exact, vnode] = [XENMEMF_exact_node_request, XENMEMF_vnode].map(MemoryFlags::bits);
    let flags = world.rng.pick(&[
        0,
        0,
        0,
        // Addresses of so many bits.
        12,
        1,
        // The node that there is, and one that there is not.
        1 << 8,
        3 << 8,
        1 << 8 | exact,
        3 << 8 | exact,
        1 << 8 | vnode,
    ]);
    if !world.memory.there {
        return populate(world, MemoryFlags(flags));
    }
    let mut list = [world.memory.loose];
    let mut op = reservation(&mut list, 0, MemoryFlags::empty(), DOMID_SELF);
    let done = world.call(OP, XENMEM_decrease_reservation, &mut op);
    world.memory.there = done != 1;
    world.record(format_args!("decrease"), done, &[]);
}

fn populate<G: Guest>(world: &mut World<'_, '_, G>, flags: MemoryFlags) {
    let mut list = [world.memory.loose];
    let mut op = reservation(&mut list, 0, flags, DOMID_SELF);
    let done = world.call(OP, XENMEM_populate_physmap, &mut op);
    if done == 1 {
        world.memory.there = true;
        if !world.run.guest.kind().is_translated() {
            world.memory.loose = list[0];
        }
    }
    world.record(format_args!("populate {:x}", flags.bits()), done, &[]);
}

/// Extents that are refused: of frames that are nothing's, of another domain, or too large.
fn extents<G: Guest>(world: &mut World<'_, '_, G>) {
    let (name, command) = world.rng.pick(&[
        ("increase", XENMEM_increase_reservation),
        ("decrease", XENMEM_decrease_reservation),
        ("populate", XENMEM_populate_physmap),
    ]);
    let (dom, order) = (world.domid(), world.rng.pick(&[19, 20, 60, u32::MAX]));
    let small = world.rng.once_in(2);
    let (dom, order) = match (command, small) {
        // Nothing is there.
        (XENMEM_decrease_reservation, true) => (dom, world.rng.below(4)),
        (_, true) => (domid_t(777), 0),
        (_, false) => (dom, order),
    };
    let start = world.rng.pick(&[0, 0, 1, 2, 3]);
    let mut list = [xen_pfn_t(0x7fff_ff00); 2];
    let mut op = reservation(&mut list, order, MemoryFlags::empty(), dom);
    if world.rng.once_in(6) {
        op.nr_extents = world.rng.pick(&[0, 1 << 26, (1 << 26) - 1]);
        op.extent_start = GuestHandle::from_addr(world.no_address() as _);
        op.domid = if command == XENMEM_decrease_reservation { dom } else { domid_t(777) };
    }
    let done = world.call(OP, command | start << 6, &mut op);
    let (dom, count) = (named(world, op.domid), op.nr_extents);
    world.record(format_args!("{name} {dom} {order} {count} from {start}"), done, &[]);
}

fn claim<G: Guest>(world: &mut World<'_, '_, G>) {
    let domid = world.domid();
    let nr_extents = world.rng.pick(&[0, 0, 1, xen_ulong_t::MAX]);
    let (order, flags) = (world.rng.pick(&[0, 0, 0, 1]), world.rng.pick(&[0, 0, 0, 1]));
    let mut op = reservation(&mut [], order, MemoryFlags(flags), domid);
    op.nr_extents = nr_extents;
    op.extent_start = GuestHandle::from_addr(0);
    let returned = world.call(OP, XENMEM_claim_pages, &mut op);
    let dom = named(world, domid);
    world.record(format_args!("claim {dom} {nr_extents:x} {order} {flags}"), returned, &[]);
}

fn add<G: Guest>(world: &mut World<'_, '_, G>) {
    // Devices are left alone.
    let (domid, space) = (world.domid(), world.rng.pick(&[0, 1, 2, 3, 4, 6, 7]));
    // Indices at which there is nothing, and a place where there is nothing either.
    let idx = world.rng.pick(&[0x7fff_0000, 0x7fff_ff00, 1 << 31 | 5000, xen_ulong_t::MAX]);
    let gpfn = world.rng.pick(&[NOWHERE, NOWHERE, INVALID]);
    let dom = named(world, domid);
    if world.rng.once_in(2) {
        let size = world.rng.pick(&[0, 1, 2, 65535]);
        let mut op = xen_add_to_physmap { domid, size, space, idx, gpfn };
        let start = world.rng.pick(&[0, 0, 0, 1, 0x1_0000]);
        let returned = world.call(OP, XENMEM_add_to_physmap | start << 6, &mut op);
        let what = format_args!("add {dom} {space} {idx:x} {:x} {size} from {start}", gpfn.0);
        world.record(what, returned, &[]);
        return;
    }
    let (mut idxs, mut gpfns, mut errs) = ([idx; 2], [gpfn; 2], [77; 2]);
    let foreign = world.rng.pick(&[domid_t(777), DOMID_SELF]);
    let size = world.rng.pick(&[0, 1, 2, 2]);
    let mut op = xen_add_to_physmap_batch {
        domid,
        space: space as u16,
        size,
        u: xen_add_to_physmap_batch_extra::from_foreign_domid(foreign),
        idxs: GuestHandle::from_mut_slice(&mut idxs),
        gpfns: GuestHandle::from_mut_slice(&mut gpfns),
        errs: GuestHandle::from_mut_slice(&mut errs),
        ..xen_add_to_physmap_batch::ZERO
    };
    let start = world.rng.pick(&[0, 0, 0, 1, 2, 0x1_0000]);
    let returned = world.call(OP, XENMEM_add_to_physmap_batch | start << 6, &mut op);
    let errs = errs.map(|error: i32| u64::from(error.unsigned_abs()));
    let (gpfn, of) = (gpfn.0, named(world, foreign));
    let what = format_args!("batch {dom} {space} {idx:x} {gpfn:x} {size} from {start} of {of}");
    world.record(what, returned, &errs);
}

fn remove<G: Guest>(world: &mut World<'_, '_, G>) {
    let domid = world.domid();
    let gpfn = world.rng.pick(&[NOWHERE, INVALID, TOO_HIGH]);
    let mut op = xen_remove_from_physmap { domid, gpfn, ..xen_remove_from_physmap::ZERO };
    let returned = world.call(OP, XENMEM_remove_from_physmap, &mut op);
    let dom = named(world, domid);
    world.record(format_args!("remove {dom} {:x}", gpfn.0), returned, &[]);
}

/// Exchanges of nothing, or of what is not the domain's.
fn exchange<G: Guest>(world: &mut World<'_, '_, G>) {
    let (domid, bad) = (world.domid(), [xen_pfn_t(0x7fff_ff00); 2]);
    let (mut from, mut to) = (bad, bad);
    let (from_order, to_order) =
        (world.rng.pick(&[0, 0, 1, 19, 40]), world.rng.pick(&[0, 0, 1, 19]));
    let (from_count, to_count) = (world.rng.below(3) as usize, world.rng.below(3) as usize);
    let flags = world.rng.pick(&[0, 0, 1, 12, 1 << 8]);
    let done = world.rng.pick(&[0, 0, 0, 1, 2, 3]);
    let mut op = xen_memory_exchange {
        in_: reservation(&mut from[..from_count], from_order, MemoryFlags::empty(), domid),
        out: reservation(&mut to[..to_count], to_order, MemoryFlags(flags), domid),
        nr_exchanged: done,
    };
    let returned = world.call(OP, XENMEM_exchange, &mut op);
    let words = [op.nr_exchanged as _];
    let dom = named(world, domid);
    let (from, to) = ((from_count, from_order), (to_count, to_order));
    let what = format_args!("exchange {dom} {from:?} {to:?} {flags:x} {done}");
    world.record(what, returned, &words);
}

fn resource<G: Guest>(world: &mut World<'_, '_, G>) {
    let (domid, type_, id) = (world.domid(), world.rng.below(4), world.rng.below(3));
    let (nr_frames, pad) = (world.rng.pick(&[0, 0, 1, 33]), world.rng.pick(&[0, 0, 0, 1]));
    let frame = world.rng.pick(&[0, 5000, 1 << 32, u64::MAX]);
    let mut list = [xen_pfn_t(0x7fff_fe00); 40];
    let has_list = world.rng.once_in(2);
    let frame_list = match has_list {
        true => GuestHandle::from_mut_slice(&mut list),
        false => GuestHandle::from_addr(0),
    };
    let type_ = type_ as u16;
    let mut op = xen_mem_acquire_resource {
        domid,
        type_,
        id,
        nr_frames,
        pad,
        frame,
        frame_list,
        ..xen_mem_acquire_resource::ZERO
    };
    let returned = world.call(OP, XENMEM_acquire_resource, &mut op);
    let dom = named(world, domid);
    let of = (type_, id, nr_frames, pad);
    let what = format_args!("acquire {dom} {of:?} {frame:x} list {has_list}");
    world.record(what, returned, &[op.nr_frames.into()]);
}

fn on_demand<G: Guest>(world: &mut World<'_, '_, G>) {
    let domid = world.domid();
    let set = world.rng.once_in(2);
    let command = if set { XENMEM_set_pod_target } else { XENMEM_get_pod_target };
    // The target itself would balloon a domain that is populated on demand; this one is not.
    let target_pages = world.rng.pick(&[0, 1, 100]);
    let mut op = xen_pod_target { target_pages, domid, ..xen_pod_target::ZERO };
    let returned = world.call(OP, command, &mut op);
    let dom = named(world, domid);
    let words = [op.pod_cache_pages, op.pod_entries];
    world.record(format_args!("pod set {set} {dom} {target_pages}"), returned, &words);
}

fn tables<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(4) {
        0 => {
            let domid = world.domid();
            let pad = world.rng.pick(&[0, 0, 1]);
            let mut op = xen_vnuma_topology_info { domid, pad, ..xen_vnuma_topology_info::ZERO };
            let returned = world.call(OP, XENMEM_get_vnumainfo, &mut op);
            let dom = named(world, domid);
            world.record(format_args!("vnuma {dom} {pad}"), returned, &[op.nr_vnodes.into()]);
        }
        1 => {
            let flags = world.rng.pick(&[0, 1, 2, 3]);
            if cfg!(target_arch = "x86") {
                // Of 32-bit guests Xen counts each device that an IOMMU has, which the simulator does not have.
                return;
            }
            let zero = xen_reserved_device_memory_map::ZERO;
            let mut op = xen_reserved_device_memory_map { flags, ..zero };
            let returned = world.call(OP, XENMEM_reserved_device_memory_map, &mut op);
            world.record(format_args!("reserved {flags}"), returned, &[op.nr_entries.into()]);
        }
        2 => {
            let domid = world.domid();
            let op = world.rng.below(7) as u8;
            let mut op = xen_mem_access_op { op, domid, ..xen_mem_access_op::ZERO };
            let returned = world.call(OP, XENMEM_access_op, &mut op);
            let dom = named(world, domid);
            world.record(format_args!("access_op {dom} {}", op.op), returned, &[]);
        }
        _ => {
            let domain = world.domid();
            let op = world.rng.below(5) as u8;
            let mut op = xen_mem_paging_op { op, domain, ..xen_mem_paging_op::ZERO };
            let returned = world.call(OP, XENMEM_paging_op, &mut op);
            let dom = named(world, domain);
            world.record(format_args!("paging_op {dom} {}", op.op), returned, &[]);
        }
    }
}

/// Any operation without an argument.
fn any<G: Guest>(world: &mut World<'_, '_, G>) {
    let command = world.rng.below(40);
    let start = world.rng.pick(&[0, 0, 1, 0x1_0000]);
    let at = world.no_address();
    // The number of the last frame is the machine's.
    let returned = world.raw(OP, [(command | start << 6) as usize, at, 0]);
    let returned = if command == XENMEM_maximum_ram_page { returned.min(0) } else { returned };
    world.record(format_args!("memory {command} from {start}"), returned, &[]);
}
