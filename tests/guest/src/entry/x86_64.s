/* How Xen starts an x86-64 guest. The notes tell it what this ELF is and where to jump to. */

.macro note type, content:vararg
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \content
2:  .balign 4
.endm

.section .note.Xen, "a", @note
    note {XEN_ELFNOTE_GUEST_OS}, .asciz "xen-guest"
    note {XEN_ELFNOTE_GUEST_VERSION}, .asciz "1"
    note {XEN_ELFNOTE_XEN_VERSION}, .asciz "xen-3.0"
    note {XEN_ELFNOTE_LOADER}, .asciz "generic"
    note {XEN_ELFNOTE_PAE_MODE}, .asciz "yes"
    note {XEN_ELFNOTE_VIRT_BASE}, .quad 0
    note {XEN_ELFNOTE_PADDR_OFFSET}, .quad 0
    note {XEN_ELFNOTE_ENTRY}, .quad pv_entry
    note {XEN_ELFNOTE_HYPERCALL_PAGE}, .quad {hypercall_page}
    note {XEN_ELFNOTE_SUPPORTED_FEATURES}, .long {features}
    note {XEN_ELFNOTE_PHYS32_ENTRY}, .long pvh_entry

.section .text.entry, "ax", @progbits

/* PV: 64-bit mode, the image mapped, rsi at start_info. */
.code64
.globl pv_entry
pv_entry:
    cld
    lea     rsp, [rip + {stack} + {stack_size}]
    xor     ebp, ebp
    mov     rdi, rsi
    call    {start_pv}
    ud2

/* PVH: 32-bit mode with flat segments and no paging, ebx at hvm_start_info. */
.code32
pvh_entry:
    cld
    mov     esp, offset {stack} + {stack_size}
    mov     eax, cr4
    or      eax, 1 << 5                 /* PAE */
    mov     cr4, eax
    mov     eax, offset level4
    mov     cr3, eax
    mov     ecx, 0xc0000080             /* EFER */
    rdmsr
    or      eax, 1 << 8                 /* long mode */
    wrmsr
    mov     eax, cr0
    or      eax, 1 << 31                /* paging */
    mov     cr0, eax
    lgdt    [gdt_pointer]
    mov     eax, 0x10
    mov     ds, eax
    mov     es, eax
    mov     ss, eax
    push    0x08
    mov     eax, offset pvh_long_mode
    push    eax
    retf
.code64
pvh_long_mode:
    mov     edi, ebx
    xor     ebp, ebp
    call    {start_pvh}
    ud2

/* extern "C" fn compat_call(number: u32, arguments: &[u32; 5]) -> i32
   A hypercall from a 32-bit code segment: Xen takes it as one of a 32-bit guest. */
.text
.globl compat_call
compat_call:
    push    rbx
    push    rbp
    mov     eax, edi
    shl     eax, 5
    lea     eax, [eax + {hypercall_page}]
    mov     ebx, [rsi]
    mov     ecx, [rsi + 4]
    mov     edx, [rsi + 8]
    mov     edi, [rsi + 16]
    mov     esi, [rsi + 12]
    call    fword ptr [rip + compat_gate]
    pop     rbp
    pop     rbx
    ret
.code32
compat_segment:
    call    eax
    retf
.code64

.data
.balign 8
gdt:
    .quad   0
    .quad   0x00af9a000000ffff          /* 0x08: 64-bit code */
    .quad   0x00cf92000000ffff          /* 0x10: data */
    .quad   0x00cf9a000000ffff          /* 0x18: 32-bit code */
gdt_pointer:
    .word   gdt_pointer - gdt - 1
    .long   gdt
compat_gate:
    .long   compat_segment
    .word   0x18

/* The first 4 GiB where they are, in pages of 2 MiB. */
.balign 4096
level4:
    .quad   level3 + 7
    .fill   511, 8, 0
level3:
    .quad   level2 + 0x0007, level2 + 0x1007, level2 + 0x2007, level2 + 0x3007
    .fill   508, 8, 0
level2:
.set page, 0
.rept 4 * 512
    .quad   (page << 21) | 0x87
    .set    page, page + 1
.endr
