//! Sets `--cfg loom` for one package: the libraries below it, and loom itself, are compiled without it.

fn main() {
    println!("cargo::rerun-if-changed=../build.rs");
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rustc-check-cfg=cfg(loom)");
    // The library's manifest declares them. None is on here.
    println!("cargo::rustc-check-cfg=cfg(feature, values(any()))");
}
