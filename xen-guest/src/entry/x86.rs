//! 32-bit x86: an ELF that Xen starts as a PVH guest.

use core::ptr::NonNull;

use xen_ops::backend::x86::{HypercallPage, Hypervisor};

use super::fail;
use crate::backend::{self, HYPERCALL_PAGE};
use crate::memory::AddressSpace;
use crate::start_info::{HvmStartInfo, IdentityMapped};
use crate::{Guest, GuestKind, StartInfo, console};

/// Makes a function the one that Xen starts.
///
/// It takes a function of type `fn(Guest) -> !`, and before it, if wanted, `pvh`: a 32-bit kernel is a PVH
/// guest. `pv, pvh` is the same, for kernels that are also built for 64 bits. An `exception = HANDLER`
/// after the function, which on Arm gets every exception, is not called.
///
/// It puts into the kernel: the ELF notes, with cargo's name and version of the package; the first
/// instructions, which enable SSE; a stack of 64 KiB; and the functions of a C library that `core` calls,
/// unless the kernel has its own: Rust has no target for 32-bit x86 that brings them. Paging stays off:
/// addresses are guest physical ones. The linker script `xen-x86_32.ld` of this crate lays it out, for code
/// that is not relocated:
///
/// ```toml
/// [target.i686-unknown-linux-musl]
/// linker = "rust-lld"
/// rustflags = [
///     "-Crelocation-model=static",
///     "-Clink-self-contained=no",
///     "-Clink-arg=-Txen-x86_32.ld",
/// ]
/// ```
///
/// Upstream: `docs/misc/pvh.pandoc`.
#[macro_export]
macro_rules! entry {
    ($main:path) => { $crate::entry!(pvh => $main); };
    ($main:path, exception = $handler:path) => { $crate::entry!(pvh => $main); };
    (pv, pvh => $main:path) => { $crate::entry!(pvh => $main); };
    (pvh, pv => $main:path) => { $crate::entry!(pvh => $main); };
    (pv => $main:path) => {
        ::core::compile_error!("a 32-bit kernel is a PVH guest: write `entry!(pvh => main)`");
    };
    (pvh => $main:path) => {
        #[doc(hidden)]
        #[allow(unsafe_code, unused_imports, missing_docs, reason = "the entry code of xen-guest")]
        mod __xen_guest_entry {
            use super::*;

            const MAIN: fn($crate::Guest) -> ! = $main;
            static STACK: $crate::entry::Stack = $crate::entry::Stack::new();

            unsafe extern "C" {
                fn xen_guest_pvh_entry();
            }
            $crate::note!(XEN_ELFNOTE_GUEST_OS = text env!("CARGO_PKG_NAME"));
            $crate::note!(XEN_ELFNOTE_GUEST_VERSION = text env!("CARGO_PKG_VERSION"));
            $crate::note!(XEN_ELFNOTE_XEN_VERSION = text "xen-3.0");
            $crate::note!(XEN_ELFNOTE_LOADER = text "generic");
            $crate::note!(XEN_ELFNOTE_SUPPORTED_FEATURES = number
                1 << $crate::xen_abi::features::XENFEAT_dom0);
            $crate::note!(XEN_ELFNOTE_PHYS32_ENTRY = address xen_guest_pvh_entry as *const ());

            /// # Safety
            ///
            /// Called once, by the entry code, with the address that Xen gave it.
            unsafe extern "C" fn __start_pvh(info: u32) -> ! {
                // SAFETY: the caller's promise.
                unsafe { $crate::entry::start_pvh(info, MAIN) }
            }

            // Flat segments and no paging, ebx at hvm_start_info. A call finds the stack at a multiple of 16
            // before it pushes its return address.
            ::core::arch::global_asm!(
                r#"
                .section .text.xen_guest, "ax", @progbits
                .code32
                .globl xen_guest_pvh_entry
                xen_guest_pvh_entry:
                    cld
                    mov     esp, offset {stack} + {stack_size} - 16
                    mov     eax, cr0
                    and     eax, ~(1 << 2)              /* there is a floating-point unit */
                    or      eax, 1 << 1
                    mov     cr0, eax
                    mov     eax, cr4
                    or      eax, 3 << 9                 /* SSE and its exceptions */
                    mov     cr4, eax
                    lgdt    [xen_guest_gdt_pointer]
                    mov     eax, 0x10
                    mov     ds, eax
                    mov     es, eax
                    mov     ss, eax
                    push    0x08
                    mov     eax, offset xen_guest_flat
                    push    eax
                    retf
                xen_guest_flat:
                    xor     ebp, ebp
                    mov     [esp], ebx
                    call    {start}
                    ud2

                    /* A further vCPU: edi at its stack, with what it is to do. */
                .globl xen_guest_pvh_secondary
                xen_guest_pvh_secondary:
                    lgdt    [xen_guest_gdt_pointer]
                    mov     eax, 0x10
                    mov     ds, eax
                    mov     es, eax
                    mov     ss, eax
                    push    0x08
                    mov     eax, offset xen_guest_secondary_flat
                    push    eax
                    retf
                xen_guest_secondary_flat:
                    xor     ebp, ebp
                    sub     esp, 16
                    mov     [esp], edi
                    call    {secondary}
                    ud2

                .data
                .balign 8
                xen_guest_gdt:
                    .quad   0
                    .quad   0x00cf9a000000ffff          /* 0x08: code */
                    .quad   0x00cf92000000ffff          /* 0x10: data */
                .globl xen_guest_gdt_pointer
                xen_guest_gdt_pointer:
                    .word   xen_guest_gdt_pointer - xen_guest_gdt - 1
                    .long   xen_guest_gdt
                .text
                "#,
                stack = sym STACK,
                stack_size = const $crate::entry::STACK_SIZE,
                start = sym __start_pvh,
                secondary = sym $crate::entry::secondary,
            );
            $crate::__memory_functions!();
        }
    };
}

