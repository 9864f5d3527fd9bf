//! The headers of a revision in a git repository.

use std::fmt::Display;
use std::path::Path;
use std::process::{Command, Output};

use xen_headers::HeaderTree;

use crate::error::Error;

/// Where upstream's repository has the public headers.
const PUBLIC: &str = "xen/include/public";

/// The headers that the repository `git` has at `rev`, copied into `dir`.
///
/// # Errors
///
/// [`Error::Git`] if git has no such revision or no headers there, and those of [`HeaderTree::open`].
pub fn headers(git: &Path, rev: &str, dir: &Path) -> Result<HeaderTree, Error> {
    let failed = |said: &dyn Display| Error::Git {
        dir: git.to_owned(),
        rev: rev.to_owned(),
        said: said.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    let run = |command: &mut Command| -> Result<Output, Error> {
        let output = command.output().map_err(|error| failed(&error))?;
        match output.status.success() {
            true => Ok(output),
            false => Err(failed(&String::from_utf8_lossy(&output.stderr))),
        }
    };
    // With `^{commit}` nothing that begins with a dash is taken for an option.
    let commit = run(Command::new("git").arg("-C").arg(git).args([
        "rev-parse",
        "--verify",
        "--end-of-options",
        &format!("{rev}^{{commit}}"),
    ]))?;
    let commit = String::from_utf8_lossy(&commit.stdout).trim().to_owned();
    let tarball = dir.join("public.tar");
    run(Command::new("git")
        .arg("-C")
        .arg(git)
        .args(["archive", "--format=tar", "--output"])
        .arg(&tarball)
        .args([&commit, PUBLIC]))?;
    run(Command::new("tar").arg("-xf").arg(&tarball).arg("-C").arg(dir))?;
    Ok(HeaderTree::open(&dir.join(PUBLIC))?)
}
