//! Creates a PVH guest and shows its console, as `xl create -c` does, without libxl and xenstore.
//!
//! In a Linux control domain:
//!
//! ```text
//! cargo run -p xen-toolstack --example create -- --memory 64 --cmdline "hello" KERNEL
//! ```
//!
//! What the guest writes goes to standard output as it is. The domain is destroyed when the guest shuts down,
//! at the first error, and at Ctrl-C.

use std::error::Error;
use std::process::ExitCode;

const HELP: &str = "\
Creates a PVH guest and shows its console until it shuts down. Run it as root of a Linux control domain.

Usage: create [OPTIONS] KERNEL

  KERNEL              an ELF file of 64 bits with Xen's note of its PVH entry point

Options:
  -m, --memory MIB    the guest's memory [32]
  -v, --vcpus N       how many vCPUs it may have [1]
  -c, --cmdline TEXT  the kernel's command line
      --module FILE   a module, such as an initial ramdisk; more than once for several
      --paused        do not start it
  -h, --help          this text
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("create: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn run() -> Result<(), Box<dyn Error>> {
    linux::run()
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn run() -> Result<(), Box<dyn Error>> {
    Err(format!("this needs Linux on x86-64\n\n{HELP}").into())
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod linux {
    use std::error::Error;
    use std::fs;
    use std::io::{self, Write as _};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use lexopt::prelude::*;
    use signal_hook::consts::{SIGINT, SIGTERM};
    use xen_io::stream::{Stream, console};
    use xen_linux::{PortSet, Privcmd, ReadWrite, View, evtchn_port_t};
    use xen_toolstack::xen_abi::sched::*;
    use xen_toolstack::{BuiltGuest, CreateConfig, Module, PvhGuest, PvhKernel, Toolstack};

    use super::HELP;

    /// How long to wait for an event before looking whether the guest has shut down.
    const WAIT: Duration = Duration::from_millis(100);

    #[derive(Default)]
    struct Options {
        kernel: PathBuf,
        memory_mib: u64,
        vcpus: u32,
        command_line: String,
        modules: Vec<PathBuf>,
        paused: bool,
    }

    /// The options, or `None` if help was asked for.
    fn options() -> Result<Option<Options>, lexopt::Error> {
        let mut options = Options { memory_mib: 32, vcpus: 1, ..Options::default() };
        let (mut kernel, mut parser) = (None, lexopt::Parser::from_env());
        while let Some(argument) = parser.next()? {
            match argument {
                Short('m') | Long("memory") => options.memory_mib = parser.value()?.parse()?,
                Short('v') | Long("vcpus") => options.vcpus = parser.value()?.parse()?,
                Short('c') | Long("cmdline") => options.command_line = parser.value()?.string()?,
                Long("module") => options.modules.push(parser.value()?.into()),
                Long("paused") => options.paused = true,
                Short('h') | Long("help") => return Ok(None),
                Value(path) if kernel.is_none() => kernel = Some(path.into()),
                other => return Err(other.unexpected()),
            }
        }
        options.kernel = kernel.ok_or("there is no KERNEL: see --help")?;
        Ok(Some(options))
    }

    pub(super) fn run() -> Result<(), Box<dyn Error>> {
        let Some(options) = options()? else {
            print!("{HELP}");
            return Ok(());
        };
        // Before there is a domain: what interrupts its creation takes effect after it.
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let kernel = read(&options.kernel)?;
        let modules =
            options.modules.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let modules: Vec<_> =
            modules.iter().map(|content| Module { content, command_line: "" }).collect();
        let guest = PvhGuest::new(PvhKernel::parse(&kernel)?);
        let guest = PvhGuest {
            memory: options.memory_mib.checked_mul(1 << 20).ok_or("too much memory")?,
            command_line: &options.command_line,
            modules: &modules,
            config: CreateConfig { max_vcpus: options.vcpus, ..guest.config },
            ..guest
        };
        let xen = Privcmd::open()?;
        let toolstack = Toolstack::detect(&xen)?;
        let built = toolstack.build(&xen, &guest)?;
        println!("created {}", built.domain.id());
        if !options.paused {
            toolstack.unpause(built.domain.id())?;
        }
        show_console(&xen, &toolstack, &built, &stop)?;
        built.domain.destroy().map_err(|failed| failed.error)?;
        println!("destroyed");
        Ok(())
    }

    fn read(path: &Path) -> Result<Vec<u8>, String> {
        fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Shows the console until the guest has shut down, or until a signal.
    fn show_console(
        xen: &Privcmd,
        toolstack: &Toolstack<&Privcmd>,
        built: &BuiltGuest<'_, &Privcmd>,
        stop: &AtomicBool,
    ) -> Result<(), Box<dyn Error>> {
        let id = built.domain.id();
        let frames = xen.map_frames(id, &[built.console.frame], ReadWrite)?;
        frames.all()?;
        let page = frames.frame(0).ok_or("the console is not mapped")?;
        let mut stream = Stream::attach(page, console::BACK).map_err(|failed| failed.error)?;
        let mut events = PortSet::open()?;
        let port = events.bind_interdomain(id, built.console.port, ())?;
        while !stop.load(Ordering::Relaxed) {
            // Asked for before the console is read, so that nothing is missed.
            let shutdown = toolstack.domain_info(id)?.shutdown();
            show(&mut stream, &events, port)?;
            if let Some(reason) = shutdown {
                println!("shut down: {}", name(reason));
                return Ok(());
            }
            match events.wait(Some(WAIT)) {
                Ok(Some(port)) => events.unmask(port)?,
                Ok(None) => {}
                // A signal: the loop's condition looks at it.
                Err(error) if error.as_errno() == Some(xen_linux::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        println!("interrupted");
        Ok(())
    }

    /// Writes what is in the ring now to standard output.
    fn show(
        stream: &mut Stream<View<'_, ReadWrite>>,
        events: &PortSet<()>,
        port: evtchn_port_t,
    ) -> Result<(), Box<dyn Error>> {
        let mut buffer = [0; 2048];
        let read = stream.read(&mut buffer)?;
        if read.bytes > 0 {
            io::stdout().write_all(&buffer[..read.bytes])?;
            io::stdout().flush()?;
        }
        if read.notify {
            events.notify(port)?;
        }
        Ok(())
    }

    fn name(reason: u32) -> String {
        let names = [
            (SHUTDOWN_poweroff, "poweroff"),
            (SHUTDOWN_reboot, "reboot"),
            (SHUTDOWN_suspend, "suspend"),
            (SHUTDOWN_crash, "crash"),
            (SHUTDOWN_watchdog, "watchdog"),
            (SHUTDOWN_soft_reset, "soft reset"),
        ];
        let found = names.iter().find(|(number, _)| *number == reason);
        found.map_or_else(|| format!("reason {reason}"), |(_, name)| (*name).to_owned())
    }
}
