//! Times, taken in turns.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::{Duration, Instant};
use std::{fs, hint, thread};

use super::{BATCH, Contestant, Contestants};

/// Pairs between two looks at the clock, on one thread and on each of two.
const PAIRS: usize = 10_000;
/// Ten times as many references: with fewer, a cold start is a good part of each round.
const BATCHES: usize = 10 * PAIRS / BATCH;
const TOGETHER: usize = 2 * PAIRS;

/// How often two threads try to have a processor each, in a round.
const ATTEMPTS: usize = 10;

/// What one round found, in nanoseconds: for each contestant, in the order of [`Contestants::named`].
struct Round {
    /// For a pair.
    pair: [f64; WHO],
    /// For a pair with nothing held back for the thread.
    shared_pair: [f64; WHO],
    /// For a reference in a batch.
    batch: [f64; WHO],
    /// For a pair, when two threads make them at the same time: from both together.
    together: [f64; WHO],
}

/// How many contestants there are.
const WHO: usize = 4;

const OURS: usize = 0;
const MINI_OS: usize = 1;
const LINUX: usize = 2;
const ENTRY: usize = 3;

/// Measures and prints.
pub(super) fn measure(contestants: &Contestants, rounds: usize) {
    // Once to warm up.
    round(contestants);
    let rounds: Vec<Round> = (0..rounds).map(|_| round(contestants)).collect();
    let named = contestants.named();
    let median = |of: &dyn Fn(&Round) -> f64| median(rounds.iter().map(of).collect());

    let line = |name: &str, cells: [String; WHO]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>10}")).collect();
        println!("{name:<44}{cells}");
    };
    line("", named.map(|(name, _)| name.to_owned()));
    let row = |name: &str, values: [f64; WHO]| {
        line(name, values.map(figure));
    };
    let all = |of: fn(&Round) -> &[f64; WHO]| {
        [OURS, MINI_OS, LINUX, ENTRY].map(|who| median(&|round| of(round)[who]))
    };
    row("a pair, ns", all(|round| &round.pair));
    row("a pair, ours through the shared bitmap, ns", all(|round| &round.shared_pair));
    row("a reference in a batch of 256, ns", all(|round| &round.batch));
    let together = all(|round| &round.together);
    row("a pair, two threads at it, ns", together);
    row("memory beside the table, bytes a reference", named.map(|(_, c)| c.bytes_per_reference()));

    println!("\n{:<44}{:>10}{:>10}", "", "measured", "bound");
    let bound = |name: &str, value: f64, is_most: bool, bound: f64| {
        let holds = if is_most { value <= bound } else { value >= bound };
        let sign = if is_most { "<=" } else { ">=" };
        let word = if value.is_nan() {
            "not measured: the machine is busy"
        } else if holds {
            "holds"
        } else {
            "missed"
        };
        println!("{name:<44}{:>10}{:>10}  {word}", figure(value), format!("{sign} {bound}"));
    };
    bound("a pair: ours / mini-os", median(&|r| r.pair[OURS] / r.pair[MINI_OS]), true, 0.8);
    bound("a pair: entry / mini-os", median(&|r| r.pair[ENTRY] / r.pair[MINI_OS]), true, 1.0);
    bound("a batch: ours / mini-os", median(&|r| r.batch[OURS] / r.batch[MINI_OS]), true, 0.6);
    bound("a batch: entry / mini-os", median(&|r| r.batch[ENTRY] / r.batch[MINI_OS]), true, 1.0);
    // Rounds in which two threads had two processors are few where others are at work, so these are
    // ratios of medians.
    let [ours_together, _, linux_together, _] = together;
    let alone = median(&|round| round.pair[OURS]);
    bound("throughput: ours on two threads / on one", alone / ours_together, false, 1.7);
    bound("throughput on two threads: ours / Linux", linux_together / ours_together, false, 3.0);
    bound(
        "memory: ours / Linux",
        named[OURS].1.bytes_per_reference() / named[LINUX].1.bytes_per_reference(),
        true,
        1.0,
    );
}

fn round(contestants: &Contestants) -> Round {
    let each = contestants.named().map(|(_, contestant)| contestant);
    let nanoseconds = |time: Duration, things: usize| time.as_nanos() as f64 / things as f64;
    Round {
        pair: each.map(|contestant| nanoseconds(time(|| contestant.pairs(0, PAIRS)), PAIRS)),
        shared_pair: each
            .map(|contestant| nanoseconds(time(|| contestant.shared_pairs(0, PAIRS)), PAIRS)),
        batch: each.map(|contestant| {
            nanoseconds(time(|| contestant.batches(0, BATCHES)), BATCHES * BATCH)
        }),
        together: [OURS, MINI_OS, LINUX, ENTRY].map(|who| {
            // What has no lock cannot be shared.
            let time = if who == MINI_OS || who == ENTRY { None } else { together(each[who]) };
            time.map_or(f64::NAN, |time| nanoseconds(time, 2 * TOGETHER))
        }),
    }
}

fn figure(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value:.2}") }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// From the first thread's start to the last one's end, in a run in which both had a processor all the
/// time. On a machine with others at work that takes some attempts, and may not come about.
fn together(contestant: &dyn Contestant) -> Option<Duration> {
    (0..ATTEMPTS).find_map(|_| {
        let ready = AtomicUsize::new(0);
        let spans = thread::scope(|scope| {
            [0, 1]
                .map(|thread| {
                    let ready = &ready;
                    scope.spawn(move || span(contestant, thread, ready))
                })
                .map(|handle| handle.join().expect("no contestant panics"))
        });
        let [(a, b), (c, d)] = [spans[0]?, spans[1]?];
        Some(b.max(d) - a.min(c))
    })
}

/// When this thread began and ended, unless it had to wait for a processor.
fn span(
    contestant: &dyn Contestant,
    thread: usize,
    ready: &AtomicUsize,
) -> Option<(Instant, Instant)> {
    let before = waited();
    ready.fetch_add(1, AcqRel);
    while ready.load(Acquire) < 2 {
        hint::spin_loop();
    }
    let start = Instant::now();
    contestant.pairs(thread, TOGETHER);
    let end = Instant::now();
    (waited() == before).then_some((start, end))
}

/// For how long this thread could have run and did not, in nanoseconds, where the system tells.
fn waited() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

/// The middle of what was measured, or nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
