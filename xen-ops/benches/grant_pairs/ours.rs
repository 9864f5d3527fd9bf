//! Ours.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::{BATCH, Contestant, ENTRIES, table};

/// A stand-in: a bitmap of free references, of which each thread prefers another part.
pub(super) struct Ours {
    table: &'static [[AtomicU32; 2]; ENTRIES],
    free: Vec<Line>,
}

#[repr(align(64))]
struct Line([AtomicU64; 8]);

const WORDS: usize = ENTRIES / 64;

impl Ours {
    pub(super) fn new() -> Self {
        // SAFETY: the table is nobody else's, and as large.
        let table = unsafe { &*table().cast() };
        let word = |n| AtomicU64::new(if n == 0 { !0xff } else { !0 });
        let line = |n| Line(std::array::from_fn(|k| word(n * 8 + k)));
        Self { table, free: (0..WORDS / 8).map(line).collect() }
    }

    fn take(&self, start: usize) -> usize {
        (start..start + WORDS)
            .find_map(|n| {
                let n = n % WORDS;
                let word = &self.free[n / 8].0[n % 8];
                let mut value = word.load(Relaxed);
                while value != 0 {
                    let rest = value & (value - 1);
                    match word.compare_exchange_weak(value, rest, Acquire, Relaxed) {
                        Ok(_) => return Some(n * 64 + value.trailing_zeros() as usize),
                        Err(actual) => value = actual,
                    }
                }
                None
            })
            .expect("there are enough")
    }

    fn give(&self, reference: usize) {
        let n = reference / 64;
        self.free[n / 8].0[n % 8].fetch_or(1 << (reference % 64), Release);
    }

    fn grant(&self, reference: usize, frame: u32) {
        let [header, frame_of] = &self.table[reference];
        frame_of.store(frame, Relaxed);
        header.store(7 << 16 | 1, Release);
    }

    fn end(&self, reference: usize) {
        let header = &self.table[reference][0];
        let value = header.load(Relaxed);
        header.compare_exchange(value, 0, AcqRel, Relaxed).expect("nobody else is here");
    }
}

impl Contestant for Ours {
    fn pairs(&self, thread: usize, pairs: usize) {
        for n in 0..pairs {
            let reference = self.take(thread * WORDS / 2);
            self.grant(reference, n as u32);
            self.end(reference);
            self.give(reference);
        }
    }

    fn batches(&self, thread: usize, batches: usize) {
        for _ in 0..batches {
            let references: [usize; BATCH] = std::array::from_fn(|n| {
                let reference = self.take(thread * WORDS / 2);
                self.grant(reference, n as u32);
                reference
            });
            for reference in references {
                self.end(reference);
                self.give(reference);
            }
        }
    }

    fn bytes_per_reference(&self) -> f64 {
        1.0 / 8.0
    }
}
