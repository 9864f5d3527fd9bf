//! Our own kernel in domains that Linux starts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Work;
use crate::{Error, Row};

/// What starts them, and waits for them.
const RUN: &str = include_str!("guests");

/// Has Linux start a domain for each command line. They are to be through within `limit`; files of this
/// boot are made in `place`.
pub(crate) fn guests(
    row: Row,
    kernel: &Path,
    arguments: &[String],
    limit: Duration,
    place: &Path,
) -> Result<Work, Error> {
    let mut files = vec![("run".to_owned(), RUN.to_owned())];
    let mut command = format!("/guests/run {}", limit.as_secs());
    for (domid, arguments) in row.domids().zip(arguments) {
        let name = format!("domain-{domid}");
        files.push((format!("{name}.cfg"), config(row, domid, &name, arguments)));
        command += &format!(" {name}");
    }
    let mut work = Work { commands: vec![command], toolstack: true, ..Work::default() };
    work.files.push(("guests/kernel".to_owned(), kernel.to_owned()));
    for (name, text) in files {
        let path = place.join(&name);
        fs::write(&path, text).map_err(Error::file(&path))?;
        work.files.push((format!("guests/{name}"), path));
    }
    Ok(work)
}

/// What xl is told about a domain.
fn config(row: Row, domid: u16, name: &str, arguments: &str) -> String {
    let mode = row.mode_of(domid);
    let mut text = format!("name = \"{name}\"\ntype = \"{mode}\"\nmemory = 32\n");
    text += &format!("kernel = \"/guests/kernel\"\nextra = \"{arguments}\"\n");
    for event in ["poweroff", "reboot", "watchdog", "crash"] {
        text += &format!("on_{event} = \"destroy\"\n");
    }
    text
}
