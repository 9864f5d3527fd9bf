//! Descriptors, traps, events, registers, and a switch of contexts as one multicall.

use core::arch::asm;
use core::sync::atomic::AtomicU32;

use xen_abi::arch_x86::xen_x86_64::{FLAT_KERNEL_SS, SEGBASE_FS, xen_callback_t};
use xen_abi::callback::*;
use xen_abi::nmi::xennmi_callback;
use xen_abi::xen::*;
use xen_ops::field;
use xen_ops::hypercall::multicall::Multicall;
use xen_ops::hypercall::{callback_op, event_channel_op, nmi_op, pv, vcpu_op, xen_version};
use xen_ops::page::Page as _;
use xen_ops::view::Field;
use xen_scenarios::{Guest as _, Run};

use super::TablePage;
use super::traps::{self, Trap, count};
use crate::guest::LiveGuest;

/// A data segment of ring 3, and its selectors as the entries 5 and 6.
const DATA: u64 = 0x00cf_f200_0000_ffff;
const SELECTOR: u16 = 5 << 3 | 3;
const SECOND: u16 = 6 << 3 | 3;
/// An address that no processor with four levels of tables has.
const NOT_CANONICAL: usize = 1 << 60;

/// Whether a selector has a descriptor that ring 3 may look at.
fn is_there(selector: u16) -> bool {
    let there: u8;
    // SAFETY: looks at a descriptor.
    unsafe {
        asm!("lar {0:e}, {1:e}", "setz {2}", out(reg) _, in(reg) u32::from(selector),
            out(reg_byte) there, options(nostack));
    }
    there != 0
}

pub(super) fn descriptors(run: &mut Run<'_, LiveGuest>) {
    let xen = *run.guest.xen();
    let page = run.guest.page();
    page.view().write(usize::from(SELECTOR & !7), &DATA.to_ne_bytes()).unwrap_or_default();
    let frame = page.frame();
    run.step("set_gdt, before", is_there(SELECTOR));
    // SAFETY: no segment of ours is in it.
    run.outcome("set_gdt, can be written", unsafe { pv::set_gdt(&xen, &[frame.0], 512) });
    let Ok(table) = TablePage::new(xen, page) else { return run.step("set_gdt", "not read-only") };
    // SAFETY: as above.
    run.outcome("set_gdt", unsafe { pv::set_gdt(&xen, &[frame.0], 512) });
    run.step("set_gdt, in use", is_there(SELECTOR));
    // SAFETY: as above: the count is refused before the list is looked at.
    run.outcome("set_gdt, too many", unsafe { pv::set_gdt(&xen, &[frame.0], 7169) });
    let at = frame.0 << 12 | u64::from(SECOND & !7);
    // SAFETY: the segment is not loaded.
    run.outcome("update_descriptor", unsafe { pv::update_descriptor(&xen, at, DATA) });
    run.step("update_descriptor, in use", is_there(SECOND));
    // SAFETY: as above.
    run.outcome("update_descriptor, not aligned", unsafe {
        pv::update_descriptor(&xen, at + 1, DATA)
    });
    // SAFETY: as above.
    run.outcome("set_gdt, none", unsafe { pv::set_gdt(&xen, &[], 0) });
    run.step("set_gdt, none, in use", is_there(SELECTOR));
    run.outcome("set_gdt, ordinary again", table.into_page());
}

/// Counts how often a trap is taken while `cause` runs.
fn taken(run: &mut Run<'_, LiveGuest>, name: &str, trap: Trap, cause: impl FnOnce()) {
    let before = count(trap);
    cause();
    run.step(name, count(trap).wrapping_sub(before));
}

