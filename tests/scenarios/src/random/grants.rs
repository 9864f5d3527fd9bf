//! Grants of a domain to itself.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::SeqCst;

use xen_abi::GuestHandle;
use xen_abi::grant_table::*;
use xen_abi::xen::*;
use xen_ops::hypercall::UNTOUCHED;
use xen_ops::page::MapTarget;
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View};

use super::{PLACES, World, named};
use crate::frame::number;
use crate::{Guest, Kind};

const OP: u32 = __HYPERVISOR_grant_table_op;

/// The references that are written: the first two of them belong to the toolstack.
const FIRST: u32 = 6;
const REFS: u32 = 10;

/// What is mapped, and the version of the table.
pub(super) struct Grants<G: Guest> {
    targets: [G::MapTarget; PLACES],
    /// Whether something may be mapped at a target.
    taken: [bool; PLACES],
    maps: [Option<Mapped>; PLACES],
    version: u32,
}

#[derive(Clone, Copy)]
struct Mapped {
    handle: grant_handle_t,
    host: bool,
    device: Option<u64>,
}

impl<G: Guest> Grants<G> {
    pub(super) fn new(guest: &mut G) -> Self {
        let targets = core::array::from_fn(|_| guest.target());
        Self { targets, taken: [false; PLACES], maps: [None; PLACES], version: 1 }
    }
}

pub(super) fn step<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(32) {
        0..7 => write_entry(world),
        7..10 => read_entry(world),
        10..16 => map(world),
        16..20 => {
            let slot = world.rng.below(PLACES as u32) as usize;
            unmap(world, slot);
        }
        20..26 => copy(world),
        26 => query(world),
        27 => setup(world),
        28 => version(world),
        29 => swap(world),
        30 => rare(world),
        _ => entry_checks(world),
    }
}

/// Unmaps everything, clears the entries, and returns to version 1.
pub(super) fn end<G: Guest>(world: &mut World<'_, '_, G>) {
    for slot in 0..PLACES {
        if let Some(Mapped { handle, device, .. }) = world.grants.maps[slot] {
            let host_addr = world.grants.targets[slot].host_addr();
            unmap_as(world, slot, host_addr, device.unwrap_or(0), handle, "at the end");
        }
    }
    for ref_ in FIRST..FIRST + REFS {
        set_words(world, ref_, [0; 4]);
    }
    set_version(world, 1);
}

fn reference<G: Guest>(world: &mut World<'_, '_, G>) -> grant_ref_t {
    if world.rng.once_in(16) {
        return grant_ref_t(world.rng.pick(&[255, 256, 511, 512, 1023, 1024, 1 << 20, u32::MAX]));
    }
    grant_ref_t(FIRST + world.rng.below(REFS))
}

/// Words of an entry of that size: 2 in version 1, 4 in version 2.
fn set_words<G: Guest>(world: &World<'_, '_, G>, ref_: u32, words: [u32; 4]) {
    let count = if world.grants.version == 2 { 4 } else { 2 };
    for (at, word) in words.into_iter().enumerate().take(count).rev() {
        word_at(world.entries, ref_ as usize * count + at, Some(word));
    }
}

/// Writes a word of the table, or reads it.
fn word_at(entries: NonNull<u8>, index: usize, value: Option<u32>) -> u32 {
    // SAFETY: the first frame of the table, which stays mapped; it is accessed atomically.
    let view: View<'static, ReadWrite> = unsafe { View::new(entries) };
    let field = Field::<u32>::at::<0>().moved(index * 4).expect("the entry is in the first frame");
    let place = view.at(field);
    if let Some(value) = value {
        place.store(value, SeqCst);
    }
    place.load(SeqCst)
}

fn write_entry<G: Guest>(world: &mut World<'_, '_, G>) {
    let ref_ = FIRST + world.rng.below(REFS);
    let me = world.run.guest.domid();
    let domid = world.rng.pick(&[me, me, me, me, domid_t(777), DOMID_SELF]);
    let access = GTF_permit_access;
    let flags = world.rng.pick(&[
        access,
        access,
        access,
        access,
        access | GTF_readonly,
        access | GTF_readonly,
        access | GTF_sub_page,
        GTF_accept_transfer,
        GTF_transitive,
        GTF_invalid,
        access | GTF_reading,
        access | GTF_PWT | GTF_PCD,
    ]);
    let frame = world.frame();
    let (bad, window) = (world.rng.once_in(10), world.rng.pick(&[0, 0x0040_0000, 0x1000_0000]));
    // Once the table has version 2, such an entry passes on a reference of domain 0: one that does not exist.
    let passes_on = flags & GTF_type_mask == GTF_transitive;
    let frame = if bad || passes_on { 0x7fff_ff00 } else { frame.0 as u32 };
    let header = u32::from(flags.bits()) | u32::from(domid.0) << 16;
    let words = match world.grants.version {
        2 if passes_on => [header, me.0.into(), FIRST + 1, 0],
        2 => [header, window, frame, 0],
        _ => [header, frame, 0, 0],
    };
    set_words(world, ref_, words);
    let to = named(world, domid);
    world.record(format_args!("entry {ref_} {:x} {to} bad {bad} {window:x}", flags.bits()), 0, &[]);
}

