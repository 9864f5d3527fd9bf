//! x86-64: an ELF that Xen starts as a PV guest, as a PVH guest, or as either.

use core::ptr::NonNull;

use xen_ops::backend::x86::{HypercallPage, Hypervisor};
use xen_ops::page::MapTarget as _;

use super::fail;
use crate::backend::{self, HYPERCALL_PAGE};
use crate::memory::{AddressSpace, PagePool, UnmappedPage};
use crate::start_info::{HvmStartInfo, IdentityMapped, PvStartInfo};
use crate::{Guest, GuestKind, StartInfo, console};

/// Makes a function the one that Xen starts.
///
/// It takes a function of type `fn(Guest) -> !`. Before it, the names of the kinds of guest can say which
/// ones the kernel can be: `pv`, `pvh`, or both, which is what it is without them.
///
/// ```no_run
/// # #![no_main]
/// use xen_guest::shutdown::{Reason, shutdown};
/// use xen_guest::{Guest, println};
///
/// xen_guest::entry!(main);
///
/// fn main(guest: Guest) -> ! {
///     println!("hello from a {} guest", guest.kind());
///     shutdown(Reason::Poweroff)
/// }
/// ```
///
/// It puts into the kernel: the ELF notes of those kinds, with cargo's name and version of the
/// package; the first instructions, which switch to 64-bit mode where Xen does not; a stack of 64 KiB;
/// and, for PVH, page tables that map the first 4 GiB where they are. The linker script
/// `xen-x86_64.ld` of this crate lays it out, for code that is not relocated:
///
/// ```toml
/// [target.x86_64-unknown-none]
/// rustflags = ["-Crelocation-model=static", "-Clink-arg=-Txen-x86_64.ld"]
/// ```
///
/// On Arm it takes the function, and `exception = HANDLER` after it: a `fn(Exception) -> !`
/// that gets every exception instead of a message and the domain's end. On x86 such a handler is not
/// called, since Xen reports the exceptions of a kernel without descriptors of its own.
#[macro_export]
macro_rules! entry {
    ($main:path) => { $crate::entry!(pv, pvh => $main); };
    ($main:path, exception = $handler:path) => { $crate::entry!(pv, pvh => $main); };
    ($($kind:ident),+ => $main:path) => {
        #[doc(hidden)]
        #[allow(unsafe_code, unused_imports, missing_docs, reason = "the entry code of xen-guest")]
        mod __xen_guest_entry {
            use super::*;

            const MAIN: fn($crate::Guest) -> ! = $main;
            static STACK: $crate::entry::Stack = $crate::entry::Stack::new();

            $crate::note!(XEN_ELFNOTE_GUEST_OS = text env!("CARGO_PKG_NAME"));
            $crate::note!(XEN_ELFNOTE_GUEST_VERSION = text env!("CARGO_PKG_VERSION"));
            $crate::note!(XEN_ELFNOTE_XEN_VERSION = text "xen-3.0");
            $crate::note!(XEN_ELFNOTE_LOADER = text "generic");
            // writable_page_tables and dom0.
            $crate::note!(XEN_ELFNOTE_SUPPORTED_FEATURES = number
                1 << $crate::xen_abi::features::XENFEAT_writable_page_tables
                | 1 << $crate::xen_abi::features::XENFEAT_dom0);
            $( $crate::__entry!($kind); )+
        }
    };
}

