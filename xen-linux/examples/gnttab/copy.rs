//! `gnttab copy`

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use clap::Args;
use xen_linux::gntdev::{Gntdev, Segment};
use xen_linux::xen_ops::gnttab::foreign::Foreign;
use xen_linux::xen_ops::page::PAGE_SIZE;
use xen_linux::xen_ops::view::OutOfPage;

use crate::failure::Failure;
use crate::grant::{End, Grants, number};
use crate::share::read;

#[derive(Args, Debug)]
pub(crate) struct Copy {
    /// Where the bytes are
    from: End,
    /// Where they shall be
    to: End,
    /// How many bytes [default: all that the grants have, or the file]
    #[arg(long, value_parser = number)]
    length: Option<u32>,
}

/// The bytes of grants from an offset on.
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
                let length = self.length(from.room().min(to.room()))?;
                between(&open()?, from, to, length)
            }
            (&End::Grants { grants, offset }, to) => {
                let from = Range { grants, offset };
                let mut bytes = vec![0; self.length(from.room())?];
                from_grants(&open()?, from, &mut bytes)?;
                write(to, &bytes, out)
            }
            (from, &End::Grants { grants, offset }) => {
                let to = Range { grants, offset };
                let gntdev = open()?;
                let mut bytes = read(name(from), input, to.room())?;
                if let Some(length) = self.length {
                    bytes.truncate(length as usize);
                }
                if bytes.len() > to.room() {
                    return Err(too_long(to.room()));
                }
                to_grants(&gntdev, &bytes, to)
            }
            _ => Err(Failure::Impossible("one end of a copy is grants, as 3:8".into())),
        }
    }

    fn length(&self, room: usize) -> Result<usize, Failure> {
        match self.length.map(|length| length as usize) {
            None => Ok(room),
            Some(length) if length <= room => Ok(length),
            Some(_) => Err(too_long(room)),
        }
    }
}

fn too_long(room: usize) -> Failure {
    Failure::Impossible(format!("the grants have {room} bytes from there on, and that is more"))
}

impl Range {
    /// Bytes to its end.
    fn room(self) -> usize {
        self.grants.iter().len() * PAGE_SIZE - self.offset
    }

    /// Its parts: a grant, the offset in it, and the bytes to its end.
    fn pages(self) -> impl Iterator<Item = (Foreign, usize, usize)> {
        self.grants.iter().enumerate().map(move |(page, grant)| {
            let offset = if page == 0 { self.offset } else { 0 };
            (grant, offset, PAGE_SIZE - offset)
        })
    }
}

fn from_grants(gntdev: &Gntdev, from: Range, mut to: &mut [u8]) -> Result<(), Failure> {
    let mut segments = Vec::new();
    for (grant, offset, room) in from.pages() {
        let (part, rest) = to.split_at_mut(room.min(to.len()));
        to = rest;
        segments.push(Segment::read(grant, offset, part).map_err(impossible)?);
    }
    copy(gntdev, segments)
}

fn to_grants(gntdev: &Gntdev, mut from: &[u8], to: Range) -> Result<(), Failure> {
    let mut segments = Vec::new();
    for (grant, offset, room) in to.pages() {
        let (part, rest) = from.split_at(room.min(from.len()));
        from = rest;
        segments.push(Segment::write(part, grant, offset).map_err(impossible)?);
    }
    copy(gntdev, segments)
}

fn between(gntdev: &Gntdev, from: Range, to: Range, mut length: usize) -> Result<(), Failure> {
    let (mut sources, mut targets) = (from.pages(), to.pages());
    let (mut source, mut target) = (sources.next(), targets.next());
    let mut segments = Vec::new();
    while let (Some((from, from_at, from_room)), Some((to, to_at, to_room))) = (source, target) {
        let part = from_room.min(to_room).min(length);
        if part == 0 {
            break;
        }
        segments.push(Segment::between((from, from_at), (to, to_at), part).map_err(impossible)?);
        length -= part;
        source = rest((from, from_at, from_room), part).or_else(|| sources.next());
        target = rest((to, to_at, to_room), part).or_else(|| targets.next());
    }
    copy(gntdev, segments)
}

/// What is behind `part` bytes of a page, if anything is.
fn rest(
    (grant, offset, room): (Foreign, usize, usize),
    part: usize,
) -> Option<(Foreign, usize, usize)> {
    (part < room).then_some((grant, offset + part, room - part))
}

fn copy(gntdev: &Gntdev, mut segments: Vec<Segment<'_>>) -> Result<(), Failure> {
    segments.retain(|segment| !segment.is_empty());
    Ok(gntdev.copy(&mut segments)?.all()?)
}

fn impossible(error: OutOfPage) -> Failure {
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
        _ => out
            .write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(Failure::file("standard output")),
    }
}
