//! What a request and a byte cost, ours beside upstream's macros in C, compiled with `-O2` at the start.
//!
//! ```text
//! cargo bench -p xen-rings --features headers
//! cargo bench -p xen-rings --features headers -- --rounds 500     more rounds, for a noisy machine
//! cargo bench -p xen-rings --features headers -- "batches of 32"  the rows that have this in their name
//! ```
//!
//! A round trip is: the front end puts a batch of block requests in and pushes it, the back end takes each,
//! puts a response in and pushes them, the front end takes the responses; both on one thread, so that the
//! instructions count and not the caches' traffic. For bytes it is: one end writes, the other reads.
//! Contestants take turns in every round, and times are the shortest of all rounds. C is compiled
//! twice: with vector registers, and without, as kernels compile it. Bytes are copied by the C library's
//! `memcpy` in both.
#![allow(unsafe_code, reason = "C is called")]

use std::env;
use std::ffi::c_void;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use xen_io::ring::protocols::Blkif;
use xen_io::ring::{Back, Front};
use xen_io::stream::{Stream, flex};
use xen_io::xen_abi::grant_table::grant_ref_t;
use xen_io::xen_abi::io::blkif::{BLKIF_OP_READ, blkif_request, blkif_response};
use xen_ops::{ReadWrite, View};
use xen_rings::{Error, Memory, Peer};

/// Requests between two looks at the clock.
const REQUESTS: u32 = 20_000;

/// Bytes between two looks at the clock.
const BYTES: u32 = 1 << 20;

