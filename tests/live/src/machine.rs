//! A running QEMU: read until it ends or its time is up, and always ended.

use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::{Cause, Error};

/// The most bytes that a boot may write: ten times what a chatty one does.
const OUTPUT_LIMIT: usize = 512 << 10;

/// A QEMU that is killed when the value goes.
pub(crate) struct Machine {
    child: Child,
    output: Receiver<Vec<u8>>,
    start: Instant,
}

/// What a machine wrote and how it ended.
pub(crate) struct Ended {
    /// All that came over the serial line.
    pub(crate) output: String,
    /// Its exit status, or why it had to be killed.
    pub(crate) end: Result<Option<i32>, Cause>,
    /// How long it ran.
    pub(crate) elapsed: Duration,
}

impl Machine {
    /// Starts QEMU. What it says of its own goes to the file `complaints`.
    pub(crate) fn start(command: &mut Command, complaints: &Path) -> std::io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(complaints)?);
        die_with_parent(command);
        let start = Instant::now();
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let (sender, output) = mpsc::channel();
        let machine = Self { child, output, start };
        if let Some(stdout) = stdout {
            // Ends by itself when QEMU does, since QEMU holds the other end.
            thread::spawn(move || hand_on(stdout, &sender));
        }
        Ok(machine)
    }

    /// Reads until the machine ends or `limit` is over, and writes all of it to the file `log`.
    pub(crate) fn finish(mut self, limit: Duration, log: &Path) -> Result<Ended, Error> {
        let mut file = File::create(log).map_err(Error::file(log))?;
        let mut output = Vec::new();
        let end = loop {
            let left = limit.saturating_sub(self.start.elapsed());
            match self.output.recv_timeout(left) {
                Ok(bytes) => {
                    file.write_all(&bytes).map_err(Error::file(log))?;
                    output.extend(bytes);
                    if output.len() > OUTPUT_LIMIT {
                        break Err(Cause::Garbage { bytes: output.len() });
                    }
                }
                Err(RecvTimeoutError::Timeout) => break Err(Cause::Deadline(limit)),
                // The serial line is closed: QEMU has ended or is about to.
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_err(Error::file(log))?;
                    break Ok(status.code());
                }
            }
        };
        let elapsed = self.start.elapsed();
        Ok(Ended { output: String::from_utf8_lossy(&output).into_owned(), end, elapsed })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Best effort: both fail when it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hand_on(mut stdout: ChildStdout, sender: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stdout.read(&mut buffer) {
        if sender.send(buffer[..count].to_vec()).is_err() {
            return;
        }
    }
}

/// Has the kernel kill the program when this thread ends: the destructor may never run.
#[allow(unsafe_code, reason = "what runs between fork and exec is restricted")]
fn die_with_parent(command: &mut Command) {
    // SAFETY: makes one system call, and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> (Machine, tempfile::TempDir) {
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let machine = Machine::start(&mut command, &place.path().join("complaints")).unwrap();
        (machine, place)
    }

    #[test]
    fn a_machine_that_is_dropped_is_gone() {
        let (machine, _place) = start("exec sleep 100");
        let process = format!("/proc/{}", machine.child.id());
        assert!(Path::new(&process).exists());
        drop(machine);
        assert!(!Path::new(&process).exists());
    }

    #[test]
    fn a_full_disk_is_named_and_the_machine_gone() {
        let (machine, _place) = start("echo a line; exec sleep 100");
        let process = format!("/proc/{}", machine.child.id());
        let result = machine.finish(Duration::from_secs(20), Path::new("/dev/full"));
        let error = result.err().unwrap().to_string();
        assert!(error.contains("/dev/full") && error.contains("No space left"), "{error}");
        assert!(!Path::new(&process).exists());
    }
}
