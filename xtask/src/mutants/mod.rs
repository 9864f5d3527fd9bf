//! `cargo xtask mutants`: single-line changes of the code that keeps promises, by cargo-mutants. A test
//! must notice each, or `tests/mutants/explained.toml` says why none can.

mod area;
mod explained;
mod outcome;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, tool, workspace};

use area::Area;
use explained::{Explained, LIST};
use outcome::{Mutant, Outcomes};

/// What it needs.
const NEEDS: &[Need] = &[Need::Tool(&tool::MUTANTS)];

/// Options of `mutants`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask mutants xen-ops/src/gnttab/references     one directory\n  \
    cargo xtask mutants xen-ops/src/gnttab/swap.rs        one file\n  \
    cargo xtask mutants --list xen-ops/src/events         what would be tried\n  \
    cargo xtask mutants --shard 0/8                       an eighth of everything: hours\n\n\
    Each change is made in a copy of the tree, whose tests are then run. A change that no test notices\n\
    fails the command: write a test, or explain in tests/mutants/explained.toml why there can be none.\n\
    target/mutants/AREA/mutants.out has the log and the difference of each change.")]
pub(crate) struct Options {
    /// Only these files or directories
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Only one part of N of the changes, counted from 0
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Print the changes that are not explained, and make none
    #[arg(long)]
    list: bool,
}

/// Tries the changes of every area that the paths are in, and prints a table of the files.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    let chosen = area::choose(&options.paths)?;
    need::provide(NEEDS, install)?;
    let explained = Explained::read(&workspace::root()?.join(LIST))?;
    let mut outcomes = Outcomes::default();
    for (area, globs) in chosen {
        let all = list(&globs)?;
        explained.check(&all)?;
        let (known, open): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|mutant| explained.explains(mutant));
        if options.list {
            open.iter().for_each(|mutant| println!("{mutant}"));
            continue;
        }
        outcomes.explained(&known);
        if !open.is_empty() {
            test(area, &globs, options.shard.as_deref(), &explained)?;
            outcomes.read(&output(area)?.join("mutants.out"))?;
        }
    }
    if options.list {
        return Ok(());
    }
    outcomes.print();
    match outcomes.missed() {
        [] => Ok(()),
        missed => {
            missed.iter().for_each(|mutant| println!("{mutant}"));
            Err(Error::Unexpected(format!(
                "no test notices {} of the changes: write one, or explain in {LIST} why there can be none",
                missed.len()
            )))
        }
    }
}

/// The mutants of the files, explained or not.
fn list(globs: &[String]) -> Result<Vec<Mutant>, Error> {
    let mut command = tool::MUTANTS.command()?;
    command.args(["--list", "--colors", "never"]);
    command.args(globs.iter().flat_map(|glob| ["--file", glob]));
    let text = process::output("list of mutants", &mut command)?;
    text.lines().map(Mutant::parse).collect()
}

/// Tests the mutants of an area's files that are not explained. That some survive is no error here.
fn test(
    area: &Area,
    globs: &[String],
    shard: Option<&str>,
    explained: &Explained,
) -> Result<(), Error> {
    let mut command = tool::MUTANTS.command()?;
    command.arg("--output").arg(output(area)?);
    command.args(globs.iter().flat_map(|glob| ["--file", glob]));
    command.args(explained.patterns().flat_map(|pattern| ["--exclude-re".to_owned(), pattern]));
    command.args(area.tested_by.iter().flat_map(|package| ["--test-package", package]));
    command.args(area.features.iter().flat_map(|feature| ["--features", feature]));
    command.args(shard.iter().flat_map(|shard| ["--shard", shard]));
    // Documentation and examples are slow to build and check little that the tests do not.
    command.args(["--timeout-multiplier", "2", "--", "--tests", "--"]);
    command.args(area.without.iter().flat_map(|test| ["--skip", test]));
    // One directory for all copies of the tree, so that dependencies are built once.
    command.env("CARGO_TARGET_DIR", workspace::scratch("mutants/target")?);
    // A snapshot that differs fails its test. Debug information is half of the time of a build.
    command.env("CI", "true").env("INSTA_UPDATE", "no").env("CARGO_PROFILE_DEV_DEBUG", "0");
    let status = command.status().map_err(|source| process::cannot_start(&command, source))?;
    match status.code() {
        // All were noticed; some were not; some made the tests hang.
        Some(0 | 2 | 3) => Ok(()),
        _ => Err(Error::Failed {
            name: format!("mutants of {}", area.name),
            status,
            command: process::line(&command),
        }),
    }
}

/// The directory in which cargo-mutants makes `mutants.out`.
fn output(area: &Area) -> Result<std::path::PathBuf, Error> {
    workspace::scratch(&format!("mutants/{}", area.name))
}
