//! Programs that are run for their answer.

use std::process::{Command, Stdio};

/// A program's standard output without surrounding white space; `None` if the program is not
/// installed or fails.
#[must_use]
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// Whether a program can be started and succeeds.
#[must_use]
pub fn succeeds(command: &mut Command) -> bool {
    answer(command).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_is_an_answer() {
        assert_eq!(answer(&mut Command::new("xen-abi-no-such-program")), None);
        assert_eq!(answer(Command::new("sh").args(["-c", "echo hello"])).as_deref(), Some("hello"));
        assert!(!succeeds(Command::new("sh").args(["-c", "exit 3"])));
    }
}
