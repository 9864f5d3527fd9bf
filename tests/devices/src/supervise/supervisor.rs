//! Follows a program from system call to system call.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::process::{Pid as Id, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::error::Error;
use super::fault::{Failure, Fault};
use super::kernel::{Afterwards, Kernel, Verdict};
use super::process::Process;
use super::program::{Ending, Window};
use super::state::State;
use super::thread::{SystemCall, Thread};
use crate::marker;

/// More calls in one window mean that the program does not end.
const MAX_CALLS: usize = 2000;
/// How long a program may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A call in the real kernel, and what to do with its result.
#[derive(Debug)]
struct UnderWay {
    arguments: [u64; 6],
    outcome: Outcome,
    /// Its index in the current window.
    listed: Option<usize>,
}

#[derive(Debug)]
enum Outcome {
    /// That of the real kernel.
    Its,
    /// This one.
    Answer(Result<i64, Errno>),
    /// It follows from the result of another call.
    Then(Afterwards),
}

/// What the supervisor has seen of a program.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) ending: Ending,
    pub(crate) windows: Vec<Window>,
    pub(crate) at_start: State,
    pub(crate) at_exit: State,
}

/// A program that is traced by this thread.
#[derive(Debug)]
pub(crate) struct Supervisor {
    root: Pid,
    kernel: Kernel,
    faults: Vec<Fault>,
    /// All threads of the program and its children, each with the call that it is in.
    threads: BTreeMap<Pid, Option<UnderWay>>,
    windows: Vec<Window>,
    /// The last window has not ended.
    within: bool,
    /// Calls made in windows.
    calls: usize,
    at_start: State,
    at_exit: State,
    runaway: bool,
}

