//! A running QEMU: read until it ends or its time is up, and always ended.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::{Cause, Error};

/// What Xen writes when the first domain powers off. On x86 it then halts the processors and no more.
const HALTED: &str = "Dom0 halted: halting machine";

/// What is waited for.
enum Event {
    Bytes(Vec<u8>),
    /// The serial line is closed: QEMU has ended or is about to.
    End,
    Stop,
}

/// A QEMU that is killed when the value goes.
pub(crate) struct Process {
    child: Child,
    events: Receiver<Event>,
    sender: Sender<Event>,
    start: Instant,
}

/// Stops a machine that another thread waits for.
#[derive(Clone, Debug)]
pub struct Stopper(Sender<Event>);

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::End => "End",
            Self::Stop => "Stop",
        })
    }
}

impl Stopper {
    /// Ends the machine: its wait returns [`Cause::Stopped`] unless it has ended already.
    pub fn stop(&self) {
        let _ = self.0.send(Event::Stop);
    }
}

/// How a machine is read.
pub(crate) struct Limits {
    /// How long it may run.
    pub(crate) time: Option<Duration>,
    /// The most bytes that it may write.
    pub(crate) bytes: usize,
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

impl Process {
    /// Starts QEMU. What it says of its own goes to the file `complaints`. Nothing comes over the serial
    /// line to it unless `has_input`.
    pub(crate) fn start(
        command: &mut Command,
        complaints: &Path,
        has_input: bool,
    ) -> io::Result<Self> {
        let stdin = if has_input { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(File::create(complaints)?);
        // A terminal's signals are for this process, which then ends QEMU.
        command.process_group(0);
        die_with_parent(command);
        let start = Instant::now();
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let (sender, events) = mpsc::channel();
        let process = Self { child, events, sender: sender.clone(), start };
        if let Some(stdout) = stdout {
            // Ends by itself when QEMU does, since QEMU holds the other end.
            thread::spawn(move || hand_on(stdout, &sender));
        }
        Ok(process)
    }

    /// Where bytes for the serial line go, if it has input.
    pub(crate) fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// What ends it from another thread.
    pub(crate) fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Reads until the machine ends or a limit is reached. All of it goes to the file `log` and to `sink`.
    pub(crate) fn finish(
        mut self,
        limits: &Limits,
        log: &Path,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Ended, Error> {
        let mut file = File::create(log).map_err(Error::file(log))?;
        let mut output = Vec::new();
        let end = loop {
            let event = match limits.time {
                Some(limit) => self.events.recv_timeout(limit.saturating_sub(self.start.elapsed())),
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Bytes(bytes)) => {
                    file.write_all(&bytes).map_err(Error::file(log))?;
                    sink(&bytes);
                    let looked_at = output.len().saturating_sub(HALTED.len());
                    output.extend(bytes);
                    if contains(&output[looked_at..], HALTED) {
                        break Ok(Some(0));
                    }
                    if output.len() > limits.bytes {
                        break Err(Cause::Garbage { bytes: output.len() });
                    }
                }
                Ok(Event::Stop) => break Err(Cause::Stopped),
                Err(RecvTimeoutError::Timeout) => {
                    break Err(Cause::Deadline(limits.time.unwrap_or_default()));
                }
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_err(Error::file(log))?;
                    break Ok(status.code());
                }
            }
        };
        let elapsed = self.start.elapsed();
        Ok(Ended { output: String::from_utf8_lossy(&output).into_owned(), end, elapsed })
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Whether the first domain powered off, as a machine's output says.
pub(crate) fn is_powered_off(output: &str) -> bool {
    output.contains(HALTED)
}

impl Drop for Process {
    fn drop(&mut self) {
        // Best effort: both fail when it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hand_on(mut stdout: impl Read, sender: &Sender<Event>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stdout.read(&mut buffer) {
        if sender.send(Event::Bytes(buffer[..count].to_vec())).is_err() {
            return;
        }
    }
    let _ = sender.send(Event::End);
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

    const LIMITS: Limits = Limits { time: Some(Duration::from_secs(20)), bytes: 4096 };

    fn start(script: &str) -> (Process, tempfile::TempDir) {
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let complaints = place.path().join("complaints");
        (Process::start(&mut command, &complaints, false).unwrap(), place)
    }

    fn end(script: &str) -> Result<Option<i32>, Cause> {
        let (process, place) = start(script);
        process.finish(&LIMITS, &place.path().join("log"), &mut |_| ()).unwrap().end
    }

    #[test]
    fn a_machine_that_is_dropped_is_gone() {
        let (process, _place) = start("exec sleep 100");
        let entry = format!("/proc/{}", process.child.id());
        assert!(Path::new(&entry).exists());
        drop(process);
        assert!(!Path::new(&entry).exists());
    }

    #[test]
    fn a_machine_that_is_stopped_is_gone() {
        let (process, place) = start("exec sleep 100");
        let entry = format!("/proc/{}", process.child.id());
        let stopper = process.stopper();
        let stop = thread::spawn(move || stopper.stop());
        let ended = process.finish(&LIMITS, &place.path().join("log"), &mut |_| ()).unwrap();
        stop.join().unwrap();
        assert_eq!(ended.end, Err(Cause::Stopped));
        assert!(!Path::new(&entry).exists());
    }

    #[test]
    fn a_domain_that_powers_off_ends_the_machine() {
        // In two pieces, and the processor halts afterwards.
        let script = "printf '(XEN) Hardware Dom0 hal'; sleep 0.1; echo 'ted: halting machine'; \
                      exec sleep 100";
        assert_eq!(end(script), Ok(Some(0)));
        assert_eq!(end("exit 7"), Ok(Some(7)));
        assert_eq!(end("kill -9 $$"), Ok(None));
    }

    #[test]
    fn a_full_disk_is_named_and_the_machine_gone() {
        let (process, _place) = start("echo a line; exec sleep 100");
        let entry = format!("/proc/{}", process.child.id());
        let result = process.finish(&LIMITS, Path::new("/dev/full"), &mut |_| ());
        let error = result.err().unwrap().to_string();
        assert!(error.contains("/dev/full") && error.contains("No space left"), "{error}");
        assert!(!Path::new(&entry).exists());
    }
}
