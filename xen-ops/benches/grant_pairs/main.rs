//! What a grant costs: ours beside two in C, written for this from the descriptions of the algorithms
//! in mini-os and in Linux, and compiled with `-O2` at the start.
//!
//! A pair is: allocate a reference, publish a page, end the access, free the reference. A batch is 256
//! of each, in this order. Everyone has the same table, of four frames, as mini-os has.
//!
//! Our pairs go through a `PerCpuRefs`, which each thread has for itself, as mini-os's go through a list
//! that it does not share. `entry` allocates nothing: it only publishes and empties entries, as the
//! protocol with Xen wants, so it bounds all others. Pairs through the bitmap that all threads share have a line of their own.
//!
//! ```text
//! cargo bench -p xen-ops --bench grant_pairs                     times
//! cargo bench -p xen-ops --bench grant_pairs -- --instructions   instructions, by valgrind
//! cargo bench -p xen-ops --bench grant_pairs -- --rounds 500     more rounds, for a noisy machine
//! ```
//!
//! Contestants take turns in every round, and times and ratios are medians over the rounds. C functions
//! are called as a kernel's other files call them, ours as another crate calls them.
#![allow(unsafe_code, reason = "C is called")]

mod c;
#[path = "../support/compile.rs"]
mod compile;
mod instructions;
mod ours;
mod times;
#[path = "../support/valgrind.rs"]
mod valgrind;

use std::env;
use std::process::ExitCode;

/// References granted at once.
const BATCH: usize = 256;

/// Entries in each table.
const ENTRIES: usize = 2048;

/// An implementation of grants.
trait Contestant: Sync {
    /// Makes pairs, one after another, as the thread of this number.
    fn pairs(&self, thread: usize, pairs: usize);

    /// Makes pairs, one after another, as the thread of this number, with nothing cached for it.
    fn shared_pairs(&self, thread: usize, pairs: usize) {
        self.pairs(thread, pairs);
    }

    /// Makes batches, one after another, as the thread of this number.
    fn batches(&self, thread: usize, batches: usize);

    /// What is kept beside the table, in bytes for each reference.
    fn bytes_per_reference(&self) -> f64;
}

/// Everyone.
struct Contestants {
    ours: Box<dyn Contestant>,
    mini_os: Box<dyn Contestant>,
    linux: Box<dyn Contestant>,
    /// Entries alone, without allocation: the bound for all others.
    entry: Box<dyn Contestant>,
}

impl Contestants {
    fn new() -> Result<Self, compile::Error> {
        let ours = Box::new(ours::Ours::new());
        let [mini_os, linux, entry] = ["mini_os", "linux", "entry"].map(c::load);
        Ok(Self { ours, mini_os: mini_os?, linux: linux?, entry: entry? })
    }

    fn named(&self) -> [(&'static str, &dyn Contestant); 4] {
        [
            ("ours", &*self.ours),
            ("mini-os", &*self.mini_os),
            ("Linux", &*self.linux),
            ("entry", &*self.entry),
        ]
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let value = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)?.parse::<usize>().ok()
    };
    let contestants = match Contestants::new() {
        Ok(contestants) => contestants,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if let [flag, name, kind, repeat] = &arguments[..] {
        if flag == valgrind::CHILD {
            instructions::work(&contestants, name, kind, repeat.parse().unwrap_or(0));
            return ExitCode::SUCCESS;
        }
    }
    if has("--instructions") {
        return instructions::count(&contestants);
    }
    // Without cargo's `--bench` this is a test: that everything works, once.
    let rounds = if has("--bench") { value("--rounds").unwrap_or(200) } else { 1 };
    times::measure(&contestants, rounds);
    ExitCode::SUCCESS
}

/// Memory for a table: an entry of version 1 has eight bytes.
#[repr(align(4096))]
struct Table([u64; ENTRIES]);

/// A table with nothing in it, for as long as the program runs.
fn table() -> *mut u64 {
    Box::leak(Box::new(Table([0; ENTRIES]))).0.as_mut_ptr()
}
