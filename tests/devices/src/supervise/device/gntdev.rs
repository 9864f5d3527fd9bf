//! `/dev/xen/gntdev`.

use std::fs::File;
use std::ops::Range;
use std::rc::Rc;

use nix::errno::Errno;

use super::super::peers::{Grant, PAGE, Page};
use super::super::process::FileId;
use super::super::state::Held;
use super::super::thread::Struct;
use super::{Context, Driver, Machine, Reply, Wanted, area_at, overlaps, requests};

requests! {
    MAP_GRANT_REF = b'G', 0, 24;
    UNMAP_GRANT_REF = b'G', 1, 16;
    GET_OFFSET_FOR_VADDR = b'G', 2, 24;
    SET_MAX_GRANTS = b'G', 3, 4;
    SET_UNMAP_NOTIFY = b'G', 7, 16;
    GRANT_COPY = b'G', 8, 16;
    DMABUF_EXP_FROM_REFS = b'G', 9, 20;
    DMABUF_EXP_WAIT_RELEASED = b'G', 10, 8;
    DMABUF_IMP_TO_REFS = b'G', 11, 20;
    DMABUF_IMP_RELEASE = b'G', 12, 8;
}

/// How many pages one request has at most.
const LIMIT: u32 = 64 * 1024;

pub(super) const CLEAR_BYTE: u32 = 1;
pub(super) const SEND_EVENT: u32 = 2;

/// An action for when a page is unmapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notify {
    /// Offset of the byte in the file.
    pub(super) offset: u64,
    pub(super) action: u32,
    pub(super) port: u32,
}

#[derive(Debug)]
struct Map {
    index: u64,
    grants: Vec<Grant>,
    listed: bool,
    /// It has been mapped, which can happen once.
    used: bool,
    writable: bool,
    /// Each page before it was mapped; empty unless it is mapped.
    pages: Vec<Page>,
    notify: Option<Notify>,
}

impl Map {
    fn range(&self) -> Range<u64> {
        self.index..self.index + self.grants.len() as u64 * PAGE
    }

    /// The last mapping is gone: notifies, and restores the pages.
    fn unmapped(&mut self, machine: &mut Machine, file: &Rc<File>) {
        if let Some(notify) = self.notify.take() {
            notify.act(machine, file);
        }
        for (at, (grant, page)) in self.grants.iter().zip(self.pages.drain(..)).enumerate() {
            let mapped = Page { file: Rc::clone(file), offset: self.index + at as u64 * PAGE };
            // A page that cannot be written keeps its contents.
            let _ = mapped.copy_to(&page);
            machine.grants.moved(*grant, page);
        }
    }
}

impl Notify {
    pub(super) fn act(self, machine: &mut Machine, file: &Rc<File>) {
        if self.action & CLEAR_BYTE != 0 {
            let page = Page { file: Rc::clone(file), offset: 0 };
            let _ = page.write(self.offset, &[0]);
        }
        if self.action & SEND_EVENT != 0 {
            machine.ports.notify(self.port);
        }
    }

