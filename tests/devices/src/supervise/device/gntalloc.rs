//! `/dev/xen/gntalloc`.

use std::fs::File;
use std::ops::Range;
use std::rc::Rc;

use nix::errno::Errno;

use super::super::peers::{PAGE, Page};
use super::super::process::FileId;
use super::super::state::Held;
use super::super::thread::Struct;
use super::gntdev::{CLEAR_BYTE, Notify, SEND_EVENT};
use super::{Context, Driver, Machine, Reply, Wanted, overlaps, requests};

requests! {
    ALLOC_GREF = b'G', 5, 24;
    DEALLOC_GREF = b'G', 6, 16;
    SET_UNMAP_NOTIFY = b'G', 7, 16;
}

/// `GNTALLOC_FLAG_WRITABLE`: the other domain may write.
const WRITABLE: u16 = 1;

/// How many pages all programs share at most.
const LIMIT: u32 = 1024;

#[derive(Debug)]
struct Shared {
    /// Offset of the page in the file.
    index: u64,
    reference: u32,
    listed: bool,
    notify: Option<Notify>,
}

#[derive(Debug, Default)]
pub(crate) struct Gntalloc {
    pages: Vec<Shared>,
    next: u64,
}

impl Gntalloc {
    fn alloc(&mut self, cx: &mut Context<'_>, argument: Struct) -> Result<(), Errno> {
        let (flags, count) = (argument.u16(2)?, argument.u32(4)?);
        let shared = cx.machine.shared.checked_add(count).filter(|shared| *shared <= LIMIT);
        cx.machine.shared = shared.ok_or(Errno::ENOSPC)?;
        let index = self.next;
        for at in 0..u64::from(count) {
            let page = Page { file: Rc::clone(cx.file), offset: self.next };
            let grants = &mut cx.machine.grants;
            let reference = match flags & WRITABLE {
                0 => grants.grant_read_only(page),
                _ => grants.grant(page),
            };
            let reference = reference.ok_or(Errno::ENOSPC)?;
            self.pages.push(Shared { index: self.next, reference, listed: true, notify: None });
            self.next += PAGE;
            argument.put(16 + 4 * at, reference.to_ne_bytes())?;
        }
        argument.put(8, index.to_ne_bytes())
    }

    /// `count` consecutive listed pages, from an index on.
    fn row(&mut self, index: u64, count: u64) -> Option<&mut [Shared]> {
        let listed = |shared: &Shared| shared.listed && shared.index == index;
        let start = self.pages.iter().position(listed)?;
        let end = start.checked_add(usize::try_from(count).ok().filter(|count| *count != 0)?)?;
        let row = self.pages.get_mut(start..end)?;
        let expected = (0..).map(|at| index + at * PAGE);
        let whole = row.iter().zip(expected).all(|(page, at)| page.listed && page.index == at);
        whole.then_some(row)
    }

    fn dealloc(&mut self, argument: Struct) -> Result<(), Errno> {
        let row = self.row(argument.u64(0)?, argument.u32(8)?.into()).ok_or(Errno::EINVAL)?;
        row.iter_mut().for_each(|page| page.listed = false);
        Ok(())
    }

    fn notify(&mut self, machine: &Machine, argument: Struct) -> Result<(), Errno> {
        let notify = Notify::asked(argument)?;
        let row = self.row(notify.offset & !(PAGE - 1), 1).ok_or(Errno::ENOENT)?;
        let unknown = notify.action & !(CLEAR_BYTE | SEND_EVENT) != 0;
        if unknown || notify.action & SEND_EVENT != 0 && !machine.ports.bound(notify.port) {
            return Err(Errno::EINVAL);
        }
        row.iter_mut().for_each(|page| page.notify = Some(notify));
        Ok(())
    }
}

impl Driver for Gntalloc {
    fn ioctl(&mut self, cx: &mut Context<'_>, request: u32, argument: u64) -> Result<Reply, Errno> {
        let argument = cx.at(argument);
        match request {
            request::ALLOC_GREF => self.alloc(cx, argument)?,
            request::DEALLOC_GREF => self.dealloc(argument)?,
            request::SET_UNMAP_NOTIFY => self.notify(cx.machine, argument)?,
            _ => return Err(Errno::ENOTTY),
        }
        Ok(Reply::Value(0))
    }

    fn mmap(&mut self, _: &mut Context<'_>, wanted: Wanted) -> Result<u64, Errno> {
        if !wanted.shared {
            return Err(Errno::EINVAL);
        }
        self.row(wanted.offset, wanted.pages).ok_or(Errno::ENOENT)?;
        Ok(wanted.offset)
    }

    fn look(&mut self, machine: &mut Machine, file: &Rc<File>, mapped: &[Range<u64>]) {
        self.pages.retain_mut(|page| {
            let keep = page.listed || overlaps(mapped, &(page.index..page.index + PAGE));
            if !keep {
                if let Some(notify) = page.notify.take() {
                    notify.act(machine, file);
                }
                machine.grants.end(page.reference);
                machine.shared -= 1;
            }
            keep
        });
    }

    fn release(&mut self, machine: &mut Machine, file: &Rc<File>) {
        self.pages.iter_mut().for_each(|page| page.listed = false);
        self.look(machine, file, &[]);
    }

    fn held(&self, _: FileId, _: &Machine) -> Vec<(Held, usize)> {
        vec![(Held::SharedPage, self.pages.len())]
    }
}
