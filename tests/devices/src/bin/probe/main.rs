//! The devices without a library: system calls, each of which prints its result.
//!
//! `probe CASE`, supervised. `tests/semantics.rs` has the expected output.

#[cfg(target_os = "linux")]
mod bare;

#[global_allocator]
static HEAP: xen_devices::heap::Heap = xen_devices::heap::Heap::new();

#[cfg(target_os = "linux")]
fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    match bare::CASES.iter().find(|(name, _)| *name == case) {
        Some((name, run)) => xen_devices::window(name, run),
        None => eprintln!("no case {case:?}"),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
