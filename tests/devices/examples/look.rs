//! Runs a program with `/dev/xen`, and prints its system calls.
//!
//! `cargo run -p xen-devices --example look -- PROGRAM ARGUMENTS...`; with `FAIL=3:4` in the
//! environment, the fourth call in the program's windows fails with error number 4, EINTR.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use xen_devices::{Errno, Program};

    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("usage: look PROGRAM ARGUMENTS...")?;
    let mut program = arguments.fold(Program::new(program), Program::arg);
    if let Ok(fault) = std::env::var("FAIL") {
        let (nth, errno) = fault.split_once(':').ok_or("FAIL=CALL:ERRNO, two numbers")?;
        program = program.fail(nth.parse()?, Errno::from_raw(errno.parse()?));
    }
    let run = program.run()?;
    print!("{}", run.stdout);
    eprint!("{}", run.stderr);
    for window in &run.windows {
        println!("window {}, {} allocations:", window.name, window.heap_requests);
        window.calls.iter().for_each(|call| println!("    {call}"));
        if window.after.is_some() {
            println!("leaked {}", window.leaked());
        }
    }
    println!("{:?}; it leaked {}", run.ending, run.left);
    Ok(())
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {
    eprintln!("programs can be supervised on Linux and x86_64 only");
}
