//! Builds hypervisors that are packaged without debug information, and compares their layouts with
//! ours, as `cargo xtask live --from-source` runs it.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use debian_packages::default_cache;
use devtools::{Arch, Table};
use xen_layouts::build::build;
use xen_layouts::hypervisor::{Compared, compare};
use xen_layouts::pins::{SourcePackage, sources};
use xen_layouts::{Error, release};

/// Builds hypervisors from their distribution's source and compares their layouts with ours.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask live --from-source")]
struct Options {
    /// Only this release; may be repeated
    #[arg(long)]
    release: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let wanted = |known: &&SourcePackage| {
        options.release.is_empty() || options.release.contains(&known.release)
    };
    let all: Vec<_> = sources().iter().filter(wanted).collect();
    if all.is_empty() {
        let known: Vec<_> = sources().iter().map(|known| known.release.as_str()).collect();
        eprintln!("error: the source of {} is pinned, no other", known.join(" and "));
        return ExitCode::from(2);
    }
    match run(&all) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every layout is the same. Each difference was printed.
fn run(all: &[&SourcePackage]) -> Result<bool, Error> {
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
        let linked = build(known, &place)?;
        let data = std::fs::read(&linked).map_err(Error::io(&linked))?;
        let source = release(&known.release)?;
        for (arch, root, least) in layouts(known.arch) {
            let mut compared = compare(&data, root, &source, *arch)?;
            if compared.compared < *least {
                compared.complaints.push(format!("fewer than {least} records were found"));
            }
            for complaint in &compared.complaints {
                eprintln!("error: {} {arch}: {complaint}", known.release);
            }
            let Compared { found, compared, excused, complaints, .. } = compared;
            let result = if complaints.is_empty() { "ok" } else { "DIFFERENT" };
            let seconds = format!("{:.1}", start.elapsed().as_secs_f64());
            let figures = [found, compared, excused].map(|figure| figure.to_string());
            let cells = [known.release.clone(), arch.to_string()].into_iter();
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
