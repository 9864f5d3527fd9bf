//! Builds hypervisors that no package has with debug information, and compares their layouts with
//! ours, as `cargo xtask live --from-source` runs it.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use debian_packages::{Options as Packages, default_cache};
use devtools::{Arch, Table};
use xen_headers::Upstream;
use xen_layouts::Error;
use xen_layouts::build::build;
use xen_layouts::hypervisor::{Compared, compare};
use xen_layouts::source::HypervisorSource;

/// Builds hypervisors from source and compares their layouts with ours.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask live --from-source")]
struct Options {
    /// Only this release; may be repeated
    #[arg(long)]
    release: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let repository = Upstream::from_env().git;
    let wanted = HypervisorSource::wanted(&options.release, repository.as_deref());
    match wanted.and_then(|all| run(&all)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            let is_usage = matches!(error, Error::NotBuilt { .. } | Error::NoClone { .. });
            if is_usage { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether every layout is the same. Each difference was printed.
fn run(all: &[HypervisorSource]) -> Result<bool, Error> {
    let progress = |line: &str| eprintln!("{line}");
    let packages = Packages { progress: &progress, ..Packages::from_env() };
    let place = default_cache().with_file_name("xen-live").join("source");
    let mut table = Table::new([
        "release",
        "layouts",
        "records",
        "compared",
        "own members",
        "seconds",
        "result",
    ]);
    let mut good = true;
    for known in all {
        let start = Instant::now();
        let linked = build(known, &place, &packages)?;
        let data = std::fs::read(&linked).map_err(Error::io(&linked))?;
        let source = known.headers()?;
        for (arch, root, least) in layouts(known.arch()) {
            let mut compared = compare(&data, root, &source, *arch)?;
            if compared.compared < *least {
                compared.complaints.push(format!("fewer than {least} records were found"));
            }
            for complaint in &compared.complaints {
                eprintln!("error: {} {arch}: {complaint}", known.release());
            }
            let Compared { found, compared, excused, complaints, .. } = compared;
            let result = if complaints.is_empty() { "ok" } else { "DIFFERENT" };
            let seconds = format!("{:.1}", start.elapsed().as_secs_f64());
            let figures = [found, compared, excused].map(|figure| figure.to_string());
            let cells = [known.release().to_owned(), arch.to_string()].into_iter();
            table.row(cells.chain(figures).chain([seconds, result.to_owned()]));
            good &= complaints.is_empty();
        }
    }
    table.print();
    Ok(good)
}

/// Whose structures a hypervisor has, below which directory of its source, and how many at least.
fn layouts(arch: Arch) -> &'static [(Arch, &'static str, usize)] {
    match arch {
        Arch::X86_64 => {
            &[(Arch::X86_64, "./include/public", 400), (Arch::X86_32, "./include/compat", 90)]
        }
        _ => &[(Arch::Aarch64, "./include/public", 260)],
    }
}
