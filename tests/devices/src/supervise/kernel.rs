//! The part of the kernel that this crate replaces.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::rc::Rc;

use nix::errno::Errno;
use nix::libc;

use super::call::{Call, describe};
use super::device::{
    Context, Data, Device, Dmabuf, Driver, Exports, Machine, Ports, Reply, Servers, Wanted,
};
use super::peers::{Grants, PAGE};
use super::process::{FileId, Mapping, Process};
use super::state::{Held, State};
use super::thread::{Struct, SystemCall, Thread};

/// Sets whether reads block. It works on all files, so the real kernel handles it.
pub(crate) const FIONBIO: u32 = 0x5421;

/// An opening of a device.
#[derive(Debug)]
struct Open {
    device: Device,
    file: Rc<File>,
    driver: Box<dyn Driver>,
}

/// What happens to a system call.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The real kernel performs it.
    Pass,
    /// It is not performed, and this is its result.
    Answer(Result<i64, Errno>),
    /// The real kernel performs another call, and then there is more to do.
    Instead(SystemCall, Afterwards),
}

/// What to do after a call that replaced another.
#[derive(Debug)]
pub(crate) enum Afterwards {
    /// The result stands.
    Nothing,
    /// The result is the descriptor of a device.
    Opened(Device),
    /// The result is the descriptor of a dma-buf, which is written to an address.
    Exported { exporter: FileId, pages: u32, to: Struct },
}

/// The devices, with all that are open.
#[derive(Debug)]
pub(crate) struct Kernel {
    open: BTreeMap<FileId, Open>,
    machine: Machine,
}

impl Kernel {
    pub(crate) fn new() -> io::Result<Self> {
        let grants = Grants::new(tempfile::tempfile()?);
        let (ports, exports, servers) = (Ports::default(), Exports::default(), Servers::default());
        let machine = Machine { grants, ports, exports, servers, shared: 0 };
        Ok(Self { open: BTreeMap::new(), machine })
    }

    /// Whether a call may be about a device, which then has to know what is still in use.
    pub(crate) fn answers(&self, call: SystemCall) -> bool {
        !self.open.is_empty() && matches!(call.number, libc::SYS_ioctl | libc::SYS_mmap)
    }

    /// A thread is about to make a call.
    pub(crate) fn enter(&mut self, thread: Thread, call: SystemCall) -> nix::Result<Verdict> {
        let arguments = call.arguments;
        match call.number {
            libc::SYS_open => open(thread, arguments[0], arguments[1]),
            libc::SYS_openat => open(thread, arguments[1], arguments[2]),
            libc::SYS_fstat => Ok(self.fstat(thread, arguments)),
            libc::SYS_readlinkat => Ok(readlink(thread, arguments)),
            libc::SYS_ioctl => self.ioctl(thread, arguments),
            libc::SYS_mmap => Ok(self.mmap(thread, call)),
            libc::SYS_read | libc::SYS_write => Ok(self.transfer(thread, call)),
            _ => Ok(Verdict::Pass),
        }
    }

    /// A call that replaced another has returned. Returns the result for the program.
    pub(crate) fn leave(&mut self, thread: Thread, then: Afterwards, result: i64) -> i64 {
        let Ok(descriptor) = u64::try_from(result) else { return result };
        let made = match then {
            Afterwards::Nothing => return result,
            Afterwards::Opened(device) => {
                self.add(thread, descriptor, device, device.driver()).map(|_| result)
            }
            Afterwards::Exported { exporter, pages, to } => {
                self.export(thread, descriptor, exporter, pages, to)
            }
        };
        made.unwrap_or_else(|errno| -i64::from(errno as i32))
    }

    fn add(
        &mut self,
        thread: Thread,
        descriptor: u64,
        device: Device,
        driver: Box<dyn Driver>,
    ) -> Result<FileId, Errno> {
        /// Size of a device's file: mappings of any device fit into it.
        const CAPACITY: u64 = 1 << 40;
        let process = Process(thread.0);
        let file = process.take(descriptor).map_err(|_| Errno::EIO)?;
        let id = process.file(descriptor).ok_or(Errno::EIO)?;
        if matches!(id, FileId::Memory(_)) {
            file.set_len(CAPACITY).map_err(|_| Errno::EIO)?;
        }
        self.open.insert(id, Open { device, file: Rc::new(file), driver });
        Ok(id)
    }

