//! What a hypercall through a page really passes; and detection, on made-up processors.
#![allow(unsafe_code, reason = "hypercalls are made")]

use core::arch::global_asm;
use core::arch::x86_64::CpuidResult;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::string::ToString;
use std::sync::Mutex;

use super::*;

// A page of stubs that behaves as a PV guest's under a Xen built for debugging: it notes the
// registers, overwrites all that may be overwritten, and answers the slot's number, negated.
global_asm!(
    ".pushsection .text.test_page, \"ax\"",
    ".balign 4096",
    "test_page:",
    ".rept 128",
    "call test_page_body",
    ".balign 32",
    ".endr",
    "test_page_body:",
    // The address behind the call says which slot it was.
    "pop rax",
    "lea r11, [rip + test_page]",
    "sub rax, r11",
    "shr rax, 5",
    "neg rax",
    "lea r11, [rip + {seen}]",
    "mov [r11], rdi",
    "mov [r11 + 8], rsi",
    "mov [r11 + 16], rdx",
    "mov [r11 + 24], r10",
    "mov [r11 + 32], r8",
    "mov rdi, 0xdead",
    "mov rsi, rdi",
    "mov rdx, rdi",
    "mov r10, rdi",
    "mov r8, rdi",
    "mov rcx, rdi",
    "mov r11, rdi",
    "ret",
    ".popsection",
    seen = sym SEEN,
);

static SEEN: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// One test at a time uses the page.
static TURN: Mutex<()> = Mutex::new(());

unsafe extern "C" {
    static test_page: u8;
}

fn page() -> HypercallPage {
    // SAFETY: the stubs are ours and stay; on a target with an operating system a red zone is allowed.
    unsafe { HypercallPage::new(NonNull::from(&test_page)) }
}

/// The arguments that the stub found.
fn seen<const N: usize>() -> [u64; N] {
    core::array::from_fn(|n| SEEN[n].load(Relaxed))
}

#[test]
fn d7_the_fifth_argument_is_in_r8() {
    let _turn = TURN.lock().unwrap();
    // SAFETY: the stubs touch nothing but the registers and what they note.
    assert_eq!(unsafe { page().call(39, [1, 2, 3, 4, 5]) }, -39);
    assert_eq!(seen(), [1, 2, 3, 4, 5]);
}

#[test]
fn fewer_arguments_are_in_the_first_registers() {
    let _turn = TURN.lock().unwrap();
    let page = page();
    // SAFETY: the stubs touch nothing but the registers and what they note.
    unsafe {
        assert_eq!(page.call1(0, [11]), 0);
        assert_eq!(seen(), [11]);
        assert_eq!(page.call2(1, [21, 22]), -1);
        assert_eq!(seen(), [21, 22]);
        assert_eq!(page.call3(20, [31, 32, 33]), -20);
        assert_eq!(seen(), [31, 32, 33]);
        assert_eq!(page.call4(127, [41, 42, 43, 44]), -127);
        assert_eq!(seen(), [41, 42, 43, 44]);
    }
}

#[test]
fn d7_what_the_hypervisor_overwrites_is_not_relied_on() {
    let _turn = TURN.lock().unwrap();
    let page = page();
    let arguments = core::hint::black_box([1, 2, 3, 4, 5]);
    // SAFETY: the stubs touch nothing but the registers and what they note.
    unsafe {
        page.call(1, arguments);
        page.call(1, arguments);
    }
    assert_eq!(seen(), [1, 2, 3, 4, 5]);
}

/// A processor of `vendor` that shows a hypervisor of `signature` at each of `bases`.
fn processor(
    vendor: &'static [u8; 12],
    signatures: &'static [(u32, &'static [u8; 12])],
) -> impl Fn(u32, u32) -> CpuidResult + Copy {
    let word =
        |text: &[u8; 12], n: usize| u32::from_le_bytes(text[n * 4..][..4].try_into().unwrap());
    let result = |eax, ebx, ecx, edx| CpuidResult { eax, ebx, ecx, edx };
    move |leaf, _| {
        if leaf == 0 {
            return result(13, word(vendor, 0), word(vendor, 2), word(vendor, 1));
        }
        let found = signatures.iter().find(|(base, _)| leaf & !0xff == *base);
        match found {
            Some((base, text)) => match leaf - base {
                0 => result(leaf + 5, word(text, 0), word(text, 1), word(text, 2)),
                1 => result(4 << 16 | 20, 0, 0, 0),
                2 => result(1, 0x4000_0000, 1, 0),
                4 => result(8 | 16, 3, 7, 0),
                _ => result(0, 0, 0, 0),
            },
            // A real processor answers a leaf that it does not have with its last one.
            None => result(7, 832, 832, 0),
        }
    }
}