impl Supervisor {
    pub(crate) fn start(mut command: Command, faults: Vec<Fault>) -> Result<Self, Error> {
        trace(&mut command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(|source| Error::Start { program, source })?;
        let root = Pid::from_raw(child.id() as i32);
        // The child stops by itself once it runs the program.
        waitpid(root, None)?;
        let all = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACEEXIT;
        ptrace::setoptions(root, all)?;
        let kernel = Kernel::new()?;
        let at_start = kernel.state(Process(root));
        Ok(Self {
            root,
            kernel,
            faults,
            threads: BTreeMap::from([(root, None)]),
            windows: Vec::new(),
            within: false,
            calls: 0,
            at_start,
            at_exit: State::default(),
            runaway: false,
        })
    }

    pub(crate) fn run(mut self) -> Result<Seen, Error> {
        let timer = Timer::start(self.root)?;
        let ending = ptrace::syscall(self.root, None).and_then(|()| self.follow());
        if ending.is_err() {
            // It was not waited for, so its number is still its own.
            let _ = kill(self.root, Signal::SIGKILL);
        }
        let late = timer.stop();
        let ending = match ending? {
            _ if self.runaway => Ending::Runaway,
            Ending::Killed(_) if late => Ending::Late,
            ending => ending,
        };
        let Self { windows, at_start, at_exit, .. } = self;
        Ok(Seen { ending, windows, at_start, at_exit })
    }

    fn follow(&mut self) -> Result<Ending, Errno> {
        loop {
            // Not of children that other threads of this process have.
            match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD))? {
                WaitStatus::Exited(pid, status) if pid == self.root => {
                    return Ok(Ending::Exited(status));
                }
                WaitStatus::Signaled(pid, signal, _) if pid == self.root => {
                    return Ok(Ending::Killed(signal as i32));
                }
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                    self.threads.remove(&pid);
                }
                stopped => self.stopped(stopped).or_else(gone)?,
            }
        }
    }

    fn stopped(&mut self, status: WaitStatus) -> Result<(), Errno> {
        let mut deliver = None;
        let pid = match status {
            WaitStatus::PtraceSyscall(pid) => {
                match self.threads.insert(pid, None).flatten() {
                    None => self.enter(Thread(pid))?,
                    Some(under_way) => self.leave(Thread(pid), under_way)?,
                }
                pid
            }
            WaitStatus::PtraceEvent(pid, _, event) => {
                if pid == self.root && event == ptrace::Event::PTRACE_EVENT_EXIT as i32 {
                    self.at_exit = self.state(pid);
                }
                pid
            }
            WaitStatus::Stopped(pid, signal) => {
                // The first stop of a thread that was just traced is the trace's.
                let new = !self.threads.contains_key(&pid);
                self.threads.entry(pid).or_default();
                deliver = (!(new && signal == Signal::SIGSTOP)).then_some(signal);
                pid
            }
            _ => return Ok(()),
        };
        ptrace::syscall(pid, deliver)
    }

    fn state(&mut self, pid: Pid) -> State {
        self.look();
        self.kernel.state(Process(pid))
    }

    /// Lets the devices see what is in use, unless a thread is opening or mapping one: the device would take
    /// that for closed.
    fn look(&mut self) {
        let mut under_way = self.threads.values().flatten();
        if !under_way.any(|call| matches!(call.outcome, Outcome::Then(_))) {
            self.kernel.look(self.threads.keys().copied().map(Process));
        }
    }

    fn enter(&mut self, thread: Thread) -> Result<(), Errno> {
        let call = thread.call()?;
        let (outcome, listed) = if call.number == marker::NUMBER {
            self.mark(thread, call);
            thread.skip()?;
            (Outcome::Answer(Ok(0)), None)
        } else {
            if self.kernel.answers(call) {
                self.look();
            }
            let (failure, listed) = self.list(thread, call);
            (self.outcome(thread, call, failure)?, listed)
        };
        let under_way = UnderWay { arguments: call.arguments, outcome, listed };
        self.threads.insert(thread.0, Some(under_way));
        Ok(())
    }

    /// Lists the call if it is in a window, and returns its failure if it has one.
    fn list(&mut self, thread: Thread, call: SystemCall) -> (Option<Failure>, Option<usize>) {
        let Some(window) = self.windows.last_mut().filter(|_| self.within) else {
            return (None, None);
        };
        let mut call = self.kernel.describe(thread, call);
        let mut faults = self.faults.iter_mut();
        let failure = faults.find_map(|fault| fault.strikes(self.calls, &call));
        call.failed = failure.is_some();
        self.calls += 1;
        window.calls.push(call);
        if window.calls.len() >= MAX_CALLS {
            self.runaway = true;
            // It is stopped, so its number is still its own.
            let _ = kill(self.root, Signal::SIGKILL);
        }
        (failure, Some(window.calls.len() - 1))
    }

    fn outcome(
        &mut self,
        thread: Thread,
        call: SystemCall,
        failure: Option<Failure>,
    ) -> Result<Outcome, Errno> {
        if let Some(Failure { errno, performed }) = failure {
            if !performed {
                thread.skip()?;
            }
            return Ok(Outcome::Answer(Err(errno)));
        }
        Ok(match self.kernel.enter(thread, call)? {
            Verdict::Pass => Outcome::Its,
            Verdict::Answer(result) => {
                thread.skip()?;
                Outcome::Answer(result)
            }
            Verdict::Instead(call, then) => {
                thread.replace(call)?;
                Outcome::Then(then)
            }
        })
    }

    fn leave(&mut self, thread: Thread, under_way: UnderWay) -> Result<(), Errno> {
        let UnderWay { arguments, outcome, listed } = under_way;
        let result = match outcome {
            Outcome::Its => thread.result()?,
            Outcome::Answer(Ok(value)) => value,
            Outcome::Answer(Err(errno)) => -i64::from(errno as i32),
            Outcome::Then(then) => self.kernel.leave(thread, then, thread.result()?),
        };
        thread.finish(arguments, result)?;
        self.kernel.signal();
        let call = listed.and_then(|at| self.windows.last_mut()?.calls.get_mut(at));
        if let Some(call) = call {
            let errno = i32::try_from(-result).ok().filter(|errno| (1..4096).contains(errno));
            call.result = errno.map_or(Ok(result), |errno| Err(Errno::from_raw(errno)));
        }
        Ok(())
    }

    fn mark(&mut self, thread: Thread, call: SystemCall) {
        const LONGEST: usize = 100;
        let state = self.state(thread.0);
        let [what, first, second, ..] = call.arguments;
        match what {
            marker::BEGIN => {
                let mut name = vec![0; usize::try_from(second).unwrap_or(LONGEST).min(LONGEST)];
                // A name that cannot be read is all zeros.
                let _ = thread.read(first, &mut name);
                let name = String::from_utf8_lossy(&name).into_owned();
                self.windows.push(Window { name, before: state, ..Window::default() });
                self.within = true;
            }
            marker::END => {
                if let Some(window) = self.windows.last_mut().filter(|_| self.within) {
                    window.after = Some(state);
                    window.heap_requests = first;
                    window.heap_kept = second as i64;
                }
                self.within = false;
            }
            _ => {}
        }
    }
}

/// A thread can be killed while it is stopped; then its end is reported next.
fn gone(errno: Errno) -> Result<(), Errno> {
    if errno == Errno::ESRCH { Ok(()) } else { Err(errno) }
}

#[allow(unsafe_code, reason = "a hook between fork and exec")]
fn trace(command: &mut Command) {
    // SAFETY: the hook does only what a signal handler may do: `ptrace` is a system call, and the
    // conversion of its error allocates nothing.
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(io::Error::from)) };
}

/// Kills a process that takes too long.
struct Timer {
    done: mpsc::Sender<()>,
    late: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Timer {
    fn start(pid: Pid) -> Result<Self, Error> {
        let pid = Id::from_raw(pid.as_raw()).ok_or(Errno::ESRCH)?;
        let process = pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from)?;
        let (done, is_done) = mpsc::channel::<()>();
        let late = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let late = Arc::clone(&late);
            move || {
                if is_done.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    late.store(true, Ordering::Relaxed);
                    let _ = pidfd_send_signal(&process, rustix::process::Signal::KILL);
                }
            }
        });
        Ok(Self { done, late, thread })
    }

    /// Stops the timer. Returns whether it has killed the process.
    fn stop(self) -> bool {
        drop(self.done);
        // A thread that only waits and kills does not panic.
        let _ = self.thread.join();
        self.late.load(Ordering::Relaxed)
    }
}
