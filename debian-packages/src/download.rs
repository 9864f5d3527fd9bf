//! One address to one file.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::Error;
use crate::text::one_line;

/// Apt's own downloader: it knows the machine's proxies and certificates.
const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// Whether a server had the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The server works and says that it has no such file.
    Gone,
}

/// Fetches `base`/`path` to `dest`.
pub(crate) fn download(base: &str, path: &str, dest: &Path) -> Result<Outcome, Error> {
    let uri = format!("{base}/{path}");
    if let Some(dir) = base.strip_prefix("file://") {
        return copy(Path::new(dir), path, dest, uri);
    }
    match apt_helper(&uri, dest).or_else(|error| absent(error, || curl(&uri, dest))) {
        Ok(Fetch::Done) => Ok(Outcome::Done),
        Ok(Fetch::Gone) => Ok(Outcome::Gone),
        Ok(Fetch::Failed(detail)) => Err(Error::Download { uri, detail }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoDownloader { uri }),
        Err(error) => Err(Error::Download { uri, detail: one_line(&error.to_string()) }),
    }
}

enum Fetch {
    Done,
    Gone,
    Failed(String),
}

/// Goes on to the `next` program when this one is not installed.
fn absent(error: io::Error, next: impl FnOnce() -> io::Result<Fetch>) -> io::Result<Fetch> {
    if error.kind() == io::ErrorKind::NotFound { next() } else { Err(error) }
}

fn apt_helper(uri: &str, dest: &Path) -> io::Result<Fetch> {
    let mut command = Command::new(APT_HELPER);
    for option in ["Acquire::Retries=2", "Acquire::http::Timeout=30", "Acquire::https::Timeout=30"]
    {
        command.args(["-o", option]);
    }
    let output = run(command.args(["-q", "download-file", uri]).arg(dest))?;
    if output.status.success() {
        return Ok(Fetch::Done);
    }
    let reason = complaint(&output);
    let reason = reason.strip_prefix("Failed to fetch ").unwrap_or(&reason);
    let reason = reason.strip_prefix(uri).unwrap_or(reason).trim();
    Ok(if reason.starts_with("404 ") { Fetch::Gone } else { Fetch::Failed(reason.to_owned()) })
}

fn curl(uri: &str, dest: &Path) -> io::Result<Fetch> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--location", "--retry", "2"]);
    command.args(["--connect-timeout", "30", "--write-out", "%{http_code}", "--output"]);
    let output = run(command.arg(dest).args(["--", uri]))?;
    Ok(if output.status.success() {
        Fetch::Done
    } else if output.stdout == b"404" {
        Fetch::Gone
    } else {
        Fetch::Failed(complaint(&output))
    })
}

/// Runs a program with its messages in English, because some of them are looked at.
pub(crate) fn run(command: &mut Command) -> io::Result<Output> {
    command.env("LC_ALL", "C").stdin(Stdio::null()).output()
}

/// A failed program's first complaint as one line.
pub(crate) fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.strip_prefix("E: "));
    match line.or_else(|| text.lines().rfind(|line| !line.trim().is_empty())) {
        Some(line) => one_line(line).trim_end_matches('.').to_owned(),
        None => format!("the downloader ended with {}", output.status),
    }
}

/// A mirror on a disk.
fn copy(base: &Path, path: &str, dest: &Path, uri: String) -> Result<Outcome, Error> {
    match fs::copy(base.join(path), dest) {
        Ok(_) => Ok(Outcome::Done),
        // A file is only gone from a mirror that is there.
        Err(error) if error.kind() == io::ErrorKind::NotFound && base.is_dir() => Ok(Outcome::Gone),
        Err(error) => Err(Error::Download { uri, detail: one_line(&error.to_string()) }),
    }
}