fn read_entry<G: Guest>(world: &mut World<'_, '_, G>) {
    let ref_ = FIRST + world.rng.below(REFS);
    let words = if world.grants.version == 2 { 4 } else { 2 };
    let header = word_at(world.entries, ref_ as usize * words, None);
    world.record(format_args!("flags of {ref_}"), 0, &[u64::from(header as u16)]);
}

fn map<G: Guest>(world: &mut World<'_, '_, G>) {
    let slot = world.rng.below(PLACES as u32) as usize;
    let (dom, ref_) = (world.domid(), reference(world));
    let me = world.run.guest.domid();
    let dom = if world.rng.once_in(4) { dom } else { me };
    let host = GNTMAP_host_map;
    let flags = world.rng.pick(&[
        host,
        host,
        host,
        host | GNTMAP_readonly,
        host | GNTMAP_readonly,
        GNTMAP_device_map,
        GNTMAP_device_map | GNTMAP_readonly,
        host | GNTMAP_device_map,
        host | GNTMAP_application_map,
        GNTMAP_readonly,
        GrantMapFlags::empty(),
        host | GrantMapFlags(1 << 5),
    ]);
    if world.grants.taken[slot] || world.grants.maps[slot].is_some() {
        let Some(Mapped { handle, device, .. }) = world.grants.maps[slot] else {
            return world.record(format_args!("map at {slot}, taken"), 0, &[]);
        };
        let host_addr = world.grants.targets[slot].host_addr();
        return unmap_as(world, slot, host_addr, device.unwrap_or(0), handle, "before a map");
    }
    let host_addr = world.grants.targets[slot].host_addr();
    let zero = gnttab_map_grant_ref::ZERO;
    let mut op = gnttab_map_grant_ref { host_addr, flags, ref_, dom, status: UNTOUCHED, ..zero };
    let returned = world.call(OP, GNTTABOP_map_grant_ref, &mut op);
    if returned == 0 && op.status == GNTST_okay {
        let host = flags.contains(host);
        let device = flags.contains(GNTMAP_device_map).then_some(op.dev_bus_addr);
        world.grants.taken[slot] = host;
        world.grants.maps[slot] = Some(Mapped { handle: op.handle, host, device });
    }
    let (dom, status) = (named(world, dom), word(op.status));
    let ref_ = ref_.0;
    let flags = flags.bits();
    world.record(format_args!("map {ref_} of {dom} at {slot} {flags:x}"), returned, &[status]);
}

/// A status as it is written down.
fn word(status: xen_abi::GrantStatus) -> u64 {
    u64::from(status.0.unsigned_abs())
}

fn unmap<G: Guest>(world: &mut World<'_, '_, G>, slot: usize) {
    let own = world.grants.targets[slot].host_addr();
    let other = world.grants.targets[(slot + 1) % PLACES].host_addr();
    let none = grant_handle_t(0xfff0);
    let mapped = world.grants.maps[slot];
    let handle = mapped.map_or(none, |mapped| mapped.handle);
    let bus = mapped.and_then(|mapped| mapped.device).unwrap_or(0);
    let (what, host_addr, dev_bus_addr) = world.rng.pick(&[
        ("all", own, bus),
        ("all", own, bus),
        ("all", own, bus),
        ("host", own, 0),
        ("device", 0, bus),
        ("nothing", 0, 0),
        ("other host", other, 0),
        ("other device", 0, 0x12_3000),
        ("host and other device", own, 0x12_3000),
    ]);
    unmap_as(world, slot, host_addr, dev_bus_addr, handle, what);
}

fn unmap_as<G: Guest>(
    world: &mut World<'_, '_, G>,
    slot: usize,
    host_addr: u64,
    dev_bus_addr: u64,
    handle: grant_handle_t,
    what: &str,
) {
    let zero = gnttab_unmap_grant_ref::ZERO;
    let mut op =
        gnttab_unmap_grant_ref { host_addr, dev_bus_addr, handle, status: UNTOUCHED, ..zero };
    let returned = world.call(OP, GNTTABOP_unmap_grant_ref, &mut op);
    if returned == 0 && op.status == GNTST_okay {
        let own = world.grants.targets[slot].host_addr() == host_addr;
        if let Some(mapped) = &mut world.grants.maps[slot] {
            mapped.host &= host_addr == 0;
            // A device address that is another's is looked at only where a device mapping is.
            if dev_bus_addr != 0 {
                mapped.device = None;
            }
            if own {
                world.grants.taken[slot] = false;
            }
            if !mapped.host && mapped.device.is_none() {
                world.grants.maps[slot] = None;
            }
        }
    }
    let status = word(op.status);
    world.record(format_args!("unmap {slot} {what}"), returned, &[status]);
}

