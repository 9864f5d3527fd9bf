//! 32-bit Arm: a zImage that Xen puts anywhere, mapped where it was linked for.

/// A section of normal memory: read and write, shareable, write-back.
pub const SECTION: u32 = 0x11c0e;

/// Makes a function the one that Xen starts.
///
/// It takes a function of type `fn(Guest) -> !`, and after it, if wanted, `exception = HANDLER`: a
/// `fn(Exception) -> !` that gets every exception instead of a message and the domain's end.
///
/// It puts into the kernel: the header of a zImage; the first instructions; a stack of 64 KiB; and page
/// tables that map 4 GiB of memory where it is, and the image where it is linked for. The
/// linker script `xen-arm.ld` of this crate lays it out, for code that is not relocated, in a file
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
            const LINKED_AT: usize = 3 << 30;
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
            /* How Xen starts a 32-bit Arm guest: a zImage, whose header is Linux's, at a multiple of 2 MiB. */

            .arch_extension virt
            .section .head.xen_guest, "ax"
            .arm
            .globl xen_guest_image
            xen_guest_image:
            .rept 8
                nop
            .endr
                b       xen_guest_start
                .word   0x016f2818                  /* zImage */
                .word   0                           /* it can be put anywhere */
                .word   xen_guest_image_end - xen_guest_image

            /* Supervisor mode with the MMU off, r2 at the device tree. Until the jump, addresses are relative
               ones. */
            xen_guest_start:
                mov     r9, r2
                adr     r8, xen_guest_image

                /* 4 GiB where they are, in sections of 1 MiB. */
                ldr     r1, ={tables} - xen_guest_image
                add     r1, r1, r8
                ldr     r2, ={section}
                mov     r3, #0
            1:  orr     r4, r2, r3, lsl #20
                str     r4, [r1, r3, lsl #2]
                add     r3, r3, #1
                cmp     r3, #4096
                blo     1b
                /* Where the image was linked for: 8 MiB from where it lies. */
                orr     r4, r8, r2
                add     r5, r1, #({linked_at} >> 20 << 2)
                mov     r3, #8
            2:  str     r4, [r5], #4
                add     r4, r4, #(1 << 20)
                subs    r3, r3, #1
                bne     2b

                mov     r3, #0
                mcr     p15, 0, r3, c2, c0, 2       /* TTBCR: TTBR0 alone */
                orr     r1, r1, #0x4a               /* walks cached and shareable */
                mcr     p15, 0, r1, c2, c0, 0       /* TTBR0 */
                mvn     r3, #0
                mcr     p15, 0, r3, c3, c0, 0       /* DACR: no check of permissions */
                mov     r3, #0
                mcr     p15, 0, r3, c8, c7, 0       /* TLBIALL */
                mcr     p15, 0, r3, c7, c5, 0       /* ICIALLU */
                dsb
                isb
                mrc     p15, 0, r3, c1, c0, 0       /* SCTLR */
                ldr     r4, =0x1005                 /* MMU, data and instruction caches */
                orr     r3, r3, r4
                bic     r3, r3, #2                  /* unaligned accesses are fine */
                mcr     p15, 0, r3, c1, c0, 0
                isb
                ldr     pc, =xen_guest_mapped

            xen_guest_mapped:
                ldr     sp, ={stack} + {stack_size}
                ldr     r3, =xen_guest_vectors
                mcr     p15, 0, r3, c12, c0, 0      /* VBAR */
                mov     r0, r9
                mov     r1, r8
                bl      {start}
                udf     #0
                .ltorg

            .balign 32
            xen_guest_vectors:
            .rept 6
                b       xen_guest_exception
            .endr
                b       xen_guest_irq
                b       xen_guest_exception

            /* On the stack that is in use: what is interrupted and its mode, and all that a call may change. */
            xen_guest_irq:
                sub     lr, lr, #4
                srsdb   sp!, #0x13
                cps     #0x13
                push    {{r0-r4, r12, lr}}
                and     r4, sp, #7
                sub     sp, sp, r4
                bl      {interrupt}
                add     sp, sp, r4
                cmp     r0, #0                      /* an interrupt that nothing has set up */
                beq     xen_guest_exception
                pop     {{r0-r4, r12, lr}}
                rfeia   sp!

            xen_guest_exception:
                mrs     r0, cpsr
                mov     r1, lr
                mrc     p15, 0, r2, c6, c0, 0       /* DFAR */
                cps     #0x13
                bl      {exception}
            .text
            "#,
                tables = sym TABLES,
                section = const $crate::entry::SECTION,
                linked_at = const LINKED_AT,
                stack = sym STACK,
                stack_size = const $crate::entry::STACK_SIZE,
                start = sym __start,
                exception = sym __exception,
                interrupt = sym $crate::entry::interrupt,
            );
        }
    };
}
