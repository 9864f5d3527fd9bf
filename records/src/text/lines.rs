//! The lines on which headers define things. They move with each release and are no part of the ABI, so
//! that they have a file of their own, without a hash, and no reviewer need read it.

use crate::cells::{self, Scopes};
use crate::error::Error;
use crate::records::{Header, Records};

use super::{FORMAT, split_around};

/// The file of the lines.
pub(crate) const LINES: &str = "lines.record";

pub(super) fn write(records: &Records) -> String {
    let mut out = format!("xen-record {FORMAT} lines\n");
    for header in &records.headers {
        out += &format!("in {}\n", header.name);
        for entry in &header.entries {
            let coverage = entry.cells();
            let lines = entry.lines.iter().map(|(line, cells)| {
                let scope = cells::write(&records.catalogue, &coverage, cells);
                format!("{line} {scope}").trim_end().to_owned()
            });
            out += &format!("{} {}\n", entry.name, lines.collect::<Vec<_>>().join(" | "));
        }
    }
    out
}

/// Gives the headers' types and constants their lines, with the scopes that were read before.
pub(super) fn read<'a>(
    headers: &mut [Header],
    scopes: &mut Scopes<'a>,
    text: &'a str,
) -> Result<(), Error> {
    let mut lines = text.lines().enumerate();
    let first = lines.next().and_then(|(_, line)| line.strip_prefix("xen-record "));
    let format = first.and_then(|words| words.split_once(' ')?.0.parse::<u32>().ok());
    match format {
        None => return Err(Error::NotARecord { file: LINES.to_owned() }),
        Some(found) if found > FORMAT => {
            return Err(Error::Newer { file: LINES.to_owned(), found, known: FORMAT });
        }
        Some(_) => {}
    }
    let mut entries = [].iter_mut();
    let mut headers = headers.iter_mut();
    for (number, line) in lines {
        let malformed = |what: &str| Error::Malformed {
            file: LINES.to_owned(),
            line: number + 1,
            what: what.to_owned(),
        };
        if let Some(name) = line.strip_prefix("in ") {
            let header = headers.next().filter(|header| header.name == name);
            entries = header.ok_or_else(|| malformed("not the next header"))?.entries.iter_mut();
            continue;
        }
        let (name, places) = line.split_once(' ').ok_or_else(|| malformed("no line number"))?;
        let entry = entries.next().filter(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| malformed("not the next type or constant"))?;
        let coverage = entry.cells();
        if coverage.is_empty() {
            continue;
        }
        let mut rest = Some(places);
        while let Some(text) = rest {
            let (place, after) = split_around(text, '|').unzip();
            let place = place.unwrap_or(text);
            let (line, scope) = place.split_once(' ').unwrap_or((place, ""));
            let line = line.parse().map_err(|_| malformed("no line number"))?;
            let cells = scopes.cells(&coverage, scope).map_err(|what| malformed(&what))?;
            if !cells.is_empty() {
                entry.add_line(line, cells);
            }
            rest = after;
        }
        entry.sort();
    }
    Ok(())
}
