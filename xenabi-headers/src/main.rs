//! The program `xenabi` with header trees and git revisions beside the records. It needs libclang.

mod trees;

use std::process::ExitCode;

fn main() -> ExitCode {
    xenabi::run(Some(trees::TREES))
}
