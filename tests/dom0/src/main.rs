//! What a program in dom0 can do with `/dev/xen`, step by step: every ioctl that the kernel offers, in
//! success and in each error that is documented.
//!
//! As in the guest's scenarios, nothing is judged here: what is right is in the reference transcript.

mod device;
mod scenarios;
mod transcript;

use std::process::ExitCode;

use transcript::Transcript;

fn main() -> ExitCode {
    let mut transcript = Transcript::default();
    for (name, scenario) in scenarios::ALL {
        transcript.begin(name);
        if let Err(errno) = scenario(&mut transcript) {
            eprintln!("{name}: what the steps need cannot be had: {errno}");
            return ExitCode::FAILURE;
        }
    }
    transcript.end();
    ExitCode::SUCCESS
}
