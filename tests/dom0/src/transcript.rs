//! Lines for the harness.

use std::fmt::{self, Display};
use std::io::{self, Write as _};

use rustix::io::Errno;
use xen_scenarios::Line;

/// The lines of the first domain, on standard output.
#[derive(Default)]
pub(crate) struct Transcript {
    steps: usize,
}

impl Transcript {
    /// Begins a scenario.
    pub(crate) fn begin(&mut self, scenario: &str) {
        write(&Line::Begin { scenario });
    }

    /// The result of a step, whose name has no colon.
    pub(crate) fn step(&mut self, name: &str, result: impl Display) {
        self.steps += 1;
        write(&Line::Step { name, result: &result.to_string() });
    }

    /// The result of a system call.
    pub(crate) fn call<T: Display>(&mut self, name: &str, result: Result<T, Errno>) {
        self.step(name, Answer(result));
    }

    /// Ends the transcript.
    pub(crate) fn end(self) {
        write(&Line::End { steps: self.steps });
    }
}

/// Writes a line at once, so that Xen's own messages come between lines, not into one. The harness notices
/// a line that could not be written.
fn write(line: &Line<'_>) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(format!("@0 {line}\n").as_bytes());
    let _ = out.flush();
}

/// A value, or the name of an error number.
pub(crate) struct Answer<T>(pub(crate) Result<T, Errno>);

impl<T: Display> Display for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(value) => value.fmt(f),
            Err(errno) => match name(*errno) {
                Some(name) => write!(f, "-{name}"),
                None => write!(f, "-{}", errno.raw_os_error()),
            },
        }
    }
}

/// The name of an error number: Xen's, where it has the same, or one of those that it does not have.
fn name(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::NOTTY => Some("ENOTTY"),
        Errno::FBIG => Some("EFBIG"),
        Errno::TIMEDOUT => Some("ETIMEDOUT"),
        errno => {
            let name = xen_abi::Errno(errno.raw_os_error().unsigned_abs()).name()?;
            Some(name.trim_start_matches("XEN_"))
        }
    }
}
