//! `cargo xtask bench-build`: clean release builds of the published crates and of comparable ones.
//!
//! Every case is a project of its own, as a user's is: with its own target directory, and a lock file of the
//! newest versions that there are. All of them are downloaded first. Then the cases take turns, so that a machine that slows down
//! slows all of them down. What is compared is the median of the processor time: other programs change it
//! less than the time that passes.

mod measure;

use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use devtools::Table;

use crate::{Error, process, workspace};

use measure::{Figures, Sample};

/// Options of `bench-build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask bench-build            three builds of each case\n  \
    cargo xtask bench-build --runs 9   more of them, on a machine that is not quiet\n  \
    cargo xtask bench-build kernel zerocopy   two of the cases\n\n\
    Run it alone on the machine. A bound that is missed does not change the exit status.")]
pub(crate) struct Options {
    /// How many clean builds of each case
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Only these cases
    #[arg(value_name = "CASE", value_parser = PossibleValuesParser::new(CASES.map(|case| case.directory)))]
    cases: Vec<String>,
}

/// A project.
struct Case {
    /// Its name in the table.
    title: &'static str,
    /// The directory below target/bench-build.
    directory: &'static str,
    /// The lines of dependencies in Cargo.toml; `PATH` is the workspace's root.
    dependencies: &'static str,
}

const CASES: [Case; 14] = [
    Case {
        title: "xen-abi, no features",
        directory: "bare",
        dependencies: r#"xen-abi = { path = "PATH/xen-abi", default-features = false }"#,
    },
    Case {
        title: "xen-abi",
        directory: "default",
        dependencies: r#"xen-abi = { path = "PATH/xen-abi" }"#,
    },
    Case {
        title: "xen-abi, zerocopy",
        directory: "derives",
        dependencies: r#"xen-abi = { path = "PATH/xen-abi", features = ["zerocopy"] }"#,
    },
    Case {
        title: "xen-abi, full",
        directory: "full",
        dependencies: r#"xen-abi = { path = "PATH/xen-abi", features = ["full"] }"#,
    },
    Case {
        title: "xen-abi, full and foreign",
        directory: "foreign",
        dependencies: r#"xen-abi = { path = "PATH/xen-abi", features = ["full", "foreign"] }"#,
    },
    Case {
        title: "xen-ops",
        directory: "ops",
        dependencies: r#"xen-ops = { path = "PATH/xen-ops" }"#,
    },
    Case {
        title: "kernel: xen-abi, xen-ops, xen-guest",
        directory: "kernel",
        dependencies: r#"xen-guest = { path = "PATH/xen-guest" }"#,
    },
    Case {
        title: "xen-linux",
        directory: "linux",
        dependencies: r#"xen-linux = { path = "PATH/xen-linux" }"#,
    },
    Case { title: "an empty crate", directory: "empty", dependencies: "" },
    Case {
        title: "kvm-bindings 0.14",
        directory: "kvm-bindings",
        dependencies: r#"kvm-bindings = "0.14""#,
    },
    Case {
        title: "linux-raw-sys 0.12",
        directory: "linux-raw-sys",
        dependencies: r#"linux-raw-sys = "0.12""#,
    },
    Case {
        title: "zerocopy 0.8, derive",
        directory: "zerocopy",
        dependencies: r#"zerocopy = { version = "0.8", default-features = false, features = ["derive"] }"#,
    },
    Case {
        title: "rustix 1",
        directory: "rustix",
        dependencies: r#"rustix = { version = "1", features = ["event", "fs", "mm", "param", "use-libc-auxv"] }"#,
    },
    Case {
        title: "rustix 1 and zerocopy 0.8, derive",
        directory: "rustix-zerocopy",
        dependencies: r#"rustix = { version = "1", features = ["event", "fs", "mm", "param", "use-libc-auxv"] }
zerocopy = { version = "0.8", default-features = false, features = ["derive"] }"#,
    },
];

/// What is promised: a case takes no longer than a multiple of another.
struct Bound {
    case: &'static str,
    other: &'static str,
    factor: f64,
}

const BOUNDS: [Bound; 4] = [
    Bound { case: "bare", other: "kvm-bindings", factor: 1.0 },
    Bound { case: "default", other: "zerocopy", factor: 1.3 },
    Bound { case: "kernel", other: "zerocopy", factor: 1.3 },
    Bound { case: "linux", other: "rustix-zerocopy", factor: 1.5 },
];

