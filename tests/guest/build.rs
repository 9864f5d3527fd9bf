//! Names the linker script of the architecture.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=link");
    let variable = |name| env::var(name).expect("cargo sets it");
    let script = format!("{}.ld", variable("CARGO_CFG_TARGET_ARCH"));
    let path = Path::new(&variable("CARGO_MANIFEST_DIR")).join("link").join(script);
    println!("cargo::rustc-link-arg-bins=-T{}", path.display());
}
