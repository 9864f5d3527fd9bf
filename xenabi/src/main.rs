//! Answers questions about Xen's public ABI from the records.

use std::process::ExitCode;

fn main() -> ExitCode {
    xenabi::run(None)
}
