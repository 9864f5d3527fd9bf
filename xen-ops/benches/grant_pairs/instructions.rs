//! Instructions, counted by valgrind: they are the same in every run.

use std::env;
use std::process::{Command, ExitCode};

use super::{BATCH, Contestants};

/// The argument that makes this program what valgrind looks at.
pub(super) const CHILD: &str = "--under-valgrind";

/// Two amounts of work: the difference has neither start nor end of the program.
const LESS: usize = 1_000;
const MORE: usize = 3_000;

/// What is counted: a name for people, one for the child, and how many references one of them has.
const KINDS: [(&str, &str, usize); 3] = [
    ("a pair", "pairs", 1),
    ("a pair, ours through the shared bitmap", SHARED, 1),
    ("a reference in a batch of 256", "batches", BATCH),
];

const SHARED: &str = "shared pairs";

/// Counts and prints.
pub(super) fn count(contestants: &Contestants) -> ExitCode {
    let names = contestants.named().map(|(name, _)| name);
    let heads: String = names.iter().map(|name| format!("{name:>10}")).collect();
    println!("{:<44}{heads}", "instructions");
    for (text, kind, references) in KINDS {
        print!("{text:<44}");
        for name in names {
            match [MORE, LESS].map(|repeat| total(name, kind, repeat / references)) {
                [Ok(more), Ok(less)] => {
                    let done = (MORE / references - LESS / references) * references;
                    print!("{:>10.1}", (more - less) as f64 / done as f64);
                }
                [Err(error), _] | [_, Err(error)] => {
                    println!();
                    eprintln!("{error}");
                    return ExitCode::FAILURE;
                }
            }
        }
        println!();
    }
    ExitCode::SUCCESS
}

/// Does what valgrind looks at.
pub(super) fn work(contestants: &Contestants, name: &str, kind: &str, repeat: usize) {
    for (_, contestant) in contestants.named().into_iter().filter(|(named, _)| *named == name) {
        match kind {
            "pairs" => contestant.pairs(0, repeat),
            SHARED => contestant.shared_pairs(0, repeat),
            _ => contestant.batches(0, repeat),
        }
    }
}

/// All instructions of a run with so much work.
fn total(name: &str, kind: &str, repeat: usize) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([CHILD, name, kind, &repeat.to_string()])
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}; install it"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    collected
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("valgrind counted nothing:\n{text}"))
}
