/* How Xen starts an aarch64 guest: an Image, whose header is Linux's, at a multiple of 2 MiB. */

.section .head, "ax"
.globl image
image:
    b       entry
    .long   0
    .quad   0                           /* bytes from that multiple to the image */
    .quad   image_end - image
    .quad   0xa                         /* little-endian, pages of 4 KiB, anywhere in memory */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

/* EL1 with the MMU off, x0 at the device tree. Until the jump, addresses are relative ones. */
entry:
    adrp    x19, image

    /* The first 511 GiB where they are, in blocks of 1 GiB; the last one is the image's. */
    adrp    x1, {level1}
    add     x1, x1, :lo12:{level1}
    mov     x2, #{block}
    mov     x3, #0
1:  add     x4, x2, x3, lsl #30
    str     x4, [x1, x3, lsl #3]
    add     x3, x3, #1
    cmp     x3, #511
    b.lo    1b
    adrp    x5, {level2}
    add     x5, x5, :lo12:{level2}
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
    ldr     x2, =mapped
    br      x2

mapped:
    ldr     x2, ={stack} + {stack_size}
    mov     sp, x2
    ldr     x2, =vectors
    msr     vbar_el1, x2
    mov     x2, #(3 << 20)              /* floating point, which the compiler uses to move bytes */
    msr     cpacr_el1, x2
    isb
    mov     x1, x19
    mov     x29, xzr
    bl      {start}
    brk     #0
    .ltorg

.balign 2048
vectors:
.rept 16
    .balign 128
    b       exception_entry
.endr
exception_entry:
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    bl      {exception}
