//! `gnttab`: shares pages with other Xen domains, and maps and copies theirs, from the command line.
//!
//! `cargo run -p xen-linux --example gnttab -- --help`

mod copy;
mod dump;
mod failure;
mod grant;
mod info;
mod map;
mod share;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::{park, sleep};
use std::time::Duration;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Shares pages with other Xen domains, and maps and copies theirs.
#[derive(Debug, Parser)]
#[command(name = "gnttab", after_help = EXAMPLES)]
struct Arguments {
    /// Where the devices are
    #[arg(long, value_name = "DIRECTORY", default_value = "/dev/xen", global = true)]
    devices: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Share fresh pages with a domain, until interrupted
    ///
    /// Prints a table of the references, which the other domain needs to know. Bytes that FILE does not fill
    /// are zero. The sharing ends with the program, however that ends.
    Share(share::Share),
    /// Map grants of other domains, and show their bytes
    ///
    /// Maps all of the grants for reading, or none.
    Map(map::Map),
    /// Copy between grants and files
    ///
    /// Xen copies; nothing is mapped. Either end is a grant and a byte in it at which to begin
    /// (DOMAIN:REFERENCE+OFFSET); consecutive grants (DOMAIN:FIRST-LAST+OFFSET); a file; or - for standard
    /// input or output. At least one end is grants.
    Copy(copy::Copy),
    /// Show what this domain can do: devices, limits, Xen's version
    ///
    /// The exit status is 3 unless both gntdev and gntalloc can be used.
    Info(info::Info),
}

const EXAMPLES: &str = "\
A grant is DOMAIN:REFERENCE, as 3:8; consecutive ones are 3:8-15. Numbers are decimal, or
hexadecimal with 0x. A page has 4096 bytes, whatever the kernel's page size is.

Examples:
  gnttab info
  echo hello | gnttab share 3 -       domain 3 may read a page that says hello
  gnttab share 3 --writable --pages 4
  gnttab map 3:8                      in the format of hexdump -C
  gnttab map 3:8-15 --raw > pages     eight pages into a file
  gnttab copy 3:8+0x40 - --length 16  sixteen bytes to standard output
  gnttab copy data 3:8-15             a file into pages that are writable
  gnttab copy 3:8 4:1                 from one domain to another

Exit status:
  0  done
  1  failure: the text has the reason
  2  wrong usage
  3  a device is missing or may not be opened: no Xen, no module, no permission";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    let result = run(&arguments, &mut io::stdin().lock(), &mut out)
        .and_then(|()| out.flush().map_err(Failure::Output));
    match result {
        Err(failure) if !failure.is_closed_pipe() => {
            eprintln!("gnttab: {failure}");
            ExitCode::from(failure.status())
        }
        _ => ExitCode::SUCCESS,
    }
}

fn run(
    arguments: &Arguments,
    input: &mut dyn io::Read,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let devices = &arguments.devices;
    match &arguments.command {
        Command::Share(share) => share.run(devices, input, out),
        Command::Map(map) => map.run(devices, out),
        Command::Copy(copy) => copy.run(devices, input, out),
        Command::Info(info) => info.run(devices, out),
    }
}

/// Waits for so many seconds, or until the process is interrupted: the kernel then releases everything.
fn hold(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => sleep(Duration::from_secs(seconds)),
        None => loop {
            park();
        },
    }
}

#[cfg(test)]
mod tests;
