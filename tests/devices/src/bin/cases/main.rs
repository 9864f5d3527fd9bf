//! Operations of `xen-linux`, one a case: `cases CASE`, supervised; `cases` lists them.

#[cfg(target_os = "linux")]
mod evtchn;
#[cfg(target_os = "linux")]
mod gntalloc;
#[cfg(target_os = "linux")]
mod gntdev;
#[cfg(target_os = "linux")]
mod privcmd;

#[global_allocator]
static HEAP: xen_devices::heap::Heap = xen_devices::heap::Heap::new();

#[cfg(target_os = "linux")]
fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let cases = [gntdev::CASES, gntalloc::CASES, privcmd::CASES, evtchn::CASES].concat();
    match cases.iter().find(|(name, _)| *name == wanted) {
        Some((name, case)) => case(Window(name)),
        None => cases.iter().for_each(|(name, _)| println!("{name}")),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}

/// A case: it prepares what its operation needs, and then performs the operation in a window.
type Case = (&'static str, fn(Window));

/// The window of a case, by its name.
struct Window(&'static str);

impl Window {
    /// Performs an operation for the first time, and prints its result.
    fn first<E: std::error::Error>(self, operation: impl Fn() -> Result<(), E>) {
        match xen_devices::window(self.0, operation) {
            Ok(()) => println!("done"),
            Err(error) => println!("{error}"),
        }
    }

    /// Performs an operation that has been performed before, so one-time setup is not in the window.
    fn again<E: std::error::Error>(self, operation: impl Fn() -> Result<(), E>) {
        operation().expect("the first time, without a fault");
        self.first(operation);
    }
}
