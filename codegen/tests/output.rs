//! What the commands print: the files in `tests/cli`, and the `console` blocks of README.md and docs.
//!
//! A block has lines `$ codegen ...` with what they print. `...` stands for all lines up to the next one
//! that matches, `[..]` for a part of a line, and `? 1` below the command is its exit status. A block with
//! any other command is not run. `TRYCMD=overwrite` writes what the commands print today.
#![cfg(feature = "headers")]

use trycmd::TestCases;
use trycmd::schema::Bin;
use xen_headers::{HeaderTree, LinuxTree, Options, linux_pins, pins};

#[test]
fn commands_print_what_the_documents_show() {
    // Fetched first: a download is reported on standard error, which is part of the output.
    let options = Options::from_env();
    for release in ["4.17", "4.20"] {
        HeaderTree::obtain(pins(), release, &options).expect("the headers are available");
    }
    LinuxTree::obtain(linux_pins(), &options).expect("Linux's headers are available");

    let cases = TestCases::new();
    cases.register_bin("codegen", trycmd::cargo::cargo_bin!("codegen"));
    // Other commands in documents are for readers.
    cases.register_bin("cargo", Bin::Ignore);
    cases.case("tests/cli/*.trycmd");
    cases.case("../README.md").case("../docs/*.md");
}
