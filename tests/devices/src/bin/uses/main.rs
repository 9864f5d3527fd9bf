//! Uses of `xen-linux`, right and wrong, each of which checks itself: `uses USE`, supervised.

#[cfg(target_os = "linux")]
mod misuse;
#[cfg(target_os = "linux")]
mod usage;

/// A use, by name.
type Use = (&'static str, fn());

#[cfg(target_os = "linux")]
fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let uses: Vec<Use> = [usage::USES, misuse::USES].concat();
    match uses.iter().find(|(name, _)| *name == wanted) {
        Some((name, run)) => xen_devices::window(name, run),
        None => uses.iter().for_each(|(name, _)| println!("{name}")),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
