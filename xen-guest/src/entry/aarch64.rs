//! aarch64: an Image that Xen puts anywhere, mapped where it was linked for.

/// A block of normal memory: accessed, inner shareable, attribute 0.
pub const BLOCK: u64 = 0x701;

/// TCR_EL1: addresses of 39 bits through TTBR0 alone, walks cached and inner shareable, physical
/// addresses of 40 bits.
pub const TRANSLATION: u64 = 2 << 32 | 1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | 25;

/// Makes a function the one that Xen starts.
///
/// It takes a function of type `fn(Guest) -> !`, and after it, if wanted, `exception = HANDLER`: a
/// `fn(Exception) -> !` that gets every exception instead of a message and the domain's end.
///
/// It puts into the kernel: the header of an Image; the first instructions; a stack of 64 KiB; and page
/// tables that map the first 511 GiB of memory where it is, and the image where it is linked for. The
/// linker script `xen-aarch64.ld` of this crate lays it out, for code that is not relocated, in a file
/// without an ELF header, which is what Xen's loader takes.
#[macro_export]
macro_rules! entry {
    ($main:path) => { $crate::entry!($main, exception = $crate::entry::exception); };
    ($main:path, exception = $handler:path) => {
        #[doc(hidden)]
        #[allow(unsafe_code, unused_imports, missing_docs, reason = "the entry code of xen-guest")]
        mod __xen_guest_entry {
            use super::*;

            const MAIN: fn($crate::Guest) -> ! = $main;
            const EXCEPTION: fn($crate::Exception) -> ! = $handler;
            /// Where the linker script begins.
            const LINKED_AT: usize = 511 << 30;
            static STACK: $crate::entry::Stack = $crate::entry::Stack::new();
            static TABLES: $crate::entry::Tables = $crate::entry::Tables::new();

            /// # Safety
            ///
            /// Called once, by the entry code, with the physical addresses of the device tree and of
            /// the image.
            unsafe extern "C" fn __start(tree: *const u8, image: usize) -> ! {
                // SAFETY: the caller's promise.
                unsafe { $crate::entry::start_image(tree, image, LINKED_AT, MAIN) }
            }

            extern "C" fn __exception(syndrome: usize, instruction: usize, address: usize) -> ! {
                EXCEPTION($crate::Exception::new(syndrome, instruction, address))
            }

            ::core::arch::global_asm!(
            r#"
            /* How Xen starts an aarch64 guest: an Image, whose header is Linux's, at a multiple of 2 MiB. */

            .section .head.xen_guest, "ax"
            .globl xen_guest_image
            xen_guest_image:
                b       xen_guest_start
                .long   0
                .quad   0                           /* bytes from that multiple to the image */
                .quad   xen_guest_image_end - xen_guest_image
                .quad   0xa                         /* little-endian, pages of 4 KiB, anywhere in memory */
                .quad   0, 0, 0
                .ascii  "ARM\x64"
                .long   0

            /* EL1 with the MMU off, x0 at the device tree. Until the jump, addresses are relative ones. */
            xen_guest_start:
                adrp    x19, xen_guest_image

                /* The first 511 GiB where they are, in blocks of 1 GiB; the last one is the image's. */
                adrp    x1, {tables}
                add     x1, x1, :lo12:{tables}
                mov     x2, #{block}
                mov     x3, #0
            1:  add     x4, x2, x3, lsl #30
                str     x4, [x1, x3, lsl #3]
                add     x3, x3, #1
                cmp     x3, #511
                b.lo    1b
                adrp    x5, {tables}
                add     x5, x5, :lo12:{tables}
                add     x5, x5, #4096
                orr     x4, x5, #3
                str     x4, [x1, #511 * 8]
                /* Where the image was linked for: 16 MiB from where it lies, in blocks of 2 MiB. */
                orr     x4, x19, x2
                mov     x3, #0
            2:  str     x4, [x5, x3, lsl #3]
                add     x4, x4, #(2 << 20)
                add     x3, x3, #1
                cmp     x3, #8
                b.lo    2b

                ldr     x21, =xen_guest_mapped

                /* x1 at the tables. Goes on at x21, at the addresses that the image was linked for. */
            xen_guest_map:
                mov     x2, #0xff                   /* attribute 0: normal memory, write-back */
                msr     mair_el1, x2
                ldr     x2, ={translation}
                msr     tcr_el1, x2
                msr     ttbr0_el1, x1
                dsb     sy
                tlbi    vmalle1
                ic      iallu
                dsb     sy
                isb
                mrs     x2, sctlr_el1
                mov     x3, #0x1005                 /* MMU, data and instruction caches */
                orr     x2, x2, x3
                msr     sctlr_el1, x2
                isb
                br      x21

            xen_guest_mapped:
                ldr     x2, ={stack} + {stack_size}
                mov     sp, x2
                bl      xen_guest_prepare
                mov     x1, x19
                bl      {start}
                brk     #0

                /* A further vCPU, as PSCI starts it: x0 at its stack, with what it is to do. */
            .globl xen_guest_secondary
            xen_guest_secondary:
                adrp    x1, {tables}
                add     x1, x1, :lo12:{tables}
                ldr     x21, =xen_guest_secondary_mapped
                b       xen_guest_map
            xen_guest_secondary_mapped:
                mov     sp, x0
                bl      xen_guest_prepare
                bl      {secondary}
                brk     #0

            xen_guest_prepare:
                ldr     x2, =xen_guest_vectors
                msr     vbar_el1, x2
                mov     x2, #(3 << 20)              /* floating point, which the compiler uses to move bytes */
                msr     cpacr_el1, x2
                isb
                mov     x29, xzr
                ret
                .ltorg

            .balign 2048
            xen_guest_vectors:
            .rept 5
                .balign 128
                b       xen_guest_exception
            .endr
                .balign 128
                b       xen_guest_irq               /* from this level, with its own stack */
            .rept 10
                .balign 128
                b       xen_guest_exception
            .endr

            /* Whatever is interrupted keeps all that a call may change, vectors in full. */
            xen_guest_irq:
                sub     sp, sp, #704
                stp     x0, x1, [sp]
                stp     x2, x3, [sp, #16]
                stp     x4, x5, [sp, #32]
                stp     x6, x7, [sp, #48]
                stp     x8, x9, [sp, #64]
                stp     x10, x11, [sp, #80]
                stp     x12, x13, [sp, #96]
                stp     x14, x15, [sp, #112]
                stp     x16, x17, [sp, #128]
                stp     x18, x29, [sp, #144]
                mrs     x0, fpsr
                mrs     x1, fpcr
                stp     x30, x0, [sp, #160]
                str     x1, [sp, #176]
                add     x0, sp, #192
                stp     q0, q1, [x0]
                stp     q2, q3, [x0, #32]
                stp     q4, q5, [x0, #64]
                stp     q6, q7, [x0, #96]
                stp     q8, q9, [x0, #128]
                stp     q10, q11, [x0, #160]
                stp     q12, q13, [x0, #192]
                stp     q14, q15, [x0, #224]
                stp     q16, q17, [x0, #256]
                stp     q18, q19, [x0, #288]
                stp     q20, q21, [x0, #320]
                stp     q22, q23, [x0, #352]
                stp     q24, q25, [x0, #384]
                stp     q26, q27, [x0, #416]
                stp     q28, q29, [x0, #448]
                stp     q30, q31, [x0, #480]
                bl      {interrupt}
                mov     x2, x0
                add     x0, sp, #192
                ldp     q0, q1, [x0]
                ldp     q2, q3, [x0, #32]
                ldp     q4, q5, [x0, #64]
                ldp     q6, q7, [x0, #96]
                ldp     q8, q9, [x0, #128]
                ldp     q10, q11, [x0, #160]
                ldp     q12, q13, [x0, #192]
                ldp     q14, q15, [x0, #224]
                ldp     q16, q17, [x0, #256]
                ldp     q18, q19, [x0, #288]
                ldp     q20, q21, [x0, #320]
                ldp     q22, q23, [x0, #352]
                ldp     q24, q25, [x0, #384]
                ldp     q26, q27, [x0, #416]
                ldp     q28, q29, [x0, #448]
                ldp     q30, q31, [x0, #480]
                ldp     x30, x0, [sp, #160]
                ldr     x1, [sp, #176]
                msr     fpsr, x0
                msr     fpcr, x1
                cbz     w2, xen_guest_exception     /* an interrupt that nothing has set up */
                ldp     x0, x1, [sp]
                ldp     x2, x3, [sp, #16]
                ldp     x4, x5, [sp, #32]
                ldp     x6, x7, [sp, #48]
                ldp     x8, x9, [sp, #64]
                ldp     x10, x11, [sp, #80]
                ldp     x12, x13, [sp, #96]
                ldp     x14, x15, [sp, #112]
                ldp     x16, x17, [sp, #128]
                ldp     x18, x29, [sp, #144]
                add     sp, sp, #704
                eret

            xen_guest_exception:
                mrs     x0, esr_el1
                mrs     x1, elr_el1
                mrs     x2, far_el1
                bl      {exception}
            .text
            "#,
                tables = sym TABLES,
                block = const $crate::entry::BLOCK,
                translation = const $crate::entry::TRANSLATION,
                stack = sym STACK,
                stack_size = const $crate::entry::STACK_SIZE,
                start = sym __start,
                exception = sym __exception,
                interrupt = sym $crate::entry::interrupt,
                secondary = sym $crate::entry::secondary,
            );
        }
    };
}
