//! A grant table as scenarios write it, entry by entry, and the operations on it: nothing here keeps
//! anyone from writing what is wrong.

#![allow(unsafe_code, reason = "scenarios map their own pages and take them away")]

use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};

use xen_abi::grant_table::{
    GNTMAP_device_map, GNTMAP_host_map, GTF_reading, GTF_writing, GrantCopyFlags, GrantEntryFlags,
    GrantMapFlags, gnttab_copy_ptr, gnttab_copy_ptr_u, grant_entry_header, grant_entry_v1,
    grant_entry_v2, grant_entry_v2_full_page, grant_entry_v2_sub_page, grant_entry_v2_transitive,
    grant_handle_t, grant_ref_t, grant_status_t,
};
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::hypercall::Error;
use xen_ops::hypercall::grant_table_op::{
    Copy, MapGrantRef, SwapGrantRef, UnmapGrantRef, copy, map_grant_ref, swap_grant_ref,
    unmap_grant_ref,
};
use xen_ops::page::{MapTarget, PAGE_SIZE, Page};
use xen_ops::view::{Field, Place};
use xen_ops::{ReadWrite, View, field};

use crate::frame::number;
use crate::outcome::{Hex, Outcome};
use crate::{Guest, Part};

/// Flags and domain of the first entry, which both versions have at once.
const HEADER: Field<u32> = Field::at::<0>();
const FLAGS: Field<u16> = Field::at::<{ offset_of!(grant_entry_header, flags) }>();

/// What an entry has at `member`, which is where the first entry has it.
fn entry<E, T>(
    entries: View<'static, ReadWrite>,
    ref_: grant_ref_t,
    member: Field<T>,
) -> Place<'static, T, ReadWrite> {
    let member = member.moved(ref_.0 as usize * size_of::<E>());
    entries.at(member.expect("the entry is in the first frame"))
}

/// The first frame of the guest's table in version 1.
pub(crate) struct V1(View<'static, ReadWrite>);

impl V1 {
    /// Maps it.
    pub(crate) fn map<G: Guest>(guest: &mut G) -> Self {
        Self(view(guest.table(Part::Shared)))
    }

    fn entry<T>(&self, ref_: grant_ref_t, member: Field<T>) -> Place<'static, T, ReadWrite> {
        entry::<grant_entry_v1, T>(self.0, ref_, member)
    }

    /// Grants `frame` to `domid`, as far as `flags` say so.
    pub(crate) fn set(
        &self,
        ref_: grant_ref_t,
        flags: GrantEntryFlags,
        domid: domid_t,
        frame: xen_pfn_t,
    ) {
        self.entry(ref_, field!(grant_entry_v1, frame)).store(frame.0 as u32, Relaxed);
        self.entry(ref_, HEADER).store(header(flags, domid), SeqCst);
    }

    /// The flags of an entry.
    pub(crate) fn flags(&self, ref_: grant_ref_t) -> GrantEntryFlags {
        GrantEntryFlags(self.entry(ref_, FLAGS).load(SeqCst))
    }

    /// Revokes a grant, in one step, unless it is in use.
    pub(crate) fn revoke(&self, ref_: grant_ref_t) -> &'static str {
        let header = self.entry(ref_, HEADER);
        let mut now = header.load(Relaxed);
        while now & u32::from((GTF_reading | GTF_writing).bits()) == 0 {
            match header.compare_exchange(now, 0, AcqRel, Relaxed) {
                Ok(_) => return "done",
                Err(changed) => now = changed,
            }
        }
        "in use"
    }
}

/// The first frame of the guest's table in version 2, and that of its status words.
pub(crate) struct V2 {
    entries: View<'static, ReadWrite>,
    statuses: View<'static, ReadWrite>,
}

impl V2 {
    /// Maps both.
    pub(crate) fn map<G: Guest>(guest: &mut G) -> Self {
        let entries = view(guest.table(Part::Shared));
        Self { entries, statuses: view(guest.table(Part::Status)) }
    }

    /// Grants a whole page.
    pub(crate) fn page(
        &self,
        ref_: grant_ref_t,
        flags: GrantEntryFlags,
        domid: domid_t,
        frame: xen_pfn_t,
    ) {
        let entry =
            grant_entry_v2_full_page { frame: number(frame), ..grant_entry_v2_full_page::ZERO };
        self.set(ref_, grant_entry_v2::from_full_page(entry), flags, domid);
    }