/// The entry of one kind of guest.
#[doc(hidden)]
#[macro_export]
macro_rules! __entry {
    (pv) => {
        unsafe extern "C" {
            fn xen_guest_pv_entry();
        }
        $crate::note!(XEN_ELFNOTE_PAE_MODE = text "yes");
        $crate::note!(XEN_ELFNOTE_VIRT_BASE = number 0);
        $crate::note!(XEN_ELFNOTE_PADDR_OFFSET = number 0);
        $crate::note!(XEN_ELFNOTE_ENTRY = address xen_guest_pv_entry as *const ());
        $crate::note!(XEN_ELFNOTE_HYPERCALL_PAGE =
            address (&raw const $crate::backend::HYPERCALL_PAGE).cast());

        /// # Safety
        ///
        /// Called once, by the entry code, with the address that Xen gave it.
        unsafe extern "C" fn __start_pv(info: u64) -> ! {
            // SAFETY: the caller's promise.
            unsafe { $crate::entry::start_pv(info, MAIN) }
        }

        // 64-bit mode, the image mapped, rsi at start_info.
        ::core::arch::global_asm!(
            r#"
            .section .text.xen_guest, "ax", @progbits
            .code64
            .globl xen_guest_pv_entry
            xen_guest_pv_entry:
                cld
                lea     rsp, [rip + {stack} + {stack_size}]
                xor     ebp, ebp
                mov     rdi, rsi
                call    {start}
                ud2

                /* A further vCPU: rdi at its stack, with what it is to do. */
            .globl xen_guest_pv_secondary
            xen_guest_pv_secondary:
                cld
                xor     ebp, ebp
                call    {secondary}
                ud2
            .text
            "#,
            stack = sym STACK,
            stack_size = const $crate::entry::STACK_SIZE,
            start = sym __start_pv,
            secondary = sym $crate::entry::secondary,
        );
    };
    (pvh) => {
        unsafe extern "C" {
            fn xen_guest_pvh_entry();
        }
        $crate::note!(XEN_ELFNOTE_PHYS32_ENTRY = address xen_guest_pvh_entry as *const ());

        /// # Safety
        ///
        /// Called once, by the entry code, with the address that Xen gave it.
        unsafe extern "C" fn __start_pvh(info: u64) -> ! {
            // SAFETY: the caller's promise.
            unsafe { $crate::entry::start_pvh(info, MAIN) }
        }

        // 32-bit mode with flat segments and no paging, ebx at hvm_start_info. The page tables map the
        // first 4 GiB where they are, in pages of 2 MiB.
        ::core::arch::global_asm!(
            r#"
            .section .text.xen_guest, "ax", @progbits
            .code32
            .globl xen_guest_pvh_entry
            xen_guest_pvh_entry:
                cld
                mov     esp, offset {stack} + {stack_size}
                mov     eax, cr4
                or      eax, 1 << 5                 /* PAE */
                or      eax, 3 << 9                 /* SSE and its exceptions */
                mov     cr4, eax
                mov     eax, offset xen_guest_level4
                mov     cr3, eax
                mov     ecx, 0xc0000080             /* EFER */
                rdmsr
                or      eax, 1 << 8                 /* long mode */
                wrmsr
                mov     eax, cr0
                or      eax, 1 << 31                /* paging */
                mov     cr0, eax
                lgdt    [xen_guest_gdt_pointer]
                mov     eax, 0x10
                mov     ds, eax
                mov     es, eax
                mov     ss, eax
                push    0x08
                mov     eax, offset xen_guest_long_mode
                push    eax
                retf
            .code64
            xen_guest_long_mode:
                mov     edi, ebx
                xor     ebp, ebp
                call    {start}
                ud2

                /* A further vCPU, in 64-bit mode: rdi at its stack, with what it is to do. */
            .globl xen_guest_pvh_secondary
            xen_guest_pvh_secondary:
                lgdt    [rip + xen_guest_gdt_pointer]
                mov     eax, 0x10
                mov     ds, eax
                mov     es, eax
                mov     ss, eax
                push    0x08
                lea     rax, [rip + 2f]
                push    rax
                retfq
            2:  xor     ebp, ebp
                call    {secondary}
                ud2

            .data
            .balign 8
            xen_guest_gdt:
                .quad   0
                .quad   0x00af9a000000ffff          /* 0x08: 64-bit code */
                .quad   0x00cf92000000ffff          /* 0x10: data */
                .quad   0x00cf9a000000ffff          /* 0x18: 32-bit code */
            .globl xen_guest_gdt_pointer
            xen_guest_gdt_pointer:
                .word   xen_guest_gdt_pointer - xen_guest_gdt - 1
                .quad   xen_guest_gdt

            .balign 4096
            xen_guest_level4:
                .quad   xen_guest_level3 + 7
                .fill   511, 8, 0
            xen_guest_level3:
                .quad   xen_guest_level2 + 0x0007, xen_guest_level2 + 0x1007
                .quad   xen_guest_level2 + 0x2007, xen_guest_level2 + 0x3007
                .fill   508, 8, 0
            xen_guest_level2:
            .set xen_guest_page, 0
            .rept 4 * 512
                .quad   (xen_guest_page << 21) | 0x87
                .set    xen_guest_page, xen_guest_page + 1
            .endr
            .text
            "#,
            stack = sym STACK,
            stack_size = const $crate::entry::STACK_SIZE,
            start = sym __start_pvh,
            secondary = sym $crate::entry::secondary,
        );
    };
}

/// The console ring's place in the address space.
static CONSOLE: PagePool<1> = PagePool::new();

/// # Safety
///
/// Called once, by the entry code of a PV guest, with the address that Xen gave it.
pub unsafe fn start_pv(info: u64, main: fn(Guest) -> !) -> ! {
    // SAFETY: Xen has filled the page that the note names; this is the kernel, built without a red
    // zone.
    let xen = unsafe { backend::adopt(HYPERCALL_PAGE.address()) };
    // SAFETY: Xen maps the start information and the list of frames, which do not change.
    let memory = unsafe { IdentityMapped::new(1 << 40) };
    let info = PvStartInfo::read(memory, info).unwrap_or_else(|error| fail(&error));
    crate::memory::remember_frames(info.frames());
    let guest = Guest {
        xen,
        kind: GuestKind::Pv,
        space: AddressSpace::Pv { frames: info.frames() },
        command_line: info.command_line(),
        start_info: StartInfo::Pv(info),
        domid: None,
    };
    if let Some(ring) = info.console_ring() {
        let place = CONSOLE.take(&guest).and_then(|page| UnmappedPage::new(&guest, page));
        let mapped = place.and_then(|place| place.map_frame(ring.frame.0).map(|()| place));
        let place = mapped.unwrap_or_else(|error| fail(&error));
        // SAFETY: that frame is the ring's, and nothing else has the page of address space.
        unsafe { console::attach(place.address(), ring.port) };
    }
    main(guest)
}

/// # Safety
///
/// Called once, by the entry code of a PVH guest, with the address that it was given.
pub unsafe fn start_pvh(info: u64, main: fn(Guest) -> !) -> ! {
    let hypervisor = Hypervisor::detect().unwrap_or_else(|error| fail(&error));
    let page: NonNull<u8> = HYPERCALL_PAGE.address();
    // SAFETY: ring 0, the hypervisor that CPUID shows, and a page of the image at its own address,
    // which Xen fills now.
    let xen = unsafe {
        let _ = HypercallPage::enable(&hypervisor, page, page.as_ptr() as u64);
        backend::adopt(page)
    };
    // SAFETY: the entry code has mapped 4 GiB; the start information does not change.
    let memory = unsafe { IdentityMapped::new(1 << 32) };
    // SAFETY: as above.
    unsafe { console::attach_by_parameters(&xen) };
    let info = HvmStartInfo::read(memory, info).unwrap_or_else(|error| fail(&error));
    main(Guest {
        xen,
        kind: GuestKind::Pvh,
        space: AddressSpace::Translated { offset: 0 },
        command_line: info.command_line(),
        start_info: StartInfo::Pvh(info),
        domid: hypervisor.domid,
    })
}
