//! `/dev/xen/privcmd`.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Range;
use std::rc::Rc;

use nix::errno::Errno;

use super::super::peers::{self, FRAMES, PAGE, PAGED_OUT, Page};
use super::super::process::{FileId, Mapping};
use super::super::state::Held;
use super::super::thread::Struct;
use super::eventfds::Eventfds;
use super::{
    Context, Driver, Machine, Reply, Servers, Wanted, area_at, hypercalls, overlaps, requests,
};

requests! {
    HYPERCALL = b'P', 0, 48;
    MMAP = b'P', 2, 16;
    MMAPBATCH = b'P', 3, 24;
    MMAPBATCH_V2 = b'P', 4, 32;
    DM_OP = b'P', 5, 16;
    RESTRICT = b'P', 6, 2;
    MMAP_RESOURCE = b'P', 7, 32;
    IRQFD = b'P', 8, 1 << 14 | 24;
    IOEVENTFD = b'P', 9, 1 << 14 | 48;
}

/// Frames of every resource that there is.
const RESOURCE_FRAMES: u64 = 4;
/// How many buffers an operation of a device model has at most, and how many bytes each.
const DM_OP_BUFFERS: u16 = 16;
const DM_OP_BYTES: u64 = 4096;

#[derive(Debug, Default)]
pub(crate) struct Privcmd {
    /// The only domain that operations may be on.
    restricted: Option<u16>,
    next: u64,
    /// Offsets in the file of pages where frames are mapped.
    filled: BTreeSet<u64>,
    eventfds: Eventfds,
}

impl Privcmd {
    fn allows(&self, domid: u16) -> Result<(), Errno> {
        let allowed = self.restricted.is_none_or(|only| only == domid);
        if allowed { Ok(()) } else { Err(Errno::EPERM) }
    }

    fn restrict(&mut self, domid: u16) -> Result<i64, Errno> {
        if self.restricted.is_some_and(|only| only != domid) {
            return Err(Errno::EINVAL);
        }
        self.restricted = Some(domid);
        Ok(0)
    }

    fn hypercall(&self, argument: Struct) -> Result<i64, Errno> {
        if self.restricted.is_some() {
            return Err(Errno::EPERM);
        }
        let mut arguments = [0; 5];
        for (at, value) in (0..).zip(&mut arguments) {
            *value = argument.u64(8 + 8 * at)?;
        }
        hypercalls::call(argument.thread, argument.u64(0)?, arguments)
    }

    fn batch(&mut self, cx: &Context<'_>, argument: Struct) -> Result<i64, Errno> {
        let (count, domid) = (argument.u32(0)?, argument.u16(4)?);
        self.allows(domid)?;
        if count == 0 {
            return Err(Errno::EINVAL);
        }
        let frames: Result<Vec<u64>, Errno> =
            (0..count).map(|at| argument.element(16, at, 8)?.u64(0)).collect();
        let frames = frames?;
        for at in 0..count {
            argument.element(24, at, 4)?.put(0, 0_i32.to_ne_bytes())?;
        }
        let pages = self.area(cx, argument.u64(8)?, count.into())?;
        let mut paged_out = false;
        for (at, (frame, offset)) in (0..).zip(frames.into_iter().zip(pages)) {
            let error = match frame {
                _ if !peers::exists(domid.into()) => Errno::ESRCH,
                PAGED_OUT => Errno::ENOENT,
                frame if frame >= FRAMES => Errno::EINVAL,
                frame => {
                    let page = Page { file: Rc::clone(cx.file), offset };
                    page.write(0, &frame.to_ne_bytes()).map_err(|_| Errno::EIO)?;
                    self.filled.insert(offset);
                    continue;
                }
            };
            paged_out |= error == Errno::ENOENT;
            argument.element(24, at, 4)?.put(0, (-(error as i32)).to_ne_bytes())?;
        }
        if paged_out { Err(Errno::ENOENT) } else { Ok(0) }
    }

    /// Offsets of the pages of a whole mapping of this device, or of pages in one that are empty.
    fn area(
        &self,
        cx: &Context<'_>,
        address: u64,
        pages: u64,
    ) -> Result<impl Iterator<Item = u64> + use<>, Errno> {
        let area = area_at(cx.process, address).filter(|area| area.file == Some(cx.id));
        let Mapping { addresses, offset, .. } = area.ok_or(Errno::EINVAL)?;
        let end = pages.checked_mul(PAGE).and_then(|size| address.checked_add(size));
        let end = end.filter(|end| *end <= addresses.end).ok_or(Errno::EINVAL)?;
        if address < addresses.start {
            return Err(Errno::EINVAL);
        }
        let whole = (address..end) == addresses;
        let start = offset + (address - addresses.start);
        let range = start..start + (end - address);
        let area = offset..offset + (addresses.end - addresses.start);
        let untouched = self.filled.range(area).next().is_none();
        if untouched && !whole || self.filled.range(range.clone()).next().is_some() {
            return Err(Errno::EINVAL);
        }
        Ok(range.step_by(PAGE as usize))
    }