    /// Reads the request, which is the same for gntalloc.
    pub(super) fn asked(argument: Struct) -> Result<Self, Errno> {
        Ok(Self { offset: argument.u64(0)?, action: argument.u32(8)?, port: argument.u32(12)? })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Gntdev {
    maps: Vec<Map>,
    imports: Vec<Import>,
}

#[derive(Debug)]
struct Import {
    descriptor: u32,
    references: Vec<u32>,
}

fn count(count: u32) -> Result<u32, Errno> {
    if (1..=LIMIT).contains(&count) { Ok(count) } else { Err(Errno::EINVAL) }
}

impl Gntdev {
    fn map(&mut self, argument: Struct) -> Result<(), Errno> {
        let count = count(argument.u32(0)?)?;
        let grants: Result<_, Errno> = (0..u64::from(count))
            .map(|at| Ok((argument.u32(16 + 8 * at)?, argument.u32(20 + 8 * at)?)))
            .collect();
        let index = self.free_index(u64::from(count) * PAGE);
        self.maps.push(Map {
            index,
            grants: grants?,
            listed: true,
            used: false,
            writable: false,
            pages: Vec::new(),
            notify: None,
        });
        argument.put(8, index.to_ne_bytes())
    }

    /// The lowest free index. Linux also reuses indices that are still mapped.
    fn free_index(&self, size: u64) -> u64 {
        let mut ranges: Vec<_> = self.maps.iter().map(Map::range).collect();
        ranges.sort_by_key(|range| range.start);
        let mut index = 0;
        for range in ranges {
            if index + size <= range.start {
                break;
            }
            index = range.end;
        }
        index
    }

    fn listed(&mut self, index: u64, count: u64) -> Option<&mut Map> {
        let is = |map: &&mut Map| map.index == index && map.grants.len() as u64 == count;
        self.maps.iter_mut().filter(|map| map.listed).find(is)
    }

    fn unmap(&mut self, argument: Struct) -> Result<(), Errno> {
        let (index, count) = (argument.u64(0)?, argument.u32(8)?);
        let map = self.listed(index & !(PAGE - 1), count.into()).ok_or(Errno::ENOENT)?;
        map.listed = false;
        Ok(())
    }

    fn offset(&self, cx: &Context<'_>, argument: Struct) -> Result<(), Errno> {
        let area = area_at(cx.process, argument.u64(0)?).ok_or(Errno::EINVAL)?;
        let holds = |map: &&Map| map.range().contains(&area.offset) && !map.pages.is_empty();
        let map = self.maps.iter().filter(|_| area.file == Some(cx.id)).find(holds);
        let map = map.ok_or(Errno::EINVAL)?;
        argument.put(8, map.index.to_ne_bytes())?;
        argument.put(16, (map.grants.len() as u32).to_ne_bytes())
    }

    fn notify(&mut self, machine: &Machine, argument: Struct) -> Result<(), Errno> {
        let notify = Notify::asked(argument)?;
        if notify.action & !(CLEAR_BYTE | SEND_EVENT) != 0 {
            return Err(Errno::EINVAL);
        }
        if notify.action & SEND_EVENT != 0 && !machine.ports.bound(notify.port) {
            return Err(Errno::EINVAL);
        }
        let mut listed = self.maps.iter_mut().filter(|map| map.listed);
        let map = listed.find(|map| map.range().contains(&notify.offset)).ok_or(Errno::ENOENT)?;
        if notify.action & CLEAR_BYTE != 0 && map.used && !map.writable {
            return Err(Errno::EINVAL);
        }
        map.notify = Some(notify);
        Ok(())
    }

    fn import(&mut self, cx: &mut Context<'_>, argument: Struct) -> Result<(), Errno> {
        let descriptor = argument.u32(0)?;
        let count = count(argument.u32(4)?)?;
        let file = cx.process.file(descriptor.into());
        if !cx.process.descriptors().contains(&descriptor.into()) {
            return Err(Errno::EBADF);
        }
        if cx.machine.exports.pages(file) != Some(count) {
            return Err(Errno::EINVAL);
        }
        let mut references = Vec::new();
        for at in 0..u64::from(count) {
            let page = cx.machine.grants.fresh().map_err(|_| Errno::ENOMEM)?;
            let reference = cx.machine.grants.grant(page).ok_or(Errno::ENOSPC)?;
            references.push(reference);
            argument.put(16 + 4 * at, reference.to_ne_bytes())?;
        }
        self.imports.push(Import { descriptor, references });
        Ok(())
    }

    fn release_import(&mut self, machine: &mut Machine, descriptor: u32) -> Result<(), Errno> {
        let of = |import: &Import| import.descriptor == descriptor;
        let at = self.imports.iter().position(of).ok_or(Errno::ENOENT)?;
        let import = self.imports.remove(at);
        import.references.into_iter().for_each(|reference| machine.grants.end(reference));
        Ok(())
    }
}

fn export(machine: &mut Machine, argument: Struct) -> Result<Reply, Errno> {
    const EITHER: u32 = 3;
    let (flags, pages) = (argument.u32(0)?, count(argument.u32(4)?)?);
    let domid = argument.u32(12)?;
    if flags & EITHER == EITHER {
        return Err(Errno::EINVAL);
    }
    for at in 0..u64::from(pages) {
        let grant = (domid, argument.u32(16 + 4 * at)?);
        machine.grants.find(grant, true).map_err(|_| Errno::EINVAL)?;
    }
    Ok(Reply::Export { pages, to: Struct { address: argument.address + 8, ..argument } })
}

impl Driver for Gntdev {
    fn ioctl(&mut self, cx: &mut Context<'_>, request: u32, argument: u64) -> Result<Reply, Errno> {
        let argument = cx.at(argument);
        match request {
            request::MAP_GRANT_REF => self.map(argument)?,
            request::UNMAP_GRANT_REF => self.unmap(argument)?,
            request::GET_OFFSET_FOR_VADDR => self.offset(cx, argument)?,
            request::SET_UNMAP_NOTIFY => self.notify(cx.machine, argument)?,
            request::GRANT_COPY => super::copy::copy(&mut cx.machine.grants, argument)?,
            request::DMABUF_EXP_FROM_REFS => return export(cx.machine, argument),
            request::DMABUF_EXP_WAIT_RELEASED => {
                cx.machine.exports.wait(cx.id, argument.u32(0)?, argument.u32(4)?)?;
            }
            request::DMABUF_IMP_TO_REFS => self.import(cx, argument)?,
            request::DMABUF_IMP_RELEASE => {
                self.release_import(cx.machine, argument.u32(0)?)?;
            }
            _ => return Err(Errno::ENOTTY),
        }
        Ok(Reply::Value(0))
    }

    fn mmap(&mut self, cx: &mut Context<'_>, wanted: Wanted) -> Result<u64, Errno> {
        if wanted.writable && !wanted.shared {
            return Err(Errno::EINVAL);
        }
        let map = self.listed(wanted.offset, wanted.pages).ok_or(Errno::EINVAL)?;
        if map.used {
            return Err(Errno::EINVAL);
        }
        map.used = true;
        map.writable = wanted.writable;
        let grants = &mut cx.machine.grants;
        let pages: Result<Vec<_>, _> =
            map.grants.iter().map(|grant| grants.find(*grant, wanted.writable)).collect();
        map.pages = pages.map_err(|_| Errno::EINVAL)?;
        for (at, (grant, page)) in map.grants.iter().zip(&map.pages).enumerate() {
            let here = Page { file: Rc::clone(cx.file), offset: map.index + at as u64 * PAGE };
            page.copy_to(&here).map_err(|_| Errno::EIO)?;
            grants.moved(*grant, here);
        }
        Ok(wanted.offset)
    }

    fn look(&mut self, machine: &mut Machine, file: &Rc<File>, mapped: &[Range<u64>]) {
        for map in &mut self.maps {
            if !map.pages.is_empty() && !overlaps(mapped, &map.range()) {
                map.unmapped(machine, file);
            }
        }
        // A map that was never mapped notifies too.
        for map in &mut self.maps {
            if !map.listed && map.pages.is_empty() {
                map.unmapped(machine, file);
            }
        }
        self.maps.retain(|map| map.listed || !map.pages.is_empty());
    }

    fn release(&mut self, machine: &mut Machine, file: &Rc<File>) {
        self.maps.iter_mut().for_each(|map| map.listed = false);
        self.look(machine, file, &[]);
        while let Some(import) = self.imports.first() {
            let descriptor = import.descriptor;
            let _ = self.release_import(machine, descriptor);
        }
    }

    fn held(&self, _: FileId, _: &Machine) -> Vec<(Held, usize)> {
        let listed = self.maps.iter().filter(|map| map.listed).count();
        vec![(Held::Index, listed), (Held::Import, self.imports.len())]
    }
}
