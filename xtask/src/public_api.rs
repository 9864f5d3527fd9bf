//! `cargo xtask public-api`: the public API of the libraries, compared with the checked-in listings.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::toolchain::NIGHTLY;
use crate::{Error, process, tool, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Nightly, Need::Tool(&tool::PUBLIC_API)];

/// The crates. xen-abi is left out: almost all of it is generated, and the records
/// list it.
/// Each has the features that add to its API: traits on xen-abi's types do not, and take minutes.
const CRATES: [(&str, &str); 7] = [
    ("xen-abi-derive", ""),
    ("xen-ops", "alloc,argo,device-model,hvm,io,linux,std,toolstack"),
    ("xen-guest", "qemu"),
    ("xen-io", "embedded-io,foreign,std,toolstack"),
    ("xen-toolstack", ""),
    ("xen-linux", "argo,io,toolstack,vm-memory"),
    ("xen-sim", ""),
];

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
    for (name, features) in CRATES {
        let file = format!("{name}.txt");
        list(name, features, &new.join(&file))?;
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

/// Writes the API of a crate to a file. Blanket and auto trait implementations are left out: they would
/// be seven lines for each type. It is the host's API, and the listings are those of x86-64: xen-ops has
/// another backend on Arm.
fn list(name: &str, features: &str, file: &Path) -> Result<(), Error> {
    let mut command = tool::PUBLIC_API.command()?;
    command.args(["-p", name, "--features", features, "--omit", "blanket-impls,auto-trait-impls"]);
    command.arg("--target-dir").arg(workspace::scratch("public-api/target")?);
    command.env("RUSTUP_TOOLCHAIN", NIGHTLY).env_remove("CARGO").env_remove("RUSTC");
    let listing = process::output(&format!("public API of {name}"), &mut command)?;
    fs::write(file, listing).map_err(Error::file(file))
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
