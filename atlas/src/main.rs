//! `cargo xtask atlas`: writes the site.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

/// Write the atlas of Xen's public ABI, a static site
#[derive(Debug, Parser)]
#[command(name = "cargo xtask atlas", after_help = "Example:\n  cargo xtask atlas --out site")]
struct Arguments {
    /// The directory; what an earlier run wrote there is replaced
    #[arg(long, value_name = "DIR", default_value = "target/atlas")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let start = Instant::now();
    let written = xen_records::records().map_err(xen_atlas::Error::from).and_then(|records| {
        let site = xen_atlas::site(&records)?;
        site.write(&arguments.out)?;
        Ok(site)
    });
    match written {
        Ok(site) => {
            println!(
                "{} files, {:.1} MB, in {:.1} s: {}",
                site.files().len(),
                site.bytes() as f64 / 1e6,
                start.elapsed().as_secs_f64(),
                arguments.out.join("index.html").display()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
