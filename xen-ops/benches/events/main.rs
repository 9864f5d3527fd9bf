//! What an event costs from the bit that Xen sets to its handler: [`TwoLevel::receive`] beside the walk in C,
//! written for this from the description of Linux's, and compiled with `-O2` at the start. Both call the same
//! handler, and neither counts what it does.
//!
//! ```text
//! cargo bench -p xen-ops --bench events    instructions an event, by valgrind
//! ```
#![allow(unsafe_code, reason = "C is called")]

#[path = "../support/compile.rs"]
mod compile;
#[path = "../support/valgrind.rs"]
mod valgrind;

use std::env;
use std::mem::offset_of;
use std::process::ExitCode;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use libloading::Library;
use xen_ops::events::{PortVcpus, TwoLevel};
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::{Field, View};
use xen_ops::xen_abi::xen::{shared_info, vcpu_info, xen_ulong_t};
use xen_ops::{ReadWrite, field};

/// Two amounts of work: the difference has neither start nor end of the program.
const LESS: usize = 1_000;
const MORE: usize = 3_000;

/// The ports that are sent to before each walk.
const KINDS: [(&str, &[u32]); 3] = [
    ("one event", &[17]),
    ("of eight in a word", &[3, 9, 17, 20, 21, 40, 50, 63]),
    ("of eight in eight words", &[3, 80, 170, 200, 300, 350, 400, 500]),
];

const NAMES: [&str; 4] = ["send", "ours", "ours, a vCPU of several", "Linux"];

#[repr(align(4096))]
struct Page([AtomicU32; PAGE_SIZE / 4]);

static PAGE: Page = Page([const { AtomicU32::new(0) }; PAGE_SIZE / 4]);
static VCPUS: PortVcpus = PortVcpus::new();
static HANDLED: AtomicU32 = AtomicU32::new(0);

const VCPU: usize = offset_of!(shared_info, vcpu_info);
const PENDING: usize = offset_of!(shared_info, evtchn_pending);

fn address(offset: usize) -> *mut u8 {
    (&raw const PAGE).cast_mut().cast::<u8>().wrapping_add(offset)
}

/// What Xen does, but atomically.
#[inline(never)]
fn send(ports: &[u32]) {
    for port in ports {
        PAGE.0[PENDING / 4 + *port as usize / 32].fetch_or(1 << (port % 32), Relaxed);
        let word = *port as usize / xen_ulong_t::BITS as usize;
        let selector = VCPU + offset_of!(vcpu_info, evtchn_pending_sel);
        PAGE.0[selector / 4 + word / 32].fetch_or(1 << (word % 32), Relaxed);
        PAGE.0[VCPU / 4].fetch_or(1, Relaxed);
    }
}

#[inline(never)]
extern "C" fn handle(port: u32) {
    HANDLED.store(HANDLED.load(Relaxed).wrapping_add(port), Relaxed);
}

type Walk = unsafe extern "C" fn(*mut u8, *mut u8, extern "C" fn(u32));

/// The walk in C. The library stays loaded.
fn linux() -> Result<Walk, compile::Error> {
    let library = compile::compile("linux_events")?;
    // SAFETY: the library is ours, it does nothing when it is loaded, its functions have the types
    // given here, and it is never unloaded.
    unsafe {
        let library = Library::new(library).map_err(compile::Error::NotLoaded)?;
        let library = Box::leak(Box::new(library));
        let symbol = compile::Error::NotLoaded;
        library.get::<unsafe extern "C" fn()>(b"linux_events_start").map_err(symbol)?();
        Ok(*library.get(b"linux_events_receive").map_err(symbol)?)
    }
}

/// Sends, and has one of [`NAMES`] receive, so often. Returns what the handler added up.
fn work(name: &str, ports: &[u32], repeat: usize) -> Result<u32, compile::Error> {
    let base = NonNull::new(address(0)).unwrap_or(NonNull::dangling());
    // SAFETY: a page that lives as long as the program, of integers.
    let view: View<'static, ReadWrite> = unsafe { View::new(base) };
    let info: Field<vcpu_info> = field!(shared_info, vcpu_info[0]);
    let own = TwoLevel::new(view, view, info);
    let of_several = own.for_vcpu(0, &VCPUS);
    let linux = linux()?;
    for _ in 0..repeat {
        send(ports);
        match name {
            "ours" => drop(own.receive(|port| handle(port.0))),
            "Linux" => {
                // SAFETY: the members are those of the C structures, in their order.
                unsafe { linux(address(PENDING), address(VCPU), handle) }
            }
            "send" => {}
            _ => drop(of_several.receive(|port| handle(port.0))),
        }
    }
    Ok(HANDLED.load(Relaxed))
}

/// Instructions an event, and those of sending it taken off.
fn measure() -> Result<(), String> {
    println!("{:<26}{:>8}{:>26}{:>8}", "instructions an event", NAMES[1], NAMES[2], NAMES[3]);
    for (kind, ports) in KINDS {
        let mut counts = Vec::new();
        for name in NAMES {
            let count = |repeat: usize| valgrind::instructions(&[name, kind, &repeat.to_string()]);
            let events = (MORE - LESS) * ports.len();
            counts.push((count(MORE)? - count(LESS)?) as f64 / events as f64);
        }
        let [send, ours, of_several, linux] = counts[..] else { continue };
        println!("{kind:<26}{:>8.1}{:>26.1}{:>8.1}", ours - send, of_several - send, linux - send);
    }
    Ok(())
}

/// Without cargo's `--bench` this is a test: that all receive the same events.
fn check() -> Result<(), String> {
    for (kind, ports) in KINDS {
        for name in &NAMES[1..] {
            HANDLED.store(0, Relaxed);
            let sum = work(name, ports, 3).map_err(|error| error.to_string())?;
            let expected = 3 * ports.iter().sum::<u32>();
            if sum != expected {
                return Err(format!("{name}: {kind}: ports with the sum {sum}, not {expected}"));
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match &arguments[..] {
        [flag, name, kind, repeat] if flag == valgrind::CHILD => {
            let ports =
                KINDS.iter().find(|(known, _)| known == kind).map_or(&[][..], |kind| kind.1);
            work(name, ports, repeat.parse().unwrap_or(0)).map(drop).map_err(|e| e.to_string())
        }
        _ if arguments.iter().any(|argument| argument == "--bench") => measure(),
        _ => check(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