    /// Grants `length` bytes of a page from `offset` on.
    pub(crate) fn part(
        &self,
        ref_: grant_ref_t,
        flags: GrantEntryFlags,
        domid: domid_t,
        frame: xen_pfn_t,
        (offset, length): (u16, u16),
    ) {
        let zero = grant_entry_v2_sub_page::ZERO;
        let entry =
            grant_entry_v2_sub_page { page_off: offset, length, frame: number(frame), ..zero };
        self.set(ref_, grant_entry_v2::from_sub_page(entry), flags, domid);
    }

    /// Passes on what `from` grants with its reference `gref`.
    pub(crate) fn grant_transitive(
        &self,
        ref_: grant_ref_t,
        flags: GrantEntryFlags,
        domid: domid_t,
        from: domid_t,
        gref: grant_ref_t,
    ) {
        let zero = grant_entry_v2_transitive::ZERO;
        let entry = grant_entry_v2_transitive { trans_domid: from, gref, ..zero };
        self.set(ref_, grant_entry_v2::from_transitive(entry), flags, domid);
    }

    fn set(
        &self,
        ref_: grant_ref_t,
        entry: grant_entry_v2,
        flags: GrantEntryFlags,
        domid: domid_t,
    ) {
        self.entry(ref_, Field::at::<0>()).write(&entry);
        self.entry(ref_, HEADER).store(header(flags, domid), SeqCst);
    }

    fn entry<T>(&self, ref_: grant_ref_t, member: Field<T>) -> Place<'static, T, ReadWrite> {
        entry::<grant_entry_v2, T>(self.entries, ref_, member)
    }

    /// Revokes a grant: no use of it can begin. Says whether one goes on.
    pub(crate) fn revoke(&self, ref_: grant_ref_t) -> &'static str {
        self.entry(ref_, HEADER).store(0, SeqCst);
        let used = self.status(ref_).intersects(GTF_reading | GTF_writing);
        if used { "in use" } else { "done" }
    }

    /// The flags of an entry.
    pub(crate) fn flags(&self, ref_: grant_ref_t) -> GrantEntryFlags {
        GrantEntryFlags(self.entry(ref_, FLAGS).load(SeqCst))
    }

    /// The status word of an entry.
    pub(crate) fn status(&self, ref_: grant_ref_t) -> GrantEntryFlags {
        let place = entry::<grant_status_t, grant_status_t>(self.statuses, ref_, Field::at::<0>());
        GrantEntryFlags(place.load(SeqCst))
    }
}

/// Flags and domain as both versions have them, to be written at once.
fn header(flags: GrantEntryFlags, domid: domid_t) -> u32 {
    const { assert!(size_of::<grant_entry_header>() == 4) };
    u32::from(flags.bits()) | u32::from(domid.0) << 16
}

/// A view of a page that stays where it is.
fn view(base: NonNull<u8>) -> View<'static, ReadWrite> {
    // SAFETY: a frame of the table, which stays mapped while the table has its version, or a target's
    // place. The address space stays when the frame goes, and this program accesses it atomically.
    unsafe { View::new(base) }
}

/// What raw hypercalls have mapped at a target.
pub(crate) fn mapped(target: &impl MapTarget) -> View<'static, ReadWrite> {
    view(target.address())
}

/// One byte of a page.
pub(crate) fn byte<A>(view: View<'_, A>, at: usize) -> Hex {
    Hex(view.read_obj::<u8>(at).unwrap_or_default().into())
}

/// A mapping, or the attempt at one.
#[derive(Clone, Copy)]
pub(crate) struct Mapping {
    pub(crate) outcome: Outcome,
    pub(crate) host_addr: u64,
    pub(crate) dev_bus_addr: u64,
    pub(crate) handle: grant_handle_t,
    /// The address on the bus as Xen wrote it, whether it is to be unmapped or not.
    pub(crate) bus: u64,
}