fn copy<G: Guest>(world: &mut World<'_, '_, G>) {
    const MOST: usize = 3;
    let count = 1 + world.rng.below(MOST as u32) as usize;
    let mut ops = [gnttab_copy::ZERO; MOST];
    for op in &mut ops {
        let (source, source_flag) = copy_end(world, GNTCOPY_source_gref);
        let (dest, dest_flag) = copy_end(world, GNTCOPY_dest_gref);
        let len = world.rng.pick(&[0, 1, 64, 64, 64, 4032, 4096, 5000]);
        let (flags, status) = (source_flag | dest_flag, UNTOUCHED);
        *op = gnttab_copy { source, dest, len, flags, status, ..gnttab_copy::ZERO };
    }
    let at = ops.as_mut_ptr().expose_provenance();
    let returned = world.raw(OP, [GNTTABOP_copy as usize, at, count]);
    let [a, b, c] = ops.map(|op| word(op.status));
    let (first, last) = (Shown(&ops[0]), Shown(&ops[count - 1]));
    world.record(format_args!("copy {count} {first} {last}"), returned, &[a, b, c]);
}

/// A copy as it is written down: references, but no frames.
struct Shown<'a>(&'a gnttab_copy);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = self.0;
        write!(f, "{}", op.len)?;
        for (ptr, flag) in [(&op.source, GNTCOPY_source_gref), (&op.dest, GNTCOPY_dest_gref)] {
            if op.flags.contains(flag) {
                write!(f, " {}", ptr.u.ref_().0)?;
            } else {
                write!(f, " page")?;
            }
            write!(f, "+{}", ptr.offset)?;
        }
        Ok(())
    }
}

fn copy_end<G: Guest>(
    world: &mut World<'_, '_, G>,
    granted: GrantCopyFlags,
) -> (gnttab_copy_ptr, GrantCopyFlags) {
    let is_granted = world.rng.once_in(2);
    let (dom, frame, ref_) = (world.domid(), world.frame(), reference(world));
    let me = world.run.guest.domid();
    let usual = if is_granted { me } else { DOMID_SELF };
    let domid = if world.rng.once_in(5) { dom } else { usual };
    let offset = world.rng.pick(&[0, 0, 0, 1, 64, 4095, 5000]);
    let bad = world.rng.once_in(10);
    let u = match (is_granted, bad) {
        (true, _) => gnttab_copy_ptr_u::from_ref(ref_),
        (false, true) => gnttab_copy_ptr_u::from_gmfn(xen_pfn_t(0x7fff_ff00)),
        (false, false) => gnttab_copy_ptr_u::from_gmfn(frame),
    };
    let flag = if is_granted { granted } else { GrantCopyFlags::empty() };
    (gnttab_copy_ptr { u, domid, offset, ..gnttab_copy_ptr::ZERO }, flag)
}

fn query<G: Guest>(world: &mut World<'_, '_, G>) {
    let dom = world.domid();
    let zero = gnttab_query_size::ZERO;
    let mut op = gnttab_query_size { dom, nr_frames: 77, status: UNTOUCHED, ..zero };
    let returned = world.call(OP, GNTTABOP_query_size, &mut op);
    let words = [op.nr_frames.into(), op.max_nr_frames.into(), word(op.status)];
    let dom = named(world, dom);
    world.record(format_args!("query_size {dom}"), returned, &words);
    let (dom, version) = (world.domid(), 77);
    let zero = gnttab_get_version::ZERO;
    let mut op = gnttab_get_version { dom, version, ..zero };
    let returned = world.call(OP, GNTTABOP_get_version, &mut op);
    let (dom, version) = (named(world, dom), op.version.into());
    world.record(format_args!("get_version {dom}"), returned, &[version]);
}

