//! The lines that the harness reads.

use std::fmt::Display;
use std::io::{self, Write as _};

/// The lines of the first domain, on standard output.
pub(crate) struct Transcript {
    steps: usize,
}

impl Transcript {
    /// A transcript without a line.
    pub(crate) fn new() -> Self {
        Self { steps: 0 }
    }

    /// A scenario begins.
    pub(crate) fn begin(&mut self, scenario: &str) -> io::Result<()> {
        line(format_args!("begin {scenario}"))
    }

    /// What came of a step; no colon is in its name.
    pub(crate) fn step(&mut self, name: &str, result: impl Display) -> io::Result<()> {
        self.steps += 1;
        line(format_args!("step {name}: {result}"))
    }

    /// There is no more.
    pub(crate) fn end(self) -> io::Result<()> {
        line(format_args!("end {}", self.steps))
    }
}

/// Writes a line at once: Xen's own messages come between lines then, not into one.
fn line(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("@0 {text}\n").as_bytes())?;
    out.flush()
}
