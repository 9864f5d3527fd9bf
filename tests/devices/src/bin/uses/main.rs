//! Uses of `xen-linux`, right and wrong, each of which checks itself: `uses USE`, supervised.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod right;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod wrong;

/// A use, by name.
type Use = (&'static str, fn());

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let uses: Vec<Use> = [right::USES, wrong::USES].concat();
    match uses.iter().find(|(name, _)| *name == wanted) {
        Some((name, run)) => xen_devices::window(name, run),
        None => uses.iter().for_each(|(name, _)| println!("{name}")),
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {}
