//! What does not compile, and what the compiler says then.
//!
//! The texts are those of the toolchain that the project is tested with; another compiler may word
//! them otherwise.

#![cfg(not(miri))]
#![cfg(target_arch = "x86_64")]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
