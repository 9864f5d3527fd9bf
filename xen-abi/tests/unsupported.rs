//! What a user of an unsupported architecture sees.

use std::env;
use std::path::Path;
use std::process::Command;

const TARGET: &str = "riscv64gc-unknown-none-elf";

/// The errors of compiling the crate for [`TARGET`], or `None` if its standard library is missing.
fn errors(features: &[&str]) -> Option<Vec<String>> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| String::from("rustc"));
    let libraries = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .expect("rustc runs");
    if !Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).is_dir() {
        eprintln!("not checked: run `rustup target add {TARGET}`");
        return None;
    }
    let output = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata"])
        .args(["--target", TARGET, "--cap-lints", "allow", "--error-format", "short"])
        .args(features.iter().map(|feature| format!("--cfg=feature={feature:?}")))
        .args(["--out-dir", env!("CARGO_TARGET_TMPDIR")])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs"))
        .output()
        .expect("rustc runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let errors = said.lines().filter(|line| line.contains(": error"));
    Some(errors.map(str::to_owned).collect())
}

#[test]
fn an_unsupported_architecture_is_one_error() {
    let Some(errors) = errors(&[]) else { return };
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("xen-abi supports x86, x86_64, arm and aarch64"), "{errors:#?}");
}

#[test]
fn foreign_layouts_are_there_on_any_architecture() {
    let Some(errors) = errors(&["foreign"]) else { return };
    assert!(errors.is_empty(), "{errors:#?}");
}
