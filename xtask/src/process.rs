//! Running programs: with their output kept and shown if they fail, or with their output shown at once.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

pub(crate) use devtools::{answer, succeeds};

use crate::progress::Progress;
use crate::{Error, workspace};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(5);

/// Runs a program with its output captured; shows it, on standard error, if the program fails.
pub(crate) fn captured(name: &str, command: &mut Command) -> Result<Duration, Error> {
    together(name, &mut [(name, command)])
}

/// As [`captured`], several programs at the same time, each with a name of its own, as one step.
pub(crate) fn together(
    step: &str,
    programs: &mut [(&str, &mut Command)],
) -> Result<Duration, Error> {
    let mut logs = Vec::new();
    for (name, command) in programs.iter_mut() {
        let log = log_file(name)?;
        let file = File::create(&log).map_err(Error::file(&log))?;
        let copy = file.try_clone().map_err(Error::file(&log))?;
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        if io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        logs.push(log);
    }
    let mut step = Progress::start(step);
    let mut running = Vec::new();
    for (_, command) in programs.iter_mut() {
        match command.spawn() {
            Ok(child) => running.push(Running(child)),
            Err(source) => {
                step.end(false);
                return Err(cannot_start(command, source));
            }
        }
    }
    let mut failure = None;
    for (index, child) in running.iter_mut().enumerate() {
        let (name, command) = &programs[index];
        let status = loop {
            match child.0.try_wait().map_err(|source| cannot_start(command, source))? {
                Some(status) => break status,
                None => sleep(POLL),
            }
            step.tick();
        };
        if !status.success() {
            failure = failure.or(Some((&logs[index], failed(name, command, status))));
        }
    }
    let Some((log, error)) = failure else { return Ok(step.end(true)) };
    step.end(false);
    let output = std::fs::read(log).map_err(Error::file(log))?;
    anstream::eprintln!("{}", String::from_utf8_lossy(&output).trim_end());
    Err(error)
}

/// A program that is ended with its step.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program and shows its output as it comes.
pub(crate) fn open(name: &str, command: &mut Command) -> Result<Duration, Error> {
    let step = Progress::announce(name);
    let status = command.status().map_err(|source| cannot_start(command, source))?;
    // Our own lines and the program's share a stream that may be a pipe.
    let _ = io::stdout().flush();
    if status.success() {
        return Ok(step.end(true));
    }
    step.end(false);
    Err(failed(name, command, status))
}

/// Runs a program for its standard output; shows its standard error if it fails.
pub(crate) fn output(name: &str, command: &mut Command) -> Result<String, Error> {
    let step = Progress::start(name);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| cannot_start(command, source))?;
    if output.status.success() {
        step.end(true);
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    step.end(false);
    anstream::eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    Err(failed(name, command, output.status))
}

/// A command as a line for a shell, with the variables set for it.
pub(crate) fn line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let shown = name != "CARGO_TERM_COLOR";
        value
            .filter(|_| shown)
            .map(|value| format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())))
    });
    let program = command.get_program().to_string_lossy();
    // Of cargo the full path is known; a user calls it by its name.
    let name = program.strip_suffix("/cargo").map_or(&*program, |_| "cargo").to_owned();
    let arguments = command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
    variables.chain([name]).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

pub(crate) fn cannot_start(command: &Command, source: io::Error) -> Error {
    let program = command.get_program().to_string_lossy().into_owned();
    Error::Start { program, source, remedy: "install it or put it on PATH".to_owned() }
}

fn failed(name: &str, command: &Command, status: ExitStatus) -> Error {
    Error::Failed { name: name.to_owned(), status, command: line(command) }
}

/// The file for the output of a program or step.
pub(crate) fn log_file(name: &str) -> Result<std::path::PathBuf, Error> {
    Ok(workspace::scratch("xtask")?.join(log_file_name(name)))
}

/// A file name for a command line of any length: Linux allows 255 bytes.
fn log_file_name(name: &str) -> String {
    const MOST: usize = 100;
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let mut file: String = name.chars().map(safe).collect();
    if file.len() > MOST {
        // Lines that begin alike have files of their own.
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        file.truncate(MOST);
        file += &format!("-{:016x}", hasher.finish());
    }
    file + ".log"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["doc", "--features", "a b"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(line(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --features 'a b'");
    }

    #[test]
    fn a_long_command_has_a_log_file() {
        assert_eq!(log_file_name("doc xen-abi"), "doc-xen-abi.log");
        let long = |end| log_file_name(&("a,".repeat(1000) + end));
        assert!(long("x").len() < 255);
        assert_ne!(long("x"), long("y"));
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(long("é")), "").unwrap();
    }

    #[test]
    fn programs_run_together_and_the_first_that_fails_is_named() {
        let shell = |line| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", line]);
            command
        };
        let (mut good, mut bad) = (shell("true"), shell("exit 3"));
        assert!(together("both", &mut [("one", &mut good)]).is_ok());
        let error = together("both", &mut [("one", &mut good), ("two", &mut bad)]).unwrap_err();
        assert!(error.to_string().contains("two"), "{error}");

        let mut none = Command::new("/no/such/program");
        let mut long = shell("exec sleep 100");
        let start = std::time::Instant::now();
        assert!(together("both", &mut [("one", &mut long), ("two", &mut none)]).is_err());
        assert!(start.elapsed() < Duration::from_secs(50), "the other one is ended");
    }
}