/// The functions that `core` expects of a C library, with its calling convention: arguments on the stack, and
/// all but eax, ecx and edx preserved.
#[doc(hidden)]
#[macro_export]
macro_rules! __memory_functions {
    () => {
        ::core::arch::global_asm!(
            r#"
            .text
            .weak   memcpy, memmove, memset, memcmp, bcmp, strlen
            memmove:
                mov     eax, [esp + 4]
                sub     eax, [esp + 8]
                cmp     eax, [esp + 12]
                jae     memcpy                      /* upwards nothing is overwritten before it is read */
                push    esi
                push    edi
                mov     ecx, [esp + 20]
                mov     esi, [esp + 16]
                mov     edi, [esp + 12]
                mov     eax, edi
                lea     esi, [esi + ecx - 1]
                lea     edi, [edi + ecx - 1]
                std
                rep movsb
                cld
                pop     edi
                pop     esi
                ret
            memcpy:
                push    esi
                push    edi
                mov     edx, [esp + 20]
                mov     esi, [esp + 16]
                mov     edi, [esp + 12]
                mov     eax, edi
                mov     ecx, edx
                shr     ecx, 2
                rep movsd
                mov     ecx, edx
                and     ecx, 3
                rep movsb
                pop     edi
                pop     esi
                ret
            memset:
                push    edi
                mov     edi, [esp + 8]
                mov     eax, [esp + 12]
                mov     ecx, [esp + 16]
                rep stosb
                mov     eax, [esp + 8]
                pop     edi
                ret
            memcmp:
            bcmp:
                push    esi
                push    edi
                mov     esi, [esp + 12]
                mov     edi, [esp + 16]
                mov     ecx, [esp + 20]
                xor     eax, eax                    /* equal, if there is nothing to compare */
                repe cmpsb
                je      1f
                movzx   eax, byte ptr [esi - 1]
                movzx   ecx, byte ptr [edi - 1]
                sub     eax, ecx
            1:  pop     edi
                pop     esi
                ret
            strlen:
                push    edi
                mov     edi, [esp + 8]
                xor     eax, eax
                mov     ecx, -1
                repne scasb
                not     ecx
                lea     eax, [ecx - 1]
                pop     edi
                ret
            "#
        );
    };
}

/// # Safety
///
/// Called once, by the entry code of a PVH guest, with the address that it was given.
pub unsafe fn start_pvh(info: u32, main: fn(Guest) -> !) -> ! {
    let hypervisor = Hypervisor::detect().unwrap_or_else(|error| fail(&error));
    let page: NonNull<u8> = HYPERCALL_PAGE.address();
    // SAFETY: ring 0, the hypervisor that CPUID shows, and a page of the image at its own address,
    // which Xen fills now.
    let xen = unsafe {
        let _ = HypercallPage::enable(&hypervisor, page, page.as_ptr() as u64);
        backend::adopt(page)
    };
    // SAFETY: there is no paging; the start information does not change.
    let memory = unsafe { IdentityMapped::new(1 << 32) };
    // SAFETY: as above.
    unsafe { console::attach_by_parameters(&xen) };
    let info = HvmStartInfo::read(memory, info.into()).unwrap_or_else(|error| fail(&error));
    main(Guest {
        xen,
        kind: GuestKind::Pvh,
        space: AddressSpace::Translated { offset: 0 },
        command_line: info.command_line(),
        start_info: StartInfo::Pvh(info),
        domid: hypervisor.domid,
    })
}
