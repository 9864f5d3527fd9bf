//! `cargo xtask bench-build`: clean release builds of xen-abi and of comparable crates.
//!
//! Every case is a project of its own with one dependency and a target directory of its own. All
//! of them are downloaded first. Then the cases take turns, so that a machine that slows down
//! slows all of them down. What is compared is the median.

mod measure;

use std::fs;
use std::path::{Path, PathBuf};

use devtools::Table;

use crate::{Error, process, workspace};

use measure::{Figures, Sample};

/// Options of `bench-build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask bench-build            three builds of each case\n  \
    cargo xtask bench-build --runs 9   more of them, on a machine that is not quiet\n\n\
    Run it alone on the machine. A bound that is missed does not change the exit status.")]
pub(crate) struct Options {
    /// How many clean builds of each case
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
}

/// A project with one dependency.
struct Case {
    /// Its name in the table.
    title: &'static str,
    /// The directory below target/bench-build.
    directory: &'static str,
    /// The dependency's line in Cargo.toml; `PATH` is the workspace's root.
    dependency: &'static str,
}

const BARE: usize = 0;
const DEFAULT: usize = 1;
const FULL: usize = 2;
const KVM_BINDINGS: usize = 5;
const ZEROCOPY: usize = 8;

const CASES: [Case; 9] = [
    Case {
        title: "xen-abi, no default features",
        directory: "bare",
        dependency: r#"xen-abi = { path = "PATH/xen-abi", default-features = false }"#,
    },
    Case {
        title: "xen-abi",
        directory: "default",
        dependency: r#"xen-abi = { path = "PATH/xen-abi" }"#,
    },
    Case {
        title: "xen-abi, full",
        directory: "full",
        dependency: r#"xen-abi = { path = "PATH/xen-abi", features = ["full"] }"#,
    },
    Case {
        title: "xen-abi, full and foreign",
        directory: "foreign",
        dependency: r#"xen-abi = { path = "PATH/xen-abi", features = ["full", "foreign"] }"#,
    },
    Case { title: "an empty crate", directory: "empty", dependency: "" },
    Case {
        title: "kvm-bindings 0.14",
        directory: "kvm-bindings",
        dependency: r#"kvm-bindings = "0.14""#,
    },
    Case {
        title: "linux-raw-sys 0.12",
        directory: "linux-raw-sys",
        dependency: r#"linux-raw-sys = "0.12""#,
    },
    Case {
        title: "linux-raw-sys 0.12, general only",
        directory: "linux-raw-sys-general",
        dependency: r#"linux-raw-sys = { version = "0.12", default-features = false, features = ["general", "no_std"] }"#,
    },
    Case {
        title: "zerocopy 0.8, derive",
        directory: "zerocopy",
        dependency: r#"zerocopy = { version = "0.8", default-features = false, features = ["derive"] }"#,
    },
];

/// What is promised: a case takes no longer than another, plus some seconds.
struct Bound {
    case: usize,
    other: usize,
    seconds: f64,
}

const BOUNDS: [Bound; 3] = [
    Bound { case: BARE, other: KVM_BINDINGS, seconds: 0.0 },
    Bound { case: DEFAULT, other: ZEROCOPY, seconds: 2.0 },
    Bound { case: FULL, other: DEFAULT, seconds: 10.0 },
];

/// Builds every case several times and prints the table and the bounds.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let directory = workspace::scratch("bench-build")?;
    for case in &CASES {
        prepare(case, &directory.join(case.directory))?;
    }
    let mut samples: Vec<Vec<Sample>> = CASES.iter().map(|_| Vec::new()).collect();
    for run in 1..=options.runs {
        for (case, samples) in CASES.iter().zip(&mut samples) {
            let name = format!("{} ({run} of {})", case.title, options.runs);
            samples.push(build(&name, &directory.join(case.directory))?);
        }
    }
    let figures: Vec<Figures> = samples.iter().map(|samples| Figures::of(samples)).collect();
    print(&figures);
    Ok(())
}

/// Writes a case's project and downloads what it needs.
fn prepare(case: &Case, directory: &Path) -> Result<(), Error> {
    let root = workspace::root()?;
    // A literal string of TOML takes any path that has no apostrophe; a path that has one is
    // refused by cargo with the line.
    let dependency = case
        .dependency
        .replace("\"PATH/xen-abi\"", &format!("'{}'", root.join("xen-abi").display()));
    let manifest = format!(
        "[package]\nname = \"bench-{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{dependency}\n\n[workspace]\n",
        case.directory
    );
    let write = |path: PathBuf, text: &[u8]| fs::write(&path, text).map_err(Error::file(&path));
    let source = directory.join("src");
    fs::create_dir_all(&source).map_err(Error::file(&source))?;
    write(directory.join("Cargo.toml"), manifest.as_bytes())?;
    write(source.join("lib.rs"), b"//! Nothing.\n#![no_std]\n")?;
    // The versions that the workspace has locked; cargo drops the rest and adds the other crates.
    let lock = root.join("Cargo.lock");
    let lock = fs::read(&lock).map_err(Error::file(&lock))?;
    write(directory.join("Cargo.lock"), &lock)?;
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

fn print(figures: &[Figures]) {
    let peer = |figures: &Figures, peer: &Figures| format!("{:.2}", figures.wall / peer.wall);
    let mut table = Table::new([
        "clean release build",
        "wall s",
        "min-max",
        "CPU s",
        "x kvm-bindings",
        "x zerocopy+derive",
    ]);
    for (case, of) in CASES.iter().zip(figures) {
        table.row([
            case.title.to_owned(),
            format!("{:.2}", of.wall),
            format!("{:.2}-{:.2}", of.fastest, of.slowest),
            format!("{:.2}", of.cpu),
            peer(of, &figures[KVM_BINDINGS]),
            peer(of, &figures[ZEROCOPY]),
        ]);
    }
    table.print();
    println!();
    let mut table = Table::new(["bound", "wall s", "at most", "result"]);
    for bound in BOUNDS {
        let of = figures[bound.case].wall;
        let limit = figures[bound.other].wall + bound.seconds;
        let plus =
            if bound.seconds > 0.0 { format!(" + {} s", bound.seconds) } else { String::new() };
        table.row([
            format!("{} <= {}{plus}", CASES[bound.case].title, CASES[bound.other].title),
            format!("{of:.2}"),
            format!("{limit:.2}"),
            if of <= limit { "ok" } else { "over" }.to_owned(),
        ]);
    }
    table.print();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_name_the_right_cases() {
        let directories = BOUNDS.map(|b| (CASES[b.case].directory, CASES[b.other].directory));
        let expected = [("bare", "kvm-bindings"), ("default", "zerocopy"), ("full", "default")];
        assert_eq!(directories, expected);
    }
}
