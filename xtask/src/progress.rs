//! Lines that say what is going on and for how long.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

/// The line about one program or command under way.
///
/// On a terminal its line shows the running seconds; elsewhere it grows by a figure every half
/// minute, so that a log shows life without filling up.
pub(crate) struct Progress {
    name: String,
    start: Instant,
    shown: u64,
    alone: bool,
    terminal: bool,
}

impl Progress {
    /// Starts one that prints nothing until it ends: `name ... ok 3.2 s` is one line.
    pub(crate) fn start(name: impl Into<String>) -> Self {
        Self::new(name.into(), true)
    }

    /// Starts one whose own output follows: its name stands before and after.
    pub(crate) fn announce(name: impl Into<String>) -> Self {
        Self::new(name.into(), false)
    }

    fn new(name: String, alone: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let step = Self { name, start: Instant::now(), shown: 0, alone, terminal };
        step.head();
        if !alone {
            anstream::eprintln!();
        }
        step
    }

    fn head(&self) {
        let mark = if self.terminal { '▸' } else { '>' };
        anstream::eprint!("{mark} {} ... ", self.name);
        // Nothing can be done about a standard error that is gone.
        let _ = std::io::stderr().flush();
    }

    /// To be called now and then while it runs.
    pub(crate) fn tick(&mut self) {
        let period = if self.terminal { 1 } else { 30 };
        let now = self.start.elapsed().as_secs() / period * period;
        if self.alone && now > self.shown {
            self.shown = now;
            if self.terminal {
                anstream::eprint!("\r");
                self.head();
            }
            anstream::eprint!("{now} s ");
            let _ = std::io::stderr().flush();
        }
    }

    /// Says how it ended, and how long it took.
    pub(crate) fn end(self, is_ok: bool) -> Duration {
        let elapsed = self.start.elapsed();
        if self.terminal && self.shown > 0 {
            anstream::eprint!("\r\x1b[K");
        }
        if !self.alone || (self.terminal && self.shown > 0) {
            self.head();
        }
        let (word, colour) =
            if is_ok { ("ok", AnsiColor::Green) } else { ("FAILED", AnsiColor::Red) };
        let style = Style::new().bold().fg_color(Some(colour.into()));
        anstream::eprintln!("{style}{word}{style:#} {}", seconds(elapsed));
        elapsed
    }
}

/// A duration, to a tenth of a second.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
