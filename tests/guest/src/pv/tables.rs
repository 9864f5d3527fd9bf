//! Page tables: built, pinned, switched to, changed and taken apart.

use core::arch::asm;

use xen_abi::xen::*;
use xen_ops::hypercall::Error;
use xen_ops::hypercall::mmuext_op::{MmuExt, mmuext_op};
use xen_ops::hypercall::pv::{mmu_update as mmu_updates, update_va_mapping_otherdomain};
use xen_ops::page::Page as _;
use xen_scenarios::{Guest as _, Run};

use super::{TablePage, address_of, map};
use crate::guest::LiveGuest;

/// An entry that can be read, and one that can be written; both as if they had been.
pub(super) const PRESENT: u64 = 0x25;
pub(super) const WRITABLE: u64 = 0x67;

/// Entries of a table.
const ENTRIES: usize = 512;
/// A place in the highest table that a kernel of this size has nothing at, and its first address.
const SLOT: usize = 5;
const ADDRESS: usize = SLOT << 39;

const ME: u32 = DOMID_SELF.0 as u32;

/// The machine frame of the page table in use.
fn base() -> xen_pfn_t {
    let cr3: u64;
    // SAFETY: Xen emulates it.
    unsafe { asm!("mov {}, cr3", out(reg) cr3, options(nomem, nostack)) };
    xen_pfn_t(cr3 >> 12)
}

/// The first word at an address that the tables map.
fn word(address: usize) -> u64 {
    // SAFETY: a page is mapped there.
    unsafe { core::ptr::with_exposed_provenance::<u64>(address).read_volatile() }
}

/// The machine address of an entry.
fn entry(table: xen_pfn_t, index: usize) -> u64 {
    table.0 << 12 | (index * size_of::<u64>()) as u64
}

/// Writes entries of tables, which Xen must not find in use otherwise.
fn update(run: &Run<'_, LiveGuest>, reqs: &[mmu_update]) -> (Result<(), Error>, u32) {
    // SAFETY: nothing uses what these entries map but the steps below.
    unsafe { mmu_updates(run.guest.xen(), reqs, ME) }
}

fn extended(run: &mut Run<'_, LiveGuest>, name: &str, ops: &mut [MmuExt]) {
    // SAFETY: the tables map what the kernel uses as the old one does.
    let (result, done) = unsafe { mmuext_op(run.guest.xen(), ops, ME) };
    run.outcome(name, result);
    run.step(format_args!("{name}, done"), done);
}

pub(super) fn tables(run: &mut Run<'_, LiveGuest>) {
    let xen = *run.guest.xen();
    let old = base();
    let Some(source) = address_of(run.guest.kernel(), old) else {
        return run.step("the page table in use", "not found");
    };
    // Two pages with a word each, the tables that lead there, and a copy of the highest table.
    let data = [1, 2].map(|value: u64| {
        let page = run.guest.page();
        page.view().write(0, &value.to_ne_bytes()).unwrap_or_default();
        page
    });
    let mut below = data[0].frame();
    let mut tables = [1, 2, 3].map(|level| {
        let page = run.guest.page();
        page.view().write(0, &(below.0 << 12 | WRITABLE).to_ne_bytes()).unwrap_or_default();
        below = page.frame();
        let table = TablePage::new(xen, page);
        run.outcome(
            ["", "table 1", "table 2", "table 3"][level],
            table.as_ref().map(|_| ()).map_err(|e| *e),
        );
        table.ok()
    });
    let page = run.guest.page();
    for index in 0..ENTRIES {
        let bytes = word(source + index * size_of::<u64>()).to_ne_bytes();
        page.view().write(index * size_of::<u64>(), &bytes).unwrap_or_default();
    }
    let own = page.frame();
    extended(run, "pin, can be written", &mut [MmuExt::pin_l4_table(own)]);
    let Ok(top) = TablePage::new(xen, page) else { return run.step("table 4", "not read-only") };
    extended(run, "pin", &mut [MmuExt::pin_l4_table(own)]);
    extended(run, "pin, twice", &mut [MmuExt::pin_l4_table(own)]);
    extended(run, "new_baseptr", &mut [MmuExt::new_baseptr(own), MmuExt::tlb_flush_local()]);
    run.step("new_baseptr, in use", base() == own);

    let [Some(first), _, Some(third)] = &tables else { return };
    let (level1, level3) = (first.frame(), third.frame());
    let enter = mmu_update { ptr: entry(own, SLOT), val: level3.0 << 12 | WRITABLE };
    let (result, done) = update(run, &[enter]);
    run.outcome("mmu_update, a table", result);
    run.step("mmu_update, a table, done", done);
    run.step("mmu_update, a table, the word", word(ADDRESS));
    let change = mmu_update { ptr: entry(level1, 0), val: data[1].frame().0 << 12 | WRITABLE };
    let no_frame = mmu_update { ptr: entry(level1, 1), val: 0x7fff_ffff << 12 | WRITABLE };
    let direct = entry(level1, 1) | u64::from(MMU_PT_UPDATE_NO_TRANSLATE);
    let direct = mmu_update { ptr: direct, val: 0 };
    let (result, done) = update(run, &[change, no_frame, change]);
    run.outcome("mmu_update, one that fails", result);
    run.step("mmu_update, one that fails, done", done);
    let (result, done) = update(run, &[direct]);
    run.outcome("mmu_update, no translation", result);
    run.step("mmu_update, no translation, done", done);
    extended(run, "invlpg_local", &mut [MmuExt::invlpg_local(ADDRESS)]);
    run.step("mmu_update, a page, the word", word(ADDRESS));
    run.outcome("update_va_mapping", map(&xen, ADDRESS, data[0].frame(), PRESENT));
    run.step("update_va_mapping, the word", word(ADDRESS));
    run.outcome(
        "update_va_mapping, no table",
        map(&xen, (SLOT + 1) << 39, data[0].frame(), PRESENT),
    );
    run.outcome("update_va_mapping, a table", map(&xen, ADDRESS, level1, WRITABLE));
    // SAFETY: nothing relies on what is at the address.
    let other = |domid, frame: xen_pfn_t| unsafe {
        let flush = (UVMF_INVLPG | UVMF_LOCAL) as usize;
        update_va_mapping_otherdomain(&xen, ADDRESS, frame.0 << 12 | PRESENT, flush, domid)
    };
    run.outcome("update_va_mapping_otherdomain", other(DOMID_SELF, data[1].frame()));
    run.step("update_va_mapping_otherdomain, the word", word(ADDRESS));
    run.outcome("update_va_mapping_otherdomain, Xen's", other(DOMID_XEN, data[0].frame()));
    run.step("update_va_mapping_otherdomain, Xen's, the word", word(ADDRESS));

    let (result, _) = update(run, &[mmu_update { ptr: entry(own, SLOT), val: 0 }]);
    run.outcome("mmu_update, none", result);
    extended(run, "new_baseptr, the old one", &mut [MmuExt::new_baseptr(old)]);
    run.step("new_baseptr, the old one, in use", base() == old);
    extended(run, "unpin", &mut [MmuExt::unpin_table(own)]);
    extended(run, "unpin, twice", &mut [MmuExt::unpin_table(own)]);
    run.outcome("table 4, ordinary again", top.into_page());
    let names = ["table 1, ordinary again", "table 2, ordinary again", "table 3, ordinary again"];
    for (name, table) in names.into_iter().zip(&mut tables) {
        if let Some(table) = table.take() {
            run.outcome(name, table.into_page());
        }
    }
}
