//! Instructions of each contestant.

use std::process::ExitCode;

use super::valgrind::instructions;
use super::{BATCH, Contestants};

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
            match [MORE, LESS]
                .map(|repeat| instructions(&[name, kind, &(repeat / references).to_string()]))
            {
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
