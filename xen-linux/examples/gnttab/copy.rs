//! `gnttab copy`

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use clap::Args;
use xen_linux::xen_ops::page::PAGE_SIZE;
use xen_linux::xen_ops::view::OutOfBounds;
use xen_linux::{Gntdev, RemoteGrant, Segment};

use crate::failure::Failure;
use crate::grant::{End, Grants, number};
use crate::share::read;

#[derive(Args, Debug)]
pub(crate) struct Copy {
    /// Where to copy from
    from: End,
    /// Where to copy to
    to: End,
    /// How many bytes [default: all that the grants have, or the file]
    #[arg(long, value_parser = number)]
    length: Option<u32>,
}

/// The bytes of grants, from an offset to the end.
#[derive(Clone, Copy)]
struct Range {
    grants: Grants,
    offset: usize,
}

impl Copy {
    pub(crate) fn run(
        &self,
        devices: &Path,
        input: &mut dyn Read,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let open = || Gntdev::open_at(devices.join("gntdev"));
        match (&self.from, &self.to) {
            (&End::Grants { grants, offset }, &End::Grants { grants: to, offset: to_offset }) => {
                let (from, to) =
                    (Range { grants, offset }, Range { grants: to, offset: to_offset });
                let length = self.length(from.available().min(to.available()))?;
                between(&open()?, from, to, length)
            }
            (&End::Grants { grants, offset }, to) => {
                let from = Range { grants, offset };
                let mut bytes = vec![0; self.length(from.available())?];
                from_grants(&open()?, from, &mut bytes)?;
                write(to, &bytes, out)
            }
            (from, &End::Grants { grants, offset }) => {
                let to = Range { grants, offset };
                self.length(to.available())?;
                let gntdev = open()?;
                let bytes = read(name(from), input, to.available())?;
                let bytes = first(&bytes, self.length)?;
                if bytes.len() > to.available() {
                    return Err(too_long(to.available()));
                }
                to_grants(&gntdev, bytes, to)
            }
            _ => Err(Failure::Impossible("one end of a copy is grants, as 3:8".into())),
        }
    }

    fn length(&self, available: usize) -> Result<usize, Failure> {
        match self.length.map(|length| length as usize) {
            None => Ok(available),
            Some(length) if length <= available => Ok(length),
            Some(_) => Err(too_long(available)),
        }
    }
}

/// As many of the bytes as were requested.
fn first(bytes: &[u8], length: Option<u32>) -> Result<&[u8], Failure> {
    let Some(length) = length else { return Ok(bytes) };
    bytes.get(..length as usize).ok_or_else(|| {
        Failure::Impossible(format!(
            "the input has {} bytes, and {length} were requested",
            bytes.len()
        ))
    })
}

fn too_long(available: usize) -> Failure {
    Failure::Impossible(format!("the grants have {available} bytes from there on, which is less"))
}

impl Range {
    /// Bytes to its end.
    fn available(self) -> usize {
        self.grants.iter().len() * PAGE_SIZE - self.offset
    }

    /// Its parts: a grant, the offset in it, and how many bytes follow there.
    fn pages(self) -> impl Iterator<Item = (RemoteGrant, usize, usize)> {
        self.grants.iter().enumerate().map(move |(page, grant)| {
            let offset = if page == 0 { self.offset } else { 0 };
            (grant, offset, PAGE_SIZE - offset)
        })
    }
}

fn from_grants(gntdev: &Gntdev, from: Range, mut to: &mut [u8]) -> Result<(), Failure> {
    let mut segments = Vec::new();
    for (grant, offset, available) in from.pages() {
        let (part, rest) = to.split_at_mut(available.min(to.len()));
        to = rest;
        segments.push((grant.to_string(), Segment::read(grant, offset, part).map_err(impossible)?));
    }
    copy(gntdev, segments)
}

fn to_grants(gntdev: &Gntdev, mut from: &[u8], to: Range) -> Result<(), Failure> {
    let mut segments = Vec::new();
    for (grant, offset, available) in to.pages() {
        let (part, rest) = from.split_at(available.min(from.len()));
        from = rest;
        segments
            .push((grant.to_string(), Segment::write(part, grant, offset).map_err(impossible)?));
    }
    copy(gntdev, segments)
}

