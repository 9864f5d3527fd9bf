//! A hypercall costs no instruction more than assembly by hand, and its arguments are where the
//! calling convention has them.
//!
//! The same goes for accesses to shared pages through a view, compared with atomics and fences.
//!
//! `hypercalls` is compiled for each architecture with the options of a release, and each
//! function is compared with its twin.

mod decode;
mod fixture;
mod tables;

use std::collections::BTreeMap;

use decode::Decoder;

/// The instructions of each function.
type Functions = BTreeMap<String, Vec<String>>;

/// An architecture as the tests see it.
struct Target {
    /// Rust's name of a target that has it, and no standard library or a known one.
    triple: &'static str,
    /// What tables of operations call it.
    names: &'static [&'static str],
    decoder: Decoder,
    /// How each backend's functions are named, and the instruction that is the hypercall.
    backends: &'static [(&'static str, &'static str)],
    /// The names of each register that the hypervisor may overwrite and the next hypercall needs.
    overwritten: &'static [&'static [&'static str]],
    /// What a form may cost beyond assembly by hand.
    allowed: fn(&str) -> usize,
    /// What a multicall of two typed calls may cost beyond its list by hand: what passes on which of the two
    /// was not run, and why.
    multicall: usize,
}

const X86: &[(&str, &str)] = &[("vmcall", "vmcall"), ("vmmcall", "vmmcall"), ("page", "call ")];

const X86_64: Target = Target {
    triple: "x86_64-unknown-none",
    names: &["x86", "x86_64"],
    decoder: Decoder::X86_64,
    backends: X86,
    overwritten: &[&["rdi"], &["rsi"], &["rdx"], &["r10"], &["r8"]],
    allowed: nothing,
    multicall: 4,
};

/// The compiler keeps `esi`, the register of the fourth argument, to itself: it must be filled inside
/// the assembly, and five arguments with the number are one more than the registers left. They need the
/// stack, which the compiler aligns.
const X86_32: Target = Target {
    triple: "i686-unknown-linux-gnu",
    names: &["x86", "x86_32"],
    decoder: Decoder::X86_32,
    backends: X86,
    overwritten: &[&["ebx"], &["ecx"], &["edx"], &["esi"], &["edi"]],
    allowed: |name| match name {
        name if name.contains("_call4_") => 3,
        name if name.contains("_call_") => 10,
        _ => 0,
    },
    multicall: 5,
};

const AARCH64: Target = Target {
    triple: "aarch64-unknown-none",
    names: &["arm", "aarch64"],
    decoder: Decoder::Aarch64,
    backends: &[("hvc", "hvc #0xea1")],
    overwritten: &[&["x0"], &["x1"], &["x2"], &["x3"], &["x4"], &["w16", "x16"]],
    allowed: nothing,
    multicall: 8,
};

/// Not armv7a-none-eabi, which has a frame pointer in every function, and so two instructions that
/// have nothing to do with hypercalls.
const ARM32: Target = Target {
    triple: "armv7-unknown-linux-gnueabihf",
    names: &["arm", "arm32"],
    decoder: Decoder::Arm,
    backends: &[("hvc", "hvc 0xea1")],
    overwritten: &[&["r0"], &["r1"], &["r2"], &["r3"], &["r4"], &["ip"]],
    allowed: nothing,
    multicall: 14,
};

fn nothing(_: &str) -> usize {
    0
}

const FORMS: [&str; 5] = ["call1", "call2", "call3", "call4", "call"];

impl Target {
    /// Every form through every backend, with constants and with what is passed.
    fn check_forms(&self) {
        let Some(functions) = self.functions() else { return };
        for (backend, instruction) in self.backends {
            for form in FORMS {
                for arguments in ["constants", "passed"] {
                    let name = format!("{backend}_{form}_{arguments}");
                    self.compare(&functions, &name, instruction);
                }
            }
        }
    }

    /// Every row of every table of operations costs no more than the same without our crates.
    fn check_rows(&self) {
        let Some(functions) = self.functions() else { return };
        let (_, instruction) = self.backends[0];
        for row in tables::rows().filter(|row| row.is_on(self.names)) {
            let name = format!("hypercalls::rows::{}::{}", row.table, row.name);
            let pair = pair(&functions, &name);
            for lines in pair {
                one_hypercall(&name, lines, instruction);
            }
            no_more(&name, pair);
        }
    }

    /// Every access to a shared page costs no more than the same over an atomic, but for what assembly
    /// cannot express.
    fn check_accesses(&self) {
        let Some(functions) = self.functions() else { return };
        let accesses = functions
            .keys()
            .filter(|name| name.starts_with("hypercalls::view::") && !name.ends_with("_by_hand"));
        let mut count = 0;
        for name in accesses {
            let [ours, by_hand] = pair(&functions, name);
            let bound = by_hand.len() + self.beyond_an_atomic(name);
            assert!(ours.len() <= bound, "{name}: more than {bound}: {ours:#?} {by_hand:#?}");
            let [ours, by_hand] = [ours, by_hand].map(|lines| barriers(lines));
            assert_eq!(ours, by_hand, "{name}, ours left, by hand right");
            count += 1;
        }
        assert!(count > 10, "only {count} accesses: are they elsewhere now?");
    }

    /// A multicall of typed calls is its list, filled and read in place.
    fn check_multicalls(&self) {
        let Some(functions) = self.functions() else { return };
        let (_, instruction) = self.backends[0];
        for kind in ["registers", "memory"] {
            let name = format!("hypercalls::multicall::{kind}");
            let [ours, by_hand] = pair(&functions, &name);
            one_hypercall(&name, ours, instruction);
            let (count, bound) = (ours.len(), by_hand.len() + self.multicall);
            assert!(count <= bound, "{name}: {count} > {bound}: {ours:#?} {by_hand:#?}");
        }
    }

