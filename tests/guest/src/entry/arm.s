/* How Xen starts a 32-bit Arm guest: a zImage, whose header is Linux's, at a multiple of 2 MiB. */

.arch_extension virt
.section .head, "ax"
.arm
.globl image
image:
.rept 8
    nop
.endr
    b       entry
    .word   0x016f2818                  /* zImage */
    .word   0                           /* it can be put anywhere */
    .word   image_end - image

/* Supervisor mode with the MMU off, r2 at the device tree. Until the jump, addresses are relative
   ones. */
entry:
    mov     r9, r2
    adr     r8, image

    /* 4 GiB where they are, in sections of 1 MiB. */
    ldr     r1, ={table} - image
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
    ldr     pc, =mapped

mapped:
    ldr     sp, ={stack} + {stack_size}
    ldr     r3, =vectors
    mcr     p15, 0, r3, c12, c0, 0      /* VBAR */
    mov     r0, r9
    mov     r1, r8
    bl      {start}
    udf     #0
    .ltorg

.balign 32
vectors:
.rept 8
    b       exception_entry
.endr
exception_entry:
    mrs     r0, cpsr
    mov     r1, lr
    mrc     p15, 0, r2, c6, c0, 0       /* DFAR */
    cps     #0x13
    bl      {exception}