fn between(gntdev: &Gntdev, from: Range, to: Range, length: usize) -> Result<(), Failure> {
    let segments = parts(from, to, length).into_iter().map(|(from, to, length)| {
        let segment = Segment::between(from, to, length).map_err(impossible)?;
        Ok((format!("from {} to {}", from.0, to.0), segment))
    });
    copy(gntdev, segments.collect::<Result<_, Failure>>()?)
}

/// A part that is in one page at either end: both ends, and how many bytes.
type Part = ((RemoteGrant, usize), (RemoteGrant, usize), usize);

fn parts(from: Range, to: Range, mut length: usize) -> Vec<Part> {
    let (mut sources, mut targets) = (from.pages(), to.pages());
    let (mut source, mut target) = (sources.next(), targets.next());
    let mut parts = Vec::new();
    while let (Some(from), Some(to)) = (source, target) {
        let part = from.2.min(to.2).min(length);
        if part == 0 {
            break;
        }
        parts.push(((from.0, from.1), (to.0, to.1), part));
        length -= part;
        source = rest(from, part).or_else(|| sources.next());
        target = rest(to, part).or_else(|| targets.next());
    }
    parts
}

/// The rest of a page after `part` bytes, if there is any.
fn rest(
    (grant, offset, available): (RemoteGrant, usize, usize),
    part: usize,
) -> Option<(RemoteGrant, usize, usize)> {
    (part < available).then_some((grant, offset + part, available - part))
}

/// Copies segments, each with a name for messages.
fn copy(gntdev: &Gntdev, mut segments: Vec<(String, Segment<'_>)>) -> Result<(), Failure> {
    segments.retain(|(_, segment)| !segment.is_empty());
    let (names, mut segments): (Vec<_>, Vec<_>) = segments.into_iter().unzip();
    for (name, result) in names.iter().zip(gntdev.copy(&mut segments)?.results()) {
        result.map_err(|status| Failure::Impossible(format!("{name}: {status}")))?;
    }
    Ok(())
}

fn impossible(error: OutOfBounds) -> Failure {
    Failure::Impossible(error.to_string())
}

fn name(end: &End) -> &str {
    match end {
        End::File(path) => path,
        _ => "-",
    }
}

fn write(to: &End, bytes: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
    match to {
        End::File(path) => File::create(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(Failure::file(path)),
        _ => out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::Output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        match text.parse().unwrap() {
            End::Grants { grants, offset } => Range { grants, offset },
            other => panic!("{other:?}"),
        }
    }

    fn numbers(from: &str, to: &str, length: usize) -> Vec<[usize; 5]> {
        let parts = parts(range(from), range(to), length).into_iter();
        parts
            .map(|((from, from_at), (to, to_at), length)| {
                let number = |grant: RemoteGrant| grant.reference.0 as usize;
                [number(from), from_at, number(to), to_at, length]
            })
            .collect()
    }

    #[test]
    fn a_part_is_in_one_page_at_either_end() {
        assert_eq!(numbers("3:8", "4:1", 4096), [[8, 0, 1, 0, 4096]]);
        assert_eq!(
            numbers("3:8-9+4000", "4:1-2+10", 4192),
            [[8, 4000, 1, 10, 96], [9, 0, 1, 106, 3990], [9, 3990, 2, 0, 106]]
        );
        assert_eq!(numbers("3:8-9+4095", "4:1", 2), [[8, 4095, 1, 0, 1], [9, 0, 1, 1, 1]]);
        assert_eq!(numbers("3:8", "4:1", 0), [[0; 5]; 0]);
    }

    #[test]
    fn no_more_is_copied_than_the_input_has() {
        assert_eq!(first(b"hello", None).unwrap(), b"hello");
        assert_eq!(first(b"hello", Some(5)).unwrap(), b"hello");
        assert_eq!(first(b"hello", Some(0)).unwrap(), b"");
        let text = first(b"hello", Some(6)).unwrap_err().to_string();
        assert_eq!(text, "the input has 5 bytes, and 6 were requested");
    }

    #[test]
    fn ranges_end_with_their_last_page() {
        assert_eq!(range("3:8").available(), 4096);
        assert_eq!(range("3:8-9+0xfff").available(), 4097);
        let pages: Vec<_> = range("3:8-9+0xfff").pages().map(|(_, at, rest)| (at, rest)).collect();
        assert_eq!(pages, [(4095, 1), (0, 4096)]);
    }
}