/// Maps a grant of `dom` at `host_addr`.
pub(crate) fn map_at<G: Guest>(
    guest: &G,
    host_addr: u64,
    flags: GrantMapFlags,
    ref_: grant_ref_t,
    dom: domid_t,
) -> Mapping {
    let mut ops = [MapGrantRef::new(host_addr, flags, ref_, dom)];
    // SAFETY: where it is mapped there is room that the scenario has, or nothing.
    let batch = unsafe { map_grant_ref(guest.xen(), &mut ops) };
    let result = batch.result.and_then(|()| status_of("map", batch.elements[0].status()));
    let (handle, bus) = (batch.elements[0].handle(), batch.elements[0].dev_bus_addr());
    let dev_bus_addr = if flags.contains(GNTMAP_device_map) { bus } else { 0 };
    Mapping { outcome: Outcome::of(&result), host_addr, dev_bus_addr, handle, bus }
}

/// No flag beside the processor's: the mapping is writable.
pub(crate) const FOR_WRITING: GrantMapFlags = GrantMapFlags::empty();

/// Maps a grant of `dom` at `target`, for the processor.
pub(crate) fn map<G: Guest>(
    guest: &G,
    target: &G::MapTarget,
    flags: GrantMapFlags,
    ref_: grant_ref_t,
    dom: domid_t,
) -> Mapping {
    map_at(guest, target.host_addr(), GNTMAP_host_map | flags, ref_, dom)
}

/// Unmaps what was mapped; a mapping that says something else shows what Xen makes of that.
pub(crate) fn unmap<G: Guest>(guest: &G, mapping: Mapping) -> Outcome {
    let Mapping { host_addr, dev_bus_addr, handle, .. } = mapping;
    let mut ops = [UnmapGrantRef::new(host_addr, dev_bus_addr, handle)];
    // SAFETY: nothing uses the mapping but the scenario, which looks at it again with care.
    let batch = unsafe { unmap_grant_ref(guest.xen(), &mut ops) };
    Outcome::of(&batch.result.and_then(|()| status_of("unmap", batch.elements[0].status())))
}

/// One end of a copy: a grant.
pub(crate) fn granted(ref_: grant_ref_t, domid: domid_t, offset: u16) -> gnttab_copy_ptr {
    let u = gnttab_copy_ptr_u::from_ref(ref_);
    gnttab_copy_ptr { u, domid, offset, ..gnttab_copy_ptr::ZERO }
}

/// One end of a copy: a frame.
pub(crate) fn local(frame: xen_pfn_t, domid: domid_t, offset: u16) -> gnttab_copy_ptr {
    let u = gnttab_copy_ptr_u::from_gmfn(frame);
    gnttab_copy_ptr { u, domid, offset, ..gnttab_copy_ptr::ZERO }
}

/// Copies `len` bytes.
pub(crate) fn copy_bytes<G: Guest>(
    guest: &G,
    source: gnttab_copy_ptr,
    dest: gnttab_copy_ptr,
    len: u16,
    flags: GrantCopyFlags,
) -> Outcome {
    let mut ops = [Copy::new(source, dest, len, flags)];
    // SAFETY: the pages are the scenario's, which looks at them through views.
    let batch = unsafe { copy(guest.xen(), &mut ops) };
    Outcome::of(&batch.result.and_then(|()| status_of("copy", batch.elements[0].status())))
}

/// Exchanges two entries.
pub(crate) fn swap<G: Guest>(guest: &G, a: grant_ref_t, b: grant_ref_t) -> Outcome {
    let mut ops = [SwapGrantRef::new(a, b)];
    // SAFETY: the scenario has both entries.
    let batch = unsafe { swap_grant_ref(guest.xen(), &mut ops) };
    Outcome::of(&batch.result.and_then(|()| status_of("swap", batch.elements[0].status())))
}

/// What an operation gave, as a result.
pub(crate) fn status_of(
    operation: &'static str,
    status: xen_abi::GrantStatus,
) -> Result<(), Error> {
    if status.is_okay() { Ok(()) } else { Err(Error::from_status(operation, status)) }
}

/// A page with one byte all over it.
pub(crate) fn filled<G: Guest>(guest: &mut G, byte: u8) -> G::Page {
    let page = guest.page();
    page.view().write(0, &[byte; PAGE_SIZE]).expect("a page is a page long");
    page
}