pub(super) fn traps(run: &mut Run<'_, LiveGuest>) {
    let xen = *run.guest.xen();
    // SAFETY: the handlers return, and an empty entry is the last.
    run.outcome("set_trap_table", unsafe { pv::set_trap_table(&xen, &traps::table()) });
    // SAFETY: there is a handler, which skips the second one.
    taken(run, "int3, taken", Trap::Breakpoint, || unsafe { asm!("int3") });
    taken(run, "ud2, taken", Trap::InvalidOpcode, || {
        // SAFETY: as above.
        unsafe { asm!("ud2") }
    });
    run.outcome("fpu_taskswitch", pv::fpu_taskswitch(&xen, 1));
    // SAFETY: there is a handler, and nothing here uses the unit.
    let touch = || unsafe { asm!("fnop") };
    taken(run, "fpu_taskswitch, taken", Trap::NoDevice, touch);
    taken(run, "fpu_taskswitch, taken again", Trap::NoDevice, touch);
    run.outcome("fpu_taskswitch, set", pv::fpu_taskswitch(&xen, 1));
    run.outcome("fpu_taskswitch, cleared", pv::fpu_taskswitch(&xen, 0));
    taken(run, "fpu_taskswitch, cleared, taken", Trap::NoDevice, touch);
}

const MASK: Field<u8> = field!(shared_info, vcpu_info[0].evtchn_upcall_mask);

pub(super) fn events(run: &mut Run<'_, LiveGuest>) {
    let xen = *run.guest.xen();
    let [event, failsafe, syscall] = traps::callbacks();
    // SAFETY: the entries return.
    run.outcome("set_callbacks", unsafe { pv::set_callbacks(&xen, event, failsafe, syscall) });
    // SAFETY: Xen refuses it, or never gets there: events are masked.
    run.outcome("set_callbacks, not canonical", unsafe {
        pv::set_callbacks(&xen, NOT_CANONICAL, failsafe, syscall)
    });
    // SAFETY: as the first time.
    run.outcome("set_callbacks, again", unsafe {
        pv::set_callbacks(&xen, event, failsafe, syscall)
    });
    let Ok(port) = event_channel_op::bind_ipi(&xen, 0) else {
        return run.step("bind_ipi", "no port");
    };
    run.outcome("unmask", event_channel_op::unmask(&xen, port));
    run.outcome("send", event_channel_op::send(&xen, port));
    let unmask = |run: &Run<'_, LiveGuest>| {
        run.guest.shared_info().view().at(MASK).write(&0);
        // Xen looks for events on the way back.
        let _ = xen_version::version(&xen);
    };
    let before = count(Trap::Event);
    unmask(run);
    run.step("send, taken", count(Trap::Event).wrapping_sub(before));
    run.step("send, events are masked", run.guest.shared_info().view().at(MASK).read() != 0);
    let pending = run.guest.take_event(port.0);
    run.step("send, pending", pending);
    run.outcome("close", event_channel_op::close(&xen, port));
}

pub(super) fn callbacks(run: &mut Run<'_, LiveGuest>) {
    let xen = *run.guest.xen();
    let [event, ..] = traps::callbacks();
    let mut register = |name, type_, address: usize| {
        // SAFETY: the entries return.
        let result = unsafe {
            callback_op::register(&xen, type_, CallbackFlags(0), address as xen_callback_t)
        };
        run.outcome(name, result);
    };
    register("callback_op, register, events", CALLBACKTYPE_event as u16, event);
    register("callback_op, register, no such type", 77, event);
    register("callback_op, register, NMI", CALLBACKTYPE_nmi as u16, traps::nmi());
    let nmi = |run: &mut Run<'_, LiveGuest>, name| {
        taken(run, name, Trap::Nmi, || {
            let _ = vcpu_op::send_nmi(&xen, 0);
        });
    };
    nmi(run, "callback_op, NMI, taken");
    for (name, type_) in [("events", CALLBACKTYPE_event), ("NMI", CALLBACKTYPE_nmi)] {
        let result = callback_op::unregister(&xen, type_ as u16);
        run.outcome(format_args!("callback_op, unregister, {name}"), result);
    }
    nmi(run, "callback_op, unregister, NMI, taken");
    let callback = xennmi_callback { handler_address: traps::nmi() as _, ..xennmi_callback::ZERO };
    // SAFETY: as above.
    run.outcome("nmi_op, register", unsafe { nmi_op::register_callback(&xen, &callback) });
    nmi(run, "nmi_op, taken");
    run.outcome("nmi_op, unregister", nmi_op::unregister_callback(&xen));
    nmi(run, "nmi_op, unregister, taken");
}