    fn resource(&mut self, cx: &Context<'_>, argument: Struct) -> Result<i64, Errno> {
        let (domid, kind) = (argument.u16(0)?, argument.u32(4)?);
        let (first, count) = (u64::from(argument.u32(12)?), argument.u64(16)?);
        let address = argument.u64(24)?;
        self.allows(domid)?;
        if (address == 0) != (count == 0) {
            return Err(Errno::EINVAL);
        }
        let pages = if count == 0 { None } else { Some(self.area(cx, address, count)?) };
        match kind {
            _ if !peers::exists(domid.into()) => return Err(Errno::ESRCH),
            0..=2 => {}
            _ => return Err(Errno::EOPNOTSUPP),
        }
        let Some(pages) = pages else {
            argument.put(16, RESOURCE_FRAMES.to_ne_bytes())?;
            return Ok(0);
        };
        if first.checked_add(count).is_none_or(|end| end > RESOURCE_FRAMES) {
            return Err(Errno::EINVAL);
        }
        for (frame, offset) in (first..).zip(pages) {
            let page = Page { file: Rc::clone(cx.file), offset };
            page.write(0, &frame.to_ne_bytes()).map_err(|_| Errno::EIO)?;
            self.filled.insert(offset);
        }
        Ok(0)
    }

    fn dm_op(&self, servers: &mut Servers, argument: Struct) -> Result<i64, Errno> {
        let (domid, count) = (argument.u16(0)?, argument.u16(2)?);
        self.allows(domid)?;
        if count > DM_OP_BUFFERS {
            return Err(Errno::E2BIG);
        }
        for at in 0..u32::from(count) {
            let buffer = argument.element(8, at, 16)?;
            let (address, size) = (buffer.u64(0)?, buffer.u64(8)?);
            if size > DM_OP_BYTES {
                return Err(Errno::E2BIG);
            }
            // Linux pins every buffer for writing.
            let buffer = Struct { address, ..argument };
            let mut bytes = vec![0; usize::try_from(size).map_err(|_| Errno::E2BIG)?];
            buffer.thread.read(address, &mut bytes)?;
            buffer.put(0, bytes)?;
        }
        if count == 0 {
            return Ok(0);
        }
        servers.perform(domid, argument.element(8, 0, 16)?)
    }
}

impl Driver for Privcmd {
    fn ioctl(&mut self, cx: &mut Context<'_>, request: u32, argument: u64) -> Result<Reply, Errno> {
        let argument = cx.at(argument);
        let value = match request {
            request::HYPERCALL => self.hypercall(argument)?,
            request::MMAPBATCH_V2 => self.batch(cx, argument)?,
            request::MMAP_RESOURCE => self.resource(cx, argument)?,
            request::DM_OP => self.dm_op(&mut cx.machine.servers, argument)?,
            request::IRQFD => {
                self.allows(Eventfds::irqfd_domain(argument)?)?;
                self.eventfds.irqfd(cx, argument)?
            }
            request::IOEVENTFD => {
                self.allows(Eventfds::ioeventfd_domain(argument)?)?;
                self.eventfds.ioeventfd(cx, argument)?
            }
            request::RESTRICT => self.restrict(argument.u16(0)?)?,
            // Only PV domains have this one.
            request::MMAP => return Err(Errno::ENOSYS),
            _ => return Err(Errno::ENOTTY),
        };
        Ok(Reply::Value(value))
    }

    /// Each mapping has new pages, whatever the offset.
    fn mmap(&mut self, _: &mut Context<'_>, wanted: Wanted) -> Result<u64, Errno> {
        let offset = self.next;
        self.next += wanted.pages * PAGE;
        Ok(offset)
    }

    fn look(&mut self, _: &mut Machine, _: &Rc<File>, mapped: &[Range<u64>]) {
        self.filled.retain(|offset| overlaps(mapped, &(*offset..offset + PAGE)));
    }

    fn held(&self, _: FileId, _: &Machine) -> Vec<(Held, usize)> {
        vec![(Held::Eventfd, self.eventfds.count())]
    }
}
