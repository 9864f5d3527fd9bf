//! What a request and a byte cost, ours beside upstream's macros in C, compiled with `-O2` at the start.
//!
//! ```text
//! cargo bench -p xen-rings --features headers
//! cargo bench -p xen-rings --features headers -- --rounds 500     more rounds, for a noisy machine
//! ```
//!
//! A round trip is: the front end puts a batch of block requests in and pushes it, the back end takes each,
//! puts a response in and pushes them, the front end takes the responses; both on one thread, so that the
//! instructions count and not the caches' traffic. For bytes it is: one end writes, the other reads.
//! Contestants take turns in every round, and times and ratios are medians over the rounds. C is compiled
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
    let arguments: Vec<String> = env::args().skip(1).collect();
    let position = arguments.iter().position(|argument| argument == "--rounds");
    let given = position.and_then(|at| arguments.get(at + 1)?.parse().ok());
    // Without cargo's `--bench` this is a test: that everything works, once.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let rounds = if is_bench { given.unwrap_or(200) } else { 1 };
    match compile() {
        Ok([c, kernel]) => {
            measure(&c, &kernel, rounds);
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

fn measure(c: &Peer, kernel: &Peer, rounds: usize) {
    println!("{:<36}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "ours", "C", "ratio", "kernel C", "ratio");
    requests([c, kernel], rounds);
    bytes(c, rounds);
}

fn requests(peers: [&Peer; 2], rounds: usize) {
    let memory = Memory::new(1);
    let page = memory.views()[0];
    // SAFETY: this is its type.
    let [c, kernel] = peers.map(|peer| unsafe { peer.function::<Requests>("blkif_rounds") });
    for batch in [1, 8, 32] {
        let trips = REQUESTS / batch;
        // SAFETY: the page is the ring's.
        let run = |function: Requests| unsafe {
            function(memory.address(), memory.bytes(), trips, batch)
        };
        assert_eq!(ours(page, trips, batch), run(c), "both count the same");
        let times =
            turns(rounds, [&mut || ours(page, trips, batch), &mut || run(c), &mut || run(kernel)]);
        row(&format!("a request, in batches of {batch}, ns"), times, f64::from(trips * batch));
    }
}

fn bytes(peer: &Peer, rounds: usize) {
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
    for length in [16, 256, 4096, 16384] {
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
        row(&format!("a byte, in pieces of {length}, ns"), times, f64::from(trips * length) * 2.0);
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
        loop {
            match back.take() {
                Ok(Some(request)) => {
                    let response = blkif_response {
                        id: request.id,
                        operation: request.operation,
                        ..blkif_response::ZERO
                    };
                    if back.put(&response).is_err() {
                        return 0;
                    }
                }
                Ok(None) => break,
                Err(_) => return 0,
            }
        }
        sum += u64::from(back.push());
        loop {
            match front.take() {
                Ok(Some(response)) => sum += response.id,
                Ok(None) => break,
                Err(_) => return 0,
            }
        }
    }
    sum
}

/// All, in turns, for each: the median in nanoseconds, and the median of the ratios of ours to it.
fn turns<const N: usize>(rounds: usize, mut work: [&mut dyn FnMut() -> u64; N]) -> [(f64, f64); N] {
    let mut round = || {
        work.each_mut().map(|work| {
            let start = Instant::now();
            black_box(work());
            start.elapsed().as_nanos() as f64
        })
    };
    // Once to warm up.
    round();
    let times: Vec<[f64; N]> = (0..rounds).map(|_| round()).collect();
    let median = |of: &dyn Fn(&[f64; N]) -> f64| {
        let mut values: Vec<f64> = times.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    std::array::from_fn(|i| (median(&|times| times[i]), median(&|times| times[0] / times[i])))
}

/// Prints the times for one of `count`, ours first.
fn row<const N: usize>(name: &str, times: [(f64, f64); N], count: f64) {
    print!("{name:<36}{:>9.3}", times[0].0 / count);
    for (time, ratio) in &times[1..] {
        print!("{:>9.3}{ratio:>9.2}", time / count);
    }
    println!();
}