pub(super) fn registers(run: &mut Run<'_, LiveGuest>) {
    let xen = *run.guest.xen();
    let page = run.guest.page();
    page.view().write(0, &0x1234_u64.to_ne_bytes()).unwrap_or_default();
    let at = page.address().as_ptr().expose_provenance();
    // SAFETY: nothing here uses the segment.
    run.outcome("set_segment_base", unsafe { pv::set_segment_base(&xen, SEGBASE_FS, at) });
    let found: u64;
    // SAFETY: the segment begins at the page.
    unsafe { asm!("mov {}, fs:[0]", out(reg) found, options(nostack, readonly)) };
    run.step("set_segment_base, the word", found);
    // SAFETY: Xen refuses both.
    unsafe {
        run.outcome("set_segment_base, no such segment", pv::set_segment_base(&xen, 9, at));
        let result = pv::set_segment_base(&xen, SEGBASE_FS, NOT_CANONICAL);
        run.outcome("set_segment_base, not canonical", result);
    }

    static WATCHED: AtomicU32 = AtomicU32::new(0);
    let watched = (&raw const WATCHED).addr();
    // SAFETY: there is a handler for what follows; Xen refuses the others.
    unsafe {
        run.outcome("set_debugreg", pv::set_debugreg(&xen, 0, watched));
        run.step("get_debugreg, what was set", pv::get_debugreg(&xen, 0) == watched);
        run.outcome("set_debugreg, no such register", pv::set_debugreg(&xen, 9, 0));
        let xens = 0xffff_8300_0000_0000_u64 as usize;
        run.outcome("set_debugreg, Xen's", pv::set_debugreg(&xen, 0, xens));
    }
    run.step("get_debugreg, no such register", pv::get_debugreg(&xen, 9) as isize);
    // Four bytes that are written, by the first register.
    const ON_WRITE: usize = 1 | 1 << 16 | 3 << 18;
    // SAFETY: there is a handler.
    run.outcome("set_debugreg, a watchpoint", unsafe { pv::set_debugreg(&xen, 7, ON_WRITE) });
    taken(run, "set_debugreg, a watchpoint, taken", Trap::Debug, || {
        WATCHED.store(1, core::sync::atomic::Ordering::Relaxed);
    });
    // SAFETY: nothing is watched after that.
    run.outcome("set_debugreg, none", unsafe { pv::set_debugreg(&xen, 7, 0) });
}

/// Stacks that this kernel never leaves user mode on.
static STACK: [AtomicU32; 256] = [const { AtomicU32::new(0) }; 256];

pub(super) fn switch(run: &mut Run<'_, LiveGuest>) {
    let xen = *run.guest.xen();
    let top = STACK.as_ptr_range().end.addr();
    // SAFETY: a stack of its own, and a segment that nothing uses.
    let (stack, fpu, segment, refused) = Multicall::new(&xen)
        .call(|xen| unsafe { pv::stack_switch(xen, FLAT_KERNEL_SS as usize, top) })
        .call(|xen| pv::fpu_taskswitch(xen, 0))
        .call(|xen| unsafe { pv::set_segment_base(xen, SEGBASE_FS, 0) })
        .call(|xen| unsafe { pv::set_debugreg(xen, 9, 0) })
        .run();
    for (name, result) in [
        ("multicall, stack_switch", stack),
        ("multicall, fpu_taskswitch", fpu),
        ("multicall, set_segment_base", segment),
        ("multicall, set_debugreg, no such register", refused),
    ] {
        match result {
            Ok(result) => run.outcome(name, result),
            Err(_) => run.step(name, "not run"),
        }
    }
    // SAFETY: the same once more.
    run.outcome("stack_switch", unsafe { pv::stack_switch(&xen, FLAT_KERNEL_SS as usize, top) });
}