const XEN: &[u8; 12] = b"XenVMMXenVMM";
const VIRIDIAN: &[u8; 12] = b"Microsoft Hv";

#[test]
fn xen_behind_another_interface_is_found() {
    let cpuid = processor(b"GenuineIntel", &[(0x4000_0000, VIRIDIAN), (0x4000_0100, XEN)]);
    let hypervisor = Hypervisor::detect_by(cpuid).unwrap();
    assert_eq!(hypervisor.base, 0x4000_0100);
    assert_eq!(hypervisor.version, (4, 20));
    assert_eq!(hypervisor.hypercall_msr, 0x4000_0000);
    assert_eq!(hypervisor.features, 1);
    assert_eq!(hypervisor.hvm_features, 24);
    assert_eq!((hypervisor.vcpu, hypervisor.domid.map(|domid| domid.0)), (Some(3), Some(7)));
}

#[test]
fn xen_at_the_last_place_is_found_and_none_beyond() {
    let last = processor(b"GenuineIntel", &[(0x4000_ff00, XEN)]);
    assert_eq!(Hypervisor::detect_by(last).unwrap().base, 0x4000_ff00);
    let beyond = processor(b"GenuineIntel", &[(0x4001_0000, XEN)]);
    assert_eq!(Hypervisor::detect_by(beyond), Err(DetectError::NotXen));
}

#[test]
fn a_xen_without_hvm_leaf_tells_no_numbers() {
    let cpuid = |leaf, subleaf| {
        let mut result = processor(b"GenuineIntel", &[(0x4000_0000, XEN)])(leaf, subleaf);
        if leaf == 0x4000_0000 {
            result.eax = leaf + 2;
        }
        result
    };
    let hypervisor = Hypervisor::detect_by(cpuid).unwrap();
    assert_eq!((hypervisor.hvm_features, hypervisor.vcpu, hypervisor.domid), (0, None, None));
}

#[test]
fn a_signature_without_leaves_is_no_xen() {
    let cpuid = |leaf, subleaf| {
        let mut result = processor(b"GenuineIntel", &[(0x4000_0000, XEN)])(leaf, subleaf);
        result.eax = 0;
        result
    };
    assert_eq!(Hypervisor::detect_by(cpuid), Err(DetectError::NotXen));
}

#[test]
fn the_vendor_says_which_instruction() {
    let detect = |vendor| Hvm::detect_by(0, processor(vendor, &[(0x4000_0000, XEN)]));
    for vendor in [b"GenuineIntel", b"CentaurHauls", b"  Shanghai  "] {
        assert!(matches!(detect(vendor), Ok(Hvm::Vmcall(_))), "{vendor:?}");
    }
    for vendor in [b"AuthenticAMD", b"HygonGenuine"] {
        assert!(matches!(detect(vendor), Ok(Hvm::Vmmcall(_))), "{vendor:?}");
    }
    assert_eq!(detect(b"TransmetaCPU"), Err(DetectError::UnknownVendor(*b"TransmetaCPU")));
}

#[test]
fn no_instruction_outside_a_guests_kernel() {
    let xen = processor(b"GenuineIntel", &[(0x4000_0000, XEN)]);
    assert_eq!(Hvm::detect_by(3, xen), Err(DetectError::NotKernel(3)));
    let other = processor(b"GenuineIntel", &[(0x4000_0000, VIRIDIAN)]);
    assert_eq!(Hvm::detect_by(0, other), Err(DetectError::NotXen));
    // This is a process.
    assert_eq!(Hvm::detect(), Err(DetectError::NotKernel(3)));
}

#[test]
fn errors_name_the_way_out() {
    let text = DetectError::UnknownVendor(*b"TransmetaCPU").to_string();
    assert!(text.contains("TransmetaCPU") && text.contains("hypercall page"), "{text}");
    assert!(DetectError::NotKernel(3).to_string().contains("privcmd"));
}
