//! `gnttab map`

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use xen_linux::xen_ops::page::PAGE_SIZE;
use xen_linux::{Error, Gntdev, Mapping, ReadOnly, View};

use crate::dump::dump;
use crate::failure::Failure;
use crate::grant::{Grants, number, offset_in_page};
use crate::hold;

#[derive(Args, Debug)]
pub(crate) struct Map {
    /// The grants: DOMAIN:REFERENCE, or DOMAIN:FIRST-LAST
    #[arg(required = true, value_name = "GRANT")]
    grants: Vec<Grants>,
    /// Begin at this byte of each page
    #[arg(long, default_value = "0", value_parser = offset_in_page)]
    offset: usize,
    /// Show so many bytes of each page [default: all]
    #[arg(long, value_parser = number)]
    length: Option<u32>,
    /// Write the bytes as they are
    #[arg(long)]
    raw: bool,
    /// Keep the grants mapped for so many seconds, and show the bytes again at the end
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

impl Map {
    pub(crate) fn run(&self, devices: &Path, out: &mut dyn Write) -> Result<(), Failure> {
        let length = self.length.map_or(PAGE_SIZE - self.offset, |length| length as usize);
        if length > PAGE_SIZE - self.offset {
            let end = self.offset.saturating_add(length);
            return Err(Failure::Impossible(format!(
                "byte {end} is outside the page, which has {PAGE_SIZE}"
            )));
        }
        let gntdev = Gntdev::open_at(devices.join("gntdev"))?;
        let mut grants: xen_linux::Grants =
            self.grants.iter().flat_map(|grants| grants.iter()).collect();
        let mapping = gntdev.map_all(&mut grants, ReadOnly)?;
        self.show(&mapping, length, out).map_err(Failure::Output)?;
        if self.seconds.is_some() {
            hold(self.seconds);
            self.show(&mapping, length, out).map_err(Failure::Output)?;
        }
        Ok(mapping.unmap().map_err(Error::from)?)
    }

    fn show(
        &self,
        mapping: &Mapping<ReadOnly>,
        length: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let names = self.grants.iter().flat_map(|grants| grants.iter());
        for (page, grant) in mapping.pages().zip(names) {
            let bytes = bytes(page, self.offset, length)?;
            if self.raw {
                out.write_all(&bytes)?;
            } else {
                if mapping.count() > 1 {
                    writeln!(out, "{grant}")?;
                }
                dump(out, self.offset, &bytes)?;
            }
        }
        out.flush()
    }
}

fn bytes(page: View<'_, ReadOnly>, offset: usize, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    page.read(offset, &mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