    /// Instructions of an access that an atomic does not have. Assembly takes the address in a register,
    /// so that a constant offset is added first. It returns a flag of x86 in a register; and the compiler
    /// does not know that 32-bit Arm has extended a byte already.
    fn beyond_an_atomic(&self, name: &str) -> usize {
        let is_flag = self.names.contains(&"x86") && name.ends_with("compare_exchange");
        let is_extended = self.names.contains(&"arm32") && name.ends_with("byte");
        1 + usize::from(is_flag || is_extended)
    }

    /// A second hypercall with the same arguments: what the first may have overwritten is there anew.
    fn check_second_call(&self) {
        let Some(functions) = self.functions() else { return };
        for (backend, instruction) in self.backends {
            let lines = &functions[&format!("{backend}_twice")];
            let mut parts = lines.split(|line| line.starts_with(instruction));
            let between = parts.nth(1).expect("a hypercall");
            assert_eq!(parts.count(), 1, "two hypercalls: {lines:#?}");
            for registers in self.overwritten {
                let is_named = |line: &String| {
                    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| registers.contains(&w))
                };
                assert!(between.iter().any(is_named), "{registers:?} kept: {lines:#?}");
            }
        }
    }

    /// The instructions of each function of the fixture, or nothing where the target is missing and
    /// need not be there.
    fn functions(&self) -> Option<Functions> {
        if devtools::has_target(self.triple) {
            return Some(self.decoder.functions(&fixture::build(self.triple)));
        }
        let remedy = format!("`rustup target add {}`", self.triple);
        if cfg!(feature = "targets") {
            panic!("{} is not installed: {remedy}", self.triple);
        }
        eprintln!("skipped: {} is not installed: {remedy}", self.triple);
        None
    }

    fn compare(&self, functions: &Functions, name: &str, instruction: &str) {
        let [ours, by_hand] = pair(functions, name);
        one_hypercall(name, ours, instruction);
        let allowed = (self.allowed)(name);
        if allowed == 0 {
            // The order is the compiler's; which registers are set, and to what, is not.
            let [ours, by_hand] = [ours, by_hand].map(|lines| {
                let mut lines = lines.clone();
                lines.sort();
                lines
            });
            assert_eq!(ours, by_hand, "{name}, ours left, by hand right");
        } else {
            let bound = by_hand.len() + allowed;
            assert!(ours.len() <= bound, "{name}: {} > {bound}: {ours:#?}", ours.len());
        }
    }
}

/// The memory barriers among instructions; of an exchange without its operands, since the twin's address is another. A
/// view that loses one has fewer instructions, not more.
fn barriers(lines: &[String]) -> Vec<&str> {
    let barriers = lines.iter().map(String::as_str).filter_map(|line| match line {
        line if line.starts_with("xchg") => Some("xchg"),
        line if line.starts_with("dmb") || line.starts_with("mfence") => Some(line),
        _ => None,
    });
    barriers.collect()
}

/// A function of the fixture and its twin.
fn pair<'a>(functions: &'a Functions, name: &str) -> [&'a Vec<String>; 2] {
    [name.to_owned(), format!("{name}_by_hand")].map(|name| {
        functions.get(&name).unwrap_or_else(|| panic!("tests/disassembly/hypercalls has no {name}"))
    })
}

/// Ours has no instruction more than the twin. The compiler clears a large structure by stores of zeros or by
/// a copy of them, as it likes: where the twin copies, ours may store.
fn no_more(name: &str, [ours, by_hand]: [&Vec<String>; 2]) {
    let is_cleared_by_copy = by_hand.iter().any(|line| line.starts_with("rep movs"));
    let counts = |line: &&String| !(is_cleared_by_copy && stores_zero(line));
    let (count, bound) = (ours.iter().filter(counts).count(), by_hand.len());
    assert!(count <= bound, "{name}: {count} > {bound}: {ours:#?} {by_hand:#?}");
}

/// Whether an instruction of x86 stores zero: from an operand, or from the register that holds it then.
fn stores_zero(line: &str) -> bool {
    line.starts_with("mov") && (line.ends_with("],0") || line.ends_with("],xmm0"))
}

fn one_hypercall(name: &str, lines: &[String], instruction: &str) {
    let hypercalls = lines.iter().filter(|line| line.starts_with(instruction)).count();
    assert_eq!(hypercalls, 1, "{name}: {lines:#?}");
}

#[test]
fn x86_64() {
    X86_64.check_forms();
    X86_64.check_rows();
    X86_64.check_accesses();
    X86_64.check_multicalls();
}

#[test]
fn x86_32() {
    X86_32.check_forms();
    X86_32.check_rows();
    X86_32.check_accesses();
    X86_32.check_multicalls();
}

#[test]
fn aarch64() {
    AARCH64.check_forms();
    AARCH64.check_rows();
    AARCH64.check_accesses();
    AARCH64.check_multicalls();
}

#[test]
fn arm() {
    ARM32.check_forms();
    ARM32.check_rows();
    ARM32.check_accesses();
    ARM32.check_multicalls();
}

#[test]
fn d7_nothing_that_xen_overwrites_is_relied_on() {
    for target in [X86_64, X86_32, AARCH64, ARM32] {
        target.check_second_call();
    }
}
