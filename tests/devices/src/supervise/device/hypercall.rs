//! `/dev/xen/hypercall`: memory for the buffers of hypercalls.

use nix::errno::Errno;

use super::super::peers::PAGE;
use super::{Context, Driver, Wanted};

#[derive(Debug, Default)]
pub(crate) struct Hypercall {
    next: u64,
}

impl Driver for Hypercall {
    /// Each mapping has new pages, whatever the offset.
    fn mmap(&mut self, _: &mut Context<'_>, wanted: Wanted) -> Result<u64, Errno> {
        if !wanted.shared {
            return Err(Errno::EINVAL);
        }
        let offset = self.next;
        self.next += wanted.pages * PAGE;
        Ok(offset)
    }
}
