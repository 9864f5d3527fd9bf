//! What a program in dom0 can do with `/dev/xen`, step by step: every ioctl of the kernel, in success and in
//! each documented error. Its arguments are the numbers of other domains, with which it works until they
//! die, or `without=` and the names of scenarios that it leaves out.
//!
//! As in the guest's scenarios, nothing is checked here: the expected results are in the reference
//! transcript.

mod device;
mod scenarios;
mod transcript;

use std::env;
use std::process::ExitCode;

use rustix::io::Errno;
use transcript::Transcript;

fn main() -> ExitCode {
    let mut transcript = Transcript::default();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let peers: Vec<u16> = arguments.iter().filter_map(|domid| domid.parse().ok()).collect();
    let without = arguments.iter().filter_map(|word| word.strip_prefix("without="));
    let without: Vec<&str> = without.flat_map(|names| names.split(',')).collect();
    if let Some(name) = without.iter().find(|name| scenarios::ALL.iter().all(|own| own.0 != **name))
    {
        eprintln!("there is no scenario {name}");
        return ExitCode::FAILURE;
    }
    let done = match peers[..] {
        [] => alone(&mut transcript, &without),
        _ => with(&mut transcript, &peers),
    };
    match done {
        Ok(()) => {
            transcript.end();
            ExitCode::SUCCESS
        }
        Err(errno) => {
            eprintln!("a step that others need has failed: {errno}");
            ExitCode::FAILURE
        }
    }
}

fn alone(transcript: &mut Transcript, without: &[&str]) -> Result<(), Errno> {
    for (name, scenario) in scenarios::ALL.iter().filter(|own| !without.contains(&own.0)) {
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
