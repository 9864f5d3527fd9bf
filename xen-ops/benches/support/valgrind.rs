//! Instructions, counted by valgrind: they are the same in every run.

use std::env;
use std::process::Command;

/// The argument that makes a benchmark what valgrind looks at.
pub(crate) const CHILD: &str = "--under-valgrind";

/// All instructions of a run of this program with [`CHILD`] and `words`.
pub(crate) fn instructions(words: &[&str]) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .arg(CHILD)
        .args(words)
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}; install it"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    collected
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("valgrind counted nothing:\n{text}"))
}
