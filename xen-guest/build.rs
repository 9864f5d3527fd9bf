//! Tells the linker where the linker scripts are: `-Clink-arg=-Txen-x86_64.ld` finds one of them.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=link");
    let directory = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    println!("cargo::rustc-link-search={}", directory.join("link").display());
}
