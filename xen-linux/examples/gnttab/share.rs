//! `gnttab share`

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use clap::Args;
use xen_linux::gntalloc::MAX_PAGES_PER_SHARE;
use xen_linux::xen_ops::page::PAGE_SIZE;
use xen_linux::{DomainId, Error, Gntalloc, ReadOnly, ReadWrite, Shared, UnmapNotify};

use crate::failure::Failure;
use crate::grant::{domain, offset_in_page};
use crate::hold;

#[derive(Args, Debug)]
pub(crate) struct Share {
    /// The domain that may use the pages
    #[arg(value_parser = domain)]
    domain: DomainId,
    /// Contents of the pages; - is standard input
    file: Option<String>,
    /// How many pages [default: as many as FILE fills, at least 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=MAX_PAGES_PER_SHARE as i64))]
    pages: Option<u32>,
    /// The domain may write too
    #[arg(long)]
    writable: bool,
    /// Have the kernel clear this byte of the first page when the sharing ends
    #[arg(long, value_name = "OFFSET", value_parser = offset_in_page)]
    clear: Option<usize>,
    /// End after so many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

impl Share {
    pub(crate) fn run(
        &self,
        devices: &Path,
        input: &mut dyn Read,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        // Before anything is read, so that an error comes before the user types.
        let gntalloc = Gntalloc::open_at(devices.join("gntalloc"))?;
        let contents = self.contents(input)?;
        let count = match self.pages {
            Some(pages) => pages as usize,
            None => contents.len().div_ceil(PAGE_SIZE).max(1),
        };
        if contents.len() > count.saturating_mul(PAGE_SIZE) {
            let length = contents.len();
            return Err(Failure::Impossible(format!(
                "{length} bytes do not fit into {count} pages"
            )));
        }
        let shared = if self.writable {
            gntalloc.share(self.domain, count, ReadWrite)?
        } else {
            gntalloc.share(self.domain, count, ReadOnly)?
        };
        for (page, bytes) in shared.pages().zip(contents.chunks(PAGE_SIZE)) {
            page.write(0, bytes).map_err(|error| Failure::Impossible(error.to_string()))?;
        }
        if let Some(offset) = self.clear {
            shared.notify(0, UnmapNotify::clear_byte(offset))?;
        }
        table(&shared, out).map_err(Failure::Output)?;
        hold(self.seconds);
        Ok(shared.unshare().map_err(Error::from)?)
    }

    fn contents(&self, input: &mut dyn Read) -> Result<Vec<u8>, Failure> {
        let Some(file) = self.file.as_deref() else { return Ok(Vec::new()) };
        read(file, input, MAX_PAGES_PER_SHARE * PAGE_SIZE)
    }
}

/// Reads at most `max` bytes, and one more if there are more.
pub(crate) fn read(file: &str, input: &mut dyn Read, max: usize) -> Result<Vec<u8>, Failure> {
    let mut contents = Vec::new();
    let limit = (max as u64).saturating_add(1);
    let (name, read) = match file {
        "-" => ("standard input", input.take(limit).read_to_end(&mut contents)),
        path => {
            let opened = File::open(path).map_err(Failure::file(path))?;
            (path, opened.take(limit).read_to_end(&mut contents))
        }
    };
    read.map_err(Failure::file(name))?;
    Ok(contents)
}

fn table(shared: &Shared, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{:>5}  {:>10}", "page", "reference")?;
    for (page, reference) in shared.references().enumerate() {
        writeln!(out, "{page:>5}  {:>10}", reference.0)?;
    }
    out.flush()
}
