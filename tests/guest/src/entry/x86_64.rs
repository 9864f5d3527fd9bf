//! x86-64: one ELF that Xen starts as a PV or as a PVH guest.

#![allow(unsafe_code, reason = "the first instructions, and what Xen left in memory for us")]

use core::arch::global_asm;
use core::ffi::{CStr, c_char};
use core::ptr::{self, NonNull};

use xen_abi::arch_x86::hvm::start_info::hvm_start_info;
use xen_abi::elfnote::*;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::features::{XENFEAT_dom0, XENFEAT_writable_page_tables};
use xen_abi::xen::{SIF_INITDOMAIN, start_info, xen_pfn_t};
use xen_ops::backend::x86::{HypercallPage, Hypervisor};
use xen_ops::page::MapTarget;
use xen_scenarios::Kind;

use super::{STACK, STACK_SIZE, Start, run};
use crate::memory::{OwnPage, RawPage, Room, Space};
use crate::ring;

/// How this guest makes hypercalls.
pub(crate) type Xen = HypercallPage;

/// The page that Xen fills with stubs: at once in a PV guest, when asked in a PVH guest.
static HYPERCALL_PAGE: RawPage = RawPage::ZERO;

global_asm!(
    include_str!("x86_64.s"),
    XEN_ELFNOTE_ENTRY = const XEN_ELFNOTE_ENTRY,
    XEN_ELFNOTE_HYPERCALL_PAGE = const XEN_ELFNOTE_HYPERCALL_PAGE,
    XEN_ELFNOTE_VIRT_BASE = const XEN_ELFNOTE_VIRT_BASE,
    XEN_ELFNOTE_PADDR_OFFSET = const XEN_ELFNOTE_PADDR_OFFSET,
    XEN_ELFNOTE_XEN_VERSION = const XEN_ELFNOTE_XEN_VERSION,
    XEN_ELFNOTE_GUEST_OS = const XEN_ELFNOTE_GUEST_OS,
    XEN_ELFNOTE_GUEST_VERSION = const XEN_ELFNOTE_GUEST_VERSION,
    XEN_ELFNOTE_LOADER = const XEN_ELFNOTE_LOADER,
    XEN_ELFNOTE_PAE_MODE = const XEN_ELFNOTE_PAE_MODE,
    XEN_ELFNOTE_SUPPORTED_FEATURES = const XEN_ELFNOTE_SUPPORTED_FEATURES,
    XEN_ELFNOTE_PHYS32_ENTRY = const XEN_ELFNOTE_PHYS32_ENTRY,
    features = const 1 << XENFEAT_writable_page_tables | 1 << XENFEAT_dom0,
    hypercall_page = sym HYPERCALL_PAGE,
    stack = sym STACK,
    stack_size = const STACK_SIZE,
    start_pv = sym start_pv,
    start_pvh = sym start_pvh,
);

/// The way to the hypervisor, once [`start_pv`] or [`start_pvh`] has run.
pub(crate) fn xen() -> Xen {
    // SAFETY: Xen has filled the page; this is the kernel, built without a red zone.
    unsafe { HypercallPage::new(HYPERCALL_PAGE.address()) }
}

/// Makes a hypercall from 32-bit code, in a PVH guest.
pub(crate) fn compat_call(kind: Kind, number: u32, arguments: [u32; 5]) -> Option<i32> {
    unsafe extern "C" {
        #[link_name = "compat_call"]
        fn enter(number: u32, arguments: &[u32; 5]) -> i32;
    }
    // SAFETY: this is ring 0 with the descriptors and the hypercall page that the code uses, and
    // everything is mapped where it is, below 4 GiB.
    (kind == Kind::Pvh).then(|| unsafe { enter(number, &arguments) })
}

/// # Safety
///
/// Called once, by the entry code of a PV guest, with the address that it was given.
unsafe extern "C" fn start_pv(info: *const start_info) -> ! {
    // SAFETY: Xen put a start_info there, and its lists of frames and its text stay where they are.
    let (info, arguments, frames) = unsafe {
        let info = &*info;
        let list = ptr::with_exposed_provenance::<xen_pfn_t>(info.mfn_list as usize);
        let frames = core::slice::from_raw_parts(list, info.nr_pages as usize);
        (info, text(info.cmd_line.as_ptr().cast()), frames)
    };
    let space = Space::Pv { frames, shared_info: info.shared_info };
    if info.flags & SIF_INITDOMAIN == 0 {
        let console = info.console.domU();
        let room = Room::new(&OwnPage::take(space), space);
        room.point_to(console.mfn.0);
        // SAFETY: that frame is the ring's, and nothing else has the room.
        unsafe { ring::open(room.address(), evtchn_port_t(console.evtchn)) };
    }
    run(Start { kind: Kind::Pv, arguments, space })
}

/// # Safety
///
/// Called once, by the entry code of a PVH guest, with the address that it was given.
unsafe extern "C" fn start_pvh(info: *const hvm_start_info) -> ! {
    // SAFETY: Xen put an hvm_start_info there, and its command line is text or absent.
    let arguments = unsafe { text(ptr::with_exposed_provenance((*info).cmdline_paddr as usize)) };
    if let Ok(hypervisor) = Hypervisor::detect() {
        let page = HYPERCALL_PAGE.address();
        // SAFETY: ring 0, the hypervisor that CPUID shows, and a page of ours at its own address.
        let _ = unsafe { HypercallPage::enable(&hypervisor, page, page.as_ptr() as u64) };
    }
    run(Start { kind: Kind::Pvh, arguments, space: Space::Translated { offset: 0 } })
}

/// # Safety
///
/// A text that stays where it is, terminated by zero, or null.
unsafe fn text(at: *const c_char) -> &'static str {
    let Some(at) = NonNull::new(at.cast_mut()) else { return "" };
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(at.as_ptr()) }.to_str().unwrap_or_default()
}
