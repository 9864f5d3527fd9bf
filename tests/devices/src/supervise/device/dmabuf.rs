//! Buffers that gntdev exports, and their users. They have memory of their own: not that of the grants of
//! which they were made, nor of the grants that are made of them.

use nix::errno::Errno;

use super::super::process::FileId;
use super::Driver;

/// The descriptor of a buffer. It can be mapped by the real kernel.
#[derive(Debug)]
pub(crate) struct Dmabuf;

impl Driver for Dmabuf {}

#[derive(Debug)]
struct Export {
    /// The gntdev that exported it.
    exporter: FileId,
    file: FileId,
    /// The descriptor's number when it was made, by which gntdev identifies it.
    descriptor: u32,
    pages: u32,
    /// The program has a descriptor or a mapping.
    open: bool,
}

/// The buffers that are in use.
#[derive(Debug, Default)]
pub(crate) struct Exports(Vec<Export>);

impl Exports {
    pub(crate) fn add(&mut self, exporter: FileId, file: FileId, descriptor: u32, pages: u32) {
        self.0.push(Export { exporter, file, descriptor, pages, open: true });
    }

    /// The program has closed it.
    pub(crate) fn close(&mut self, file: FileId) {
        let of = |export: &&mut Export| export.file == file;
        self.0.iter_mut().filter(of).for_each(|export| export.open = false);
    }

    /// How many pages the buffer has that a descriptor refers to.
    pub(super) fn pages(&self, file: Option<FileId>) -> Option<u32> {
        self.0.iter().find(|export| Some(export.file) == file).map(|export| export.pages)
    }

    /// Waits for a buffer to be released. No time passes here: other users release the buffer as soon as the
    /// program has closed it and waits with a timeout.
    pub(super) fn wait(&mut self, exporter: FileId, descriptor: u32, ms: u32) -> Result<(), Errno> {
        let is = |export: &Export| export.exporter == exporter && export.descriptor == descriptor;
        let at = self.0.iter().position(is).ok_or(Errno::ENOENT)?;
        if ms == 0 || self.0[at].open {
            return Err(Errno::ETIMEDOUT);
        }
        self.0.remove(at);
        Ok(())
    }
}
