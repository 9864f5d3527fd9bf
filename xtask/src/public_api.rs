//! `cargo xtask public-api`: the public API of the libraries, compared with the checked-in listings.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, doc, package, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = doc::NEEDS;

/// The directory of the listings.
const LISTINGS: &str = "tests/public-api";

/// Options of `public-api`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask public-api           show what changed; status 1 if something did\n  \
    cargo xtask public-api --write   take the change over: read `git diff tests/public-api` before you commit")]
pub(crate) struct Options {
    /// Write the listings instead of comparing with them
    #[arg(long)]
    write: bool,
}

/// Lists each crate's API, and compares or writes it.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let scratch = workspace::scratch("public-api")?;
    let listings = workspace::root()?.join(LISTINGS);
    let new = if options.write { &listings } else { &scratch };
    fs::create_dir_all(new).map_err(Error::file(new))?;
    let mut changed = Vec::new();
    // Almost all of xen-abi is generated, and the records list it.
    let described: Vec<_> = package::others().collect();
    let json = doc::json(&described)?;
    for name in described {
        let file = format!("{name}.txt");
        list(&json.join(name.replace('-', "_") + ".json"), &new.join(&file))?;
        if !options.write && is_changed(name, &listings.join(&file), &new.join(&file))? {
            changed.push(name);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::Unexpected(format!(
        "the public API of {} is not what {LISTINGS} says; if that is meant, run \
         `cargo xtask public-api --write` and commit it",
        changed.join(", ")
    )))
}

/// Writes the API that a file of rustdoc describes. Blanket and auto trait implementations are left out: they
/// would be seven lines for each type. It is the host's API, and the listings are those of x86-64: xen-ops has
/// another backend on Arm.
fn list(json: &Path, file: &Path) -> Result<(), Error> {
    let builder = public_api::Builder::from_rustdoc_json(json);
    let api = builder.omit_blanket_impls(true).omit_auto_trait_impls(true).build();
    let api = api.map_err(|error| Error::Unexpected(format!("{}: {error}", json.display())))?;
    fs::write(file, api.to_string()).map_err(Error::file(file))
}

/// Compares a listing with the new one and shows the difference.
fn is_changed(name: &str, old: &Path, new: &Path) -> Result<bool, Error> {
    let read = |path: &Path| fs::read_to_string(path).map_err(Error::file(path));
    let old_text = match read(old) {
        Ok(text) => text,
        // A crate that is new has no listing yet.
        Err(_) if !old.exists() => String::new(),
        Err(error) => return Err(error),
    };
    if old_text == read(new)? {
        return Ok(false);
    }
    let mut diff = Command::new("diff");
    diff.args(["--unified=0", "--label", "checked in", "--label", name]);
    diff.args(["--new-file"]).args([old, new]);
    // Its status is 1, since the files differ. Without the program the message alone has to do.
    let _ = diff.status();
    Ok(true)
}