/// Builds the cases several times and prints the table and the bounds.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let directory = workspace::scratch("bench-build")?;
    let is_chosen = |case: &&Case| {
        options.cases.is_empty() || options.cases.iter().any(|name| name == case.directory)
    };
    let cases: Vec<_> = CASES.iter().filter(is_chosen).collect();
    for case in &cases {
        prepare(case, &directory.join(case.directory))?;
    }
    let mut samples: Vec<Vec<Sample>> = cases.iter().map(|_| Vec::new()).collect();
    for run in 1..=options.runs {
        for (case, samples) in cases.iter().zip(&mut samples) {
            let name = format!("{} ({run} of {})", case.title, options.runs);
            samples.push(build(&name, &directory.join(case.directory))?);
        }
    }
    let figures = |samples: &Vec<Sample>| Figures::of(samples);
    print(&cases.into_iter().zip(samples.iter().map(figures)).collect::<Vec<_>>());
    Ok(())
}

/// Writes a case's project and downloads what it needs.
fn prepare(case: &Case, directory: &Path) -> Result<(), Error> {
    let root = workspace::root()?;
    // Rust's escapes of a path that is Unicode are TOML's.
    let path = format!("{:?}", root.display().to_string());
    let dependencies = case.dependencies.replace("PATH", path.trim_matches('"'));
    let manifest = format!(
        "[package]\nname = \"bench-{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{dependencies}\n\n[workspace]\n",
        case.directory
    );
    let write = |path: PathBuf, text: &[u8]| fs::write(&path, text).map_err(Error::file(&path));
    let source = directory.join("src");
    fs::create_dir_all(&source).map_err(Error::file(&source))?;
    write(directory.join("Cargo.toml"), manifest.as_bytes())?;
    write(source.join("lib.rs"), b"//! Nothing.\n#![no_std]\n")?;
    // What resolved at another time is not what a user gets now.
    let _ = fs::remove_file(directory.join("Cargo.lock"));
    let mut command = workspace::cargo()?;
    command.arg("fetch").current_dir(directory);
    process::captured(&format!("fetch for {}", case.title), &mut command).map(drop)
}

/// One clean build.
fn build(name: &str, directory: &Path) -> Result<Sample, Error> {
    let target = directory.join("target");
    if target.exists() {
        fs::remove_dir_all(&target).map_err(Error::file(&target))?;
    }
    let mut command = workspace::cargo()?;
    command.args(["build", "--release", "--offline", "--target-dir"]).arg(&target);
    command.current_dir(directory);
    // What would change or cache the compiler's work.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(variable);
    }
    measure::sample(|| process::captured(name, &mut command))
}

fn print(figures: &[(&Case, Figures)]) {
    let of = |name: &str| {
        figures.iter().find(|(case, _)| case.directory == name).map(|(_, figures)| figures)
    };
    let ratio = |figures: &Figures, other: &str| {
        of(other).map_or("-".to_owned(), |other| format!("{:.2}", figures.cpu / other.cpu))
    };
    let mut table = Table::new([
        "clean release build",
        "wall s",
        "min-max",
        "CPU s",
        "x kvm-bindings",
        "x zerocopy+derive",
    ]);
    for (case, of) in figures {
        table.row([
            case.title.to_owned(),
            format!("{:.2}", of.wall),
            format!("{:.2}-{:.2}", of.fastest, of.slowest),
            format!("{:.2}", of.cpu),
            ratio(of, "kvm-bindings"),
            ratio(of, "zerocopy"),
        ]);
    }
    table.print();
    println!();
    let mut table = Table::new(["bound, CPU time", "factor", "at most", "result"]);
    for bound in BOUNDS {
        let (Some(case), Some(other)) = (of(bound.case), of(bound.other)) else { continue };
        let factor = case.cpu / other.cpu;
        table.row([
            format!("{} of {}", bound.case, bound.other),
            format!("{factor:.2}"),
            format!("{:.2}", bound.factor),
            if factor <= bound.factor { "ok" } else { "over" }.to_owned(),
        ]);
    }
    table.print();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_about_cases() {
        for bound in BOUNDS {
            for name in [bound.case, bound.other] {
                assert!(CASES.iter().any(|case| case.directory == name), "{name}");
            }
        }
    }
}
