//! What a program in dom0 can do with `/dev/xen`, step by step: every ioctl that the kernel offers, in
//! success and in each error that is documented. With arguments, the numbers of other domains: what it
//! does with these until they die.
//!
//! As in the guest's scenarios, nothing is judged here: what is right is in the reference transcript.

mod device;
mod scenarios;
mod transcript;

use std::env;
use std::process::ExitCode;

use rustix::io::Errno;
use transcript::Transcript;

fn main() -> ExitCode {
    let mut transcript = Transcript::default();
    let peers: Vec<u16> = env::args().skip(1).filter_map(|domid| domid.parse().ok()).collect();
    let done = match peers[..] {
        [] => alone(&mut transcript),
        _ => with(&mut transcript, &peers),
    };
    match done {
        Ok(()) => {
            transcript.end();
            ExitCode::SUCCESS
        }
        Err(errno) => {
            eprintln!("what the steps need cannot be had: {errno}");
            ExitCode::FAILURE
        }
    }
}

fn alone(transcript: &mut Transcript) -> Result<(), Errno> {
    for (name, scenario) in scenarios::ALL {
        transcript.begin(name);
        scenario(transcript)?;
    }
    Ok(())
}

/// With other domains, one after another.
fn with(transcript: &mut Transcript, peers: &[u16]) -> Result<(), Errno> {
    for &domid in peers {
        transcript.begin(&format!("peer-{domid}"));
        scenarios::peers::run(transcript, domid)?;
    }
    Ok(())
}