fn main() -> ExitCode {
    let (mut rounds, mut wanted, mut is_bench) = (200, String::new(), false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => is_bench = true,
            "--rounds" => match arguments.next().and_then(|rounds| rounds.parse().ok()) {
                Some(given) => rounds = given,
                None => {
                    eprintln!("--rounds takes a number");
                    return ExitCode::FAILURE;
                }
            },
            _ => wanted = argument,
        }
    }
    // Without cargo's `--bench` this is a test: that everything works, once.
    let rounds = if is_bench { rounds } else { 1 };
    match compile() {
        Ok([c, kernel]) => {
            measure(&c, &kernel, rounds, &wanted);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> Result<[Peer; 2], Error> {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR"));
    Ok([Peer::compile(to)?, Peer::compile_with(to, &["-mgeneral-regs-only"])?])
}

type Requests = unsafe extern "C" fn(*mut c_void, usize, u32, u32) -> u64;
type Bytes = unsafe extern "C" fn(*mut c_void, *mut u8, u32, u32) -> u64;

fn measure(c: &Peer, kernel: &Peer, rounds: usize, wanted: &str) {
    println!("{:<36}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "ours", "C", "ratio", "kernel C", "ratio");
    requests([c, kernel], rounds, wanted);
    bytes(c, rounds, wanted);
}

fn requests(peers: [&Peer; 2], rounds: usize, wanted: &str) {
    let memory = Memory::new(1);
    let page = memory.views()[0];
    // SAFETY: this is its type.
    let [c, kernel] = peers.map(|peer| unsafe { peer.function::<Requests>("blkif_rounds") });
    for batch in [1, 8, 32] {
        let name = format!("a request, in batches of {batch}, ns");
        if !name.contains(wanted) {
            continue;
        }
        let trips = REQUESTS / batch;
        // SAFETY: the page is the ring's.
        let run = |function: Requests| unsafe {
            function(memory.address(), memory.bytes(), trips, batch)
        };
        assert_eq!(ours(page, trips, batch), run(c), "both count the same");
        let times =
            turns(rounds, [&mut || ours(page, trips, batch), &mut || run(c), &mut || run(kernel)]);
        row(&name, times, f64::from(trips * batch));
    }
}

fn bytes(peer: &Peer, rounds: usize, wanted: &str) {
    let order = 4;
    let [memory, c_memory] = [(); 2].map(|()| Memory::new(1 + (1 << order)));
    let views = memory.views();
    let layout = flex::layout(flex::P9FS, order).expect("a small order");
    for page in [views[0], c_memory.views()[0]] {
        flex::Interface::write(page, &vec![grant_ref_t(0); 1 << order]).expect("a small order");
    }
    let mut front = Stream::attach(&views[..], layout).expect("the pages fit");
    let mut back = Stream::attach(&views[..], layout.reversed()).expect("the pages fit");
    // SAFETY: this is its type.
    let c = unsafe { peer.function::<Bytes>("flex_rounds") };
    for length in [16, 64, 256, 512, 4096, 16384] {
        let name = format!("a byte, in pieces of {length}, ns");
        if !name.contains(wanted) {
            continue;
        }
        let trips = BYTES / length;
        let mut buffer = vec![1; length as usize];
        let mut ours = || {
            let mut sum = 0;
            for _ in 0..trips {
                sum += front.write(black_box(&buffer)).map_or(0, |transfer| transfer.bytes as u64);
                let read = back.read(black_box(&mut buffer));
                sum += read.map_or(0, |transfer| transfer.bytes as u64);
            }
            sum
        };
        let mut c_buffer = vec![1; length as usize];
        // SAFETY: the pages are those of a connection, and the buffer has the length that C is told.
        let mut c = || unsafe { c(c_memory.address(), c_buffer.as_mut_ptr(), trips, length) };
        assert_eq!(ours(), c(), "both count the same");
        let times = turns(rounds, [&mut ours, &mut c]);
        row(&name, times, f64::from(trips * length) * 2.0);
    }
}

/// The round trips that C makes in `blkif_rounds`.
#[inline(never)]
fn ours(page: View<'_, ReadWrite>, rounds: u32, batch: u32) -> u64 {
    let (Ok(mut front), mut sum) = (Front::<Blkif, _>::new(page), 0) else { return 0 };
    let Ok(mut back) = Back::<Blkif, _>::attach(page) else { return 0 };
    for round in 0..rounds {
        for id in 0..batch {
            let request = blkif_request {
                operation: BLKIF_OP_READ as u8,
                nr_segments: 1,
                id: id.into(),
                sector_number: round.into(),
                ..blkif_request::ZERO
            };
            if front.put(&request).is_err() {
                return 0;
            }
        }
        sum += u64::from(front.push());
        let Ok(available) = back.available() else { return 0 };
        for _ in 0..available {
            let Ok(Some(request)) = back.take() else { return 0 };
            let response = blkif_response {
                id: request.id,
                operation: request.operation,
                ..blkif_response::ZERO
            };
            if back.put(&response).is_err() {
                return 0;
            }
        }
        sum += u64::from(back.push());
        let Ok(available) = front.available() else { return 0 };
        for _ in 0..available {
            let Ok(Some(response)) = front.take() else { return 0 };
            sum += response.id;
        }
    }
    sum
}

/// All, in turns, for each: the shortest time in nanoseconds, and the ratio of ours to it. What else the machine does
/// only adds to a time.
fn turns<const N: usize>(rounds: usize, mut work: [&mut dyn FnMut() -> u64; N]) -> [(f64, f64); N] {
    let mut shortest = [f64::INFINITY; N];
    // Once to warm up.
    for round in 0..=rounds {
        for (shortest, work) in shortest.iter_mut().zip(&mut work) {
            let start = Instant::now();
            black_box(work());
            if round > 0 {
                *shortest = shortest.min(start.elapsed().as_nanos() as f64);
            }
        }
    }
    shortest.map(|time| (time, shortest[0] / time))
}

/// Prints the times for one of `count`, ours first.
fn row<const N: usize>(name: &str, times: [(f64, f64); N], count: f64) {
    print!("{name:<36}{:>9.3}", times[0].0 / count);
    for (time, ratio) in &times[1..] {
        print!("{:>9.3}{ratio:>9.2}", time / count);
    }
    println!();
}
