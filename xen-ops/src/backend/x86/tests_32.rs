//! What a hypercall through a page really passes in a 32-bit guest.
#![allow(unsafe_code, reason = "hypercalls are made")]

use core::arch::global_asm;
use core::hint::black_box;
use core::ptr::NonNull;

use super::*;

// A page of stubs. The stub of slot `n` takes `n` arguments, each of which is a decimal digit of the result,
// and overwrites their registers.
global_asm!(
    ".pushsection .text.test_page, \"ax\"",
    ".balign 4096",
    "test_page:",
    ".rept 128",
    "call test_page_body",
    ".balign 32",
    ".endr",
    "test_page_body:",
    // The address after the call says which slot it was.
    "pop eax",
    "and eax, 0xfff",
    "shr eax, 5",
    "push eax",
    "mov eax, ebx",
    "mov ebx, 0xdead",
    "cmp dword ptr [esp], 1",
    "je 9f",
    "imul ecx, ecx, 10",
    "add eax, ecx",
    "mov ecx, 0xdead",
    "cmp dword ptr [esp], 2",
    "je 9f",
    "imul edx, edx, 100",
    "add eax, edx",
    "mov edx, 0xdead",
    "cmp dword ptr [esp], 3",
    "je 9f",
    "imul esi, esi, 1000",
    "add eax, esi",
    "mov esi, 0xdead",
    "cmp dword ptr [esp], 4",
    "je 9f",
    "imul edi, edi, 10000",
    "add eax, edi",
    "mov edi, 0xdead",
    "9:",
    "add esp, 4",
    "ret",
    ".popsection",
);

unsafe extern "C" {
    static test_page: u8;
}

fn page() -> HypercallPage {
    // SAFETY: the stubs are ours and stay.
    unsafe { HypercallPage::new(NonNull::from(&test_page)) }
}

#[test]
fn arguments_are_where_the_convention_has_them() {
    let page = page();
    // SAFETY: the stubs touch nothing but the registers.
    unsafe {
        assert_eq!(page.call1(1, [1]), 1);
        assert_eq!(page.call2(2, [1, 2]), 21);
        assert_eq!(page.call3(3, [1, 2, 3]), 321);
        assert_eq!(page.call4(4, [1, 2, 3, 4]), 4321);
        assert_eq!(page.call(5, [1, 2, 3, 4, 5]), 54321);
    }
}

/// Among them `esi`, which the compiler keeps to itself: it has the address of what is on an aligned stack.
#[test]
fn d7_what_the_hypervisor_overwrites_is_not_relied_on() {
    #[repr(align(64))]
    struct Aligned([isize; 16]);

    fn sums(page: HypercallPage, count: usize) -> isize {
        let mut aligned = Aligned([0; 16]);
        for at in 0..black_box(count) {
            let digits = black_box([at % 9, 1, 2, 3, 4]);
            // SAFETY: the stubs touch nothing but the registers.
            unsafe {
                aligned.0[at % 16] += page.call4(4, [digits[0], digits[1], digits[2], digits[3]]);
                aligned.0[(at + 1) % 16] += page.call(5, digits);
            }
        }
        black_box(&mut aligned).0.iter().sum()
    }

    let expected: usize = (0..40).map(|at| 3210 + at % 9 + 43210 + at % 9).sum();
    assert_eq!(sums(page(), 40), expected as isize);
}