    fn export(
        &mut self,
        thread: Thread,
        descriptor: u64,
        exporter: FileId,
        pages: u32,
        to: Struct,
    ) -> Result<i64, Errno> {
        let file = self.add(thread, descriptor, Device::Dmabuf, Box::new(Dmabuf))?;
        let number = u32::try_from(descriptor).map_err(|_| Errno::EIO)?;
        self.machine.exports.add(exporter, file, number, pages);
        to.put(0, number.to_ne_bytes()).map(|()| 0)
    }

    fn with<R>(
        &mut self,
        thread: Thread,
        id: FileId,
        what: impl FnOnce(&mut dyn Driver, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let Self { open, machine } = self;
        let Open { file, driver, .. } = open.get_mut(&id)?;
        let process = Process(thread.0);
        let mut context = Context { machine, thread, process, id, file };
        Some(what(driver.as_mut(), &mut context))
    }

    /// What a device's file is: a character device with its numbers.
    fn fstat(&self, thread: Thread, [descriptor, to, ..]: [u64; 6]) -> Verdict {
        const MODE: usize = mem::offset_of!(libc::stat, st_mode);
        const RDEV: usize = mem::offset_of!(libc::stat, st_rdev);
        let id = Process(thread.0).file(descriptor);
        let open = id.and_then(|id| self.open.get(&id));
        let Some(minor) = open.and_then(|open| open.device.minor()) else { return Verdict::Pass };
        let mut stat = [0; size_of::<libc::stat>()];
        stat[MODE..MODE + 4].copy_from_slice(&(libc::S_IFCHR | 0o600).to_ne_bytes());
        stat[RDEV..RDEV + 8].copy_from_slice(&(10 << 8 | minor).to_ne_bytes());
        Verdict::Answer(thread.write(to, &stat).map(|()| 0))
    }

    fn ioctl(&mut self, thread: Thread, arguments: [u64; 6]) -> nix::Result<Verdict> {
        let [descriptor, request, argument, ..] = arguments;
        let Some(id) = Process(thread.0).file(descriptor) else { return Ok(Verdict::Pass) };
        // The kernel takes the low 32 bits.
        let request = request as u32;
        if request == FIONBIO {
            return Ok(Verdict::Pass);
        }
        let reply = self.with(thread, id, |driver, cx| driver.ioctl(cx, request, argument));
        Ok(match reply {
            None => Verdict::Pass,
            Some(Err(errno)) => Verdict::Answer(Err(errno)),
            Some(Ok(Reply::Value(value))) => Verdict::Answer(Ok(value)),
            Some(Ok(Reply::Export { pages, to })) => {
                let name = thread.scratch()?;
                thread.write(name, b"/dev/xen/dmabuf\0")?;
                let call = create(name, libc::MFD_CLOEXEC.into());
                Verdict::Instead(call, Afterwards::Exported { exporter: id, pages, to })
            }
        })
    }

    fn mmap(&mut self, thread: Thread, call: SystemCall) -> Verdict {
        let [_, length, protection, flags, descriptor, offset] = call.arguments;
        let flag = |flags: u64, flag: i32| flags & flag as u64 != 0;
        let id = (!flag(flags, libc::MAP_ANONYMOUS)).then(|| Process(thread.0).file(descriptor));
        let Some(id) = id.flatten() else { return Verdict::Pass };
        if self.open.get(&id).is_some_and(|open| open.device == Device::Dmabuf) {
            return Verdict::Pass;
        }
        let wanted = Wanted {
            offset,
            pages: length.div_ceil(PAGE),
            shared: flag(flags, libc::MAP_SHARED),
            writable: flag(protection, libc::PROT_WRITE),
        };
        match self.with(thread, id, |driver, cx| driver.mmap(cx, wanted)) {
            None => Verdict::Pass,
            Some(Err(errno)) => Verdict::Answer(Err(errno)),
            Some(Ok(offset)) => {
                let mut arguments = call.arguments;
                arguments[5] = offset;
                Verdict::Instead(SystemCall { arguments, ..call }, Afterwards::Nothing)
            }
        }
    }

    fn transfer(&mut self, thread: Thread, call: SystemCall) -> Verdict {
        let [descriptor, address, size, ..] = call.arguments;
        let Some(id) = Process(thread.0).file(descriptor) else { return Verdict::Pass };
        let data = Data { descriptor, address, size };
        let reads = call.number == libc::SYS_read;
        let done = self.with(thread, id, |driver, cx| {
            if reads { driver.read(cx, data) } else { driver.write(cx, data) }
        });
        done.map_or(Verdict::Pass, Verdict::Answer)
    }

    /// Lets drivers see what is still in use by any of the processes.
    pub(crate) fn look(&mut self, processes: impl IntoIterator<Item = Process>) {
        let mut used: BTreeMap<FileId, Vec<Range<u64>>> = BTreeMap::new();
        for process in processes {
            for id in process.descriptors().into_iter().filter_map(|one| process.file(one)) {
                used.entry(id).or_default();
            }
            for Mapping { addresses, offset, file } in process.mappings() {
                if let Some(id) = file {
                    let range = offset..offset + (addresses.end - addresses.start);
                    used.entry(id).or_default().push(range);
                }
            }
        }
        let Self { open, machine } = self;
        open.retain(|id, Open { file, driver, .. }| {
            match used.get(id) {
                Some(mapped) => driver.look(machine, file, mapped),
                None => {
                    driver.release(machine, file);
                    machine.exports.close(*id);
                }
            }
            used.contains_key(id)
        });
    }

    /// What a process holds. Correct after [`look`](Self::look).
    pub(crate) fn state(&self, process: Process) -> State {
        let mut state = State::default();
        state.add(Held::Descriptor, process.descriptors().len());
        for mapping in process.mappings() {
            if mapping.file.is_some_and(|id| self.open.contains_key(&id)) {
                let bytes = mapping.addresses.end - mapping.addresses.start;
                state.add(Held::MappedPage, usize::try_from(bytes / PAGE).unwrap_or(usize::MAX));
            }
        }
        for (id, open) in &self.open {
            state.extend(open.driver.held(*id, &self.machine));
        }
        state
    }

    /// A call in readable form; the result follows later.
    pub(crate) fn describe(&self, thread: Thread, call: SystemCall) -> Call {
        describe(thread, call, |id| self.open.get(&id).map(|open| open.device))
    }

    /// Makes descriptors of evtchn readable while they have a pending port.
    pub(crate) fn signal(&self) {
        for (id, open) in &self.open {
            if open.device == Device::Evtchn {
                // If it fails, a poll is wrong, and the next read shows it.
                let _ = super::event::set(&open.file, self.machine.ports.readable(*id));
            }
        }
    }
}

/// The call that creates a memory file, with the name at an address.
fn create(name: u64, flags: u64) -> SystemCall {
    SystemCall { number: libc::SYS_memfd_create, arguments: [name, flags, 0, 0, 0, 0] }
}

/// Where a device's link in sysfs leads.
fn readlink(thread: Thread, [_, path, to, size, ..]: [u64; 6]) -> Verdict {
    let Some(device) = thread.path(path).as_deref().and_then(Device::linked_from) else {
        return Verdict::Pass;
    };
    let mut target = format!("../../devices/virtual/misc/xen!{device}").into_bytes();
    target.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    Verdict::Answer(thread.write(to, &target).map(|()| target.len() as i64))
}

/// Opens a device. Its descriptor is that of a memory file with the path as its name, which can be mapped;
/// evtchn's is an eventfd, which can be polled.
fn open(thread: Thread, path: u64, flags: u64) -> nix::Result<Verdict> {
    let Some(device) = thread.path(path).as_deref().and_then(Device::at) else {
        return Ok(Verdict::Pass);
    };
    let cloexec = flags & libc::O_CLOEXEC as u64;
    let call = if device == Device::Evtchn {
        let flags = cloexec | flags & libc::O_NONBLOCK as u64;
        SystemCall { number: libc::SYS_eventfd2, arguments: [0, flags, 0, 0, 0, 0] }
    } else {
        create(path, if cloexec == 0 { 0 } else { libc::MFD_CLOEXEC.into() })
    };
    Ok(Verdict::Instead(call, Afterwards::Opened(device)))
}