fn setup<G: Guest>(world: &mut World<'_, '_, G>) {
    let (dom, nr_frames) = (world.domid(), world.rng.pick(&[0, 1, 1, 2, 3, 9, 65, u32::MAX]));
    let mut list = [xen_pfn_t(0); 64];
    let no_list = world.rng.once_in(8);
    if world.rng.once_in(2) {
        let mut frame_list = GuestHandle::from_mut_slice(&mut list);
        if no_list {
            frame_list = GuestHandle::from_addr(world.no_address() as _);
        }
        let (zero, status) = (gnttab_setup_table::ZERO, UNTOUCHED);
        let mut op = gnttab_setup_table { dom, nr_frames, frame_list, status, ..zero };
        let returned = world.call(OP, GNTTABOP_setup_table, &mut op);
        let (dom, status) = (named(world, dom), word(op.status));
        let what = format_args!("setup_table {dom} {nr_frames} list {}", !no_list);
        world.record(what, returned, &[status]);
    } else {
        let mut list = [0_u64; 64];
        let mut frame_list = GuestHandle::from_mut_slice(&mut list);
        if no_list {
            frame_list = GuestHandle::from_addr(world.no_address() as _);
        }
        let status = UNTOUCHED;
        let mut op = gnttab_get_status_frames {
            dom,
            nr_frames,
            frame_list,
            status,
            ..gnttab_get_status_frames::ZERO
        };
        let returned = world.call(OP, GNTTABOP_get_status_frames, &mut op);
        let (dom, status) = (named(world, dom), word(op.status));
        let what = format_args!("get_status_frames {dom} {nr_frames} list {}", !no_list);
        world.record(what, returned, &[status]);
    }
}

fn version<G: Guest>(world: &mut World<'_, '_, G>) {
    let version = world.rng.pick(&[0, 1, 1, 2, 2, 3]);
    set_version(world, version);
}

fn set_version<G: Guest>(world: &mut World<'_, '_, G>, version: u32) {
    let mut op = gnttab_set_version { version };
    let returned = world.call(OP, GNTTABOP_set_version, &mut op);
    if matches!(op.version, 1 | 2) {
        world.grants.version = op.version;
    }
    world.record(format_args!("set_version {version}"), returned, &[op.version.into()]);
}

fn swap<G: Guest>(world: &mut World<'_, '_, G>) {
    let (ref_a, ref_b) = (reference(world), reference(world));
    let mut op =
        gnttab_swap_grant_ref { ref_a, ref_b, status: UNTOUCHED, ..gnttab_swap_grant_ref::ZERO };
    let returned = world.call(OP, GNTTABOP_swap_grant_ref, &mut op);
    let (a, b, status) = (ref_a.0, ref_b.0, word(op.status));
    world.record(format_args!("swap {a} {b}"), returned, &[status]);
}

fn rare<G: Guest>(world: &mut World<'_, '_, G>) {
    match world.rng.below(3) {
        0 => {
            let domid = world.domid();
            let (mfn, status) = (xen_pfn_t(0x7fff_ff00), UNTOUCHED);
            let mut op = gnttab_transfer { mfn, domid, status, ..gnttab_transfer::ZERO };
            let returned = world.call(OP, GNTTABOP_transfer, &mut op);
            let (to, status) = (named(world, domid), word(op.status));
            world.record(format_args!("transfer nothing to {to}"), returned, &[status]);
        }
        1 => {
            let zero = gnttab_unmap_and_replace::ZERO;
            let handle = grant_handle_t(0xfff0);
            let mut op = gnttab_unmap_and_replace { handle, status: UNTOUCHED, ..zero };
            let returned = world.call(OP, GNTTABOP_unmap_and_replace, &mut op);
            let status = word(op.status);
            world.record(format_args!("unmap_and_replace nothing"), returned, &[status]);
        }
        _ => {
            let (frame, nowhere) = (number(world.frame()) << 12, 0x7fff_ff00 << 12);
            // A machine address: of Arm's domains only the first one knows its own.
            let guest = &world.run.guest;
            let is_known = guest.kind() != Kind::Arm || guest.domid() == domid_t(0);
            let frame = if is_known { frame } else { nowhere };
            let address = world.rng.pick(&[frame, frame, nowhere]);
            let (offset, length) =
                (world.rng.pick(&[0, 64, 4095, 4096]), world.rng.pick(&[0, 64, 4096, 4097]));
            let command = world.rng.pick(&[0, 1, 2, 3, 4, 1 << 31, 1 << 31 | 1]);
            let a = gnttab_cache_flush_a::from_dev_bus_addr(address);
            let mut op = gnttab_cache_flush { a, offset, length, op: CacheFlushFlags(command) };
            let returned = world.call(OP, GNTTABOP_cache_flush, &mut op);
            let own = address == frame;
            let what = format_args!("cache_flush own {own} {offset} {length} {command:x}");
            world.record(what, returned, &[]);
        }
    }
}

/// What is checked before an operation does anything.
fn entry_checks<G: Guest>(world: &mut World<'_, '_, G>) {
    let (command, at) = (world.rng.below(14), world.no_address());
    let bits = world.rng.pick(&[0, 0, 0, 1 << 12, 1 << 31]);
    let count = world.rng.pick(&[0, 0, 1, 2, 0xffff_ffff]);
    let returned = world.raw(OP, [(command | bits) as usize, at, count]);
    world.record(format_args!("grants {command} {bits:x} {count}"), returned, &[]);
}
