//! Eventfds of privcmd: interrupts that the kernel raises, and writes that it signals.

use nix::errno::Errno;

use super::super::peers;
use super::super::process::FileId;
use super::super::thread::Struct;
use super::{Context, area_at};

const DEASSIGN: u32 = 1;
/// The most virtual processors of a server.
const VCPUS: u32 = 4096;

/// What the requests of an I/O request server are known by: their address, and what must be the same for
/// all eventfds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Server {
    requests: u64,
    domid: u16,
    vcpus: u32,
}

#[derive(Debug, Default)]
pub(super) struct Eventfds {
    interrupts: Vec<FileId>,
    writes: Vec<(Server, FileId)>,
}

impl Eventfds {
    /// How many are assigned.
    pub(super) fn count(&self) -> usize {
        self.interrupts.len() + self.writes.len()
    }

    /// The domain of a request, which may be restricted.
    pub(super) fn irqfd_domain(argument: Struct) -> Result<u16, Errno> {
        argument.u16(20)
    }

    pub(super) fn irqfd(&mut self, cx: &Context<'_>, argument: Struct) -> Result<i64, Errno> {
        let (size, fd, flags) = (argument.u32(8)?, argument.u32(12)?, argument.u32(16)?);
        if flags & !DEASSIGN != 0 {
            return Err(Errno::EINVAL);
        }
        if flags & DEASSIGN != 0 {
            let file = eventfd(cx, fd)?;
            self.interrupts.retain(|one| *one != file);
            return Ok(0);
        }
        let operation = Struct { address: argument.u64(0)?, ..argument };
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| Errno::EINVAL)?];
        operation.thread.read(operation.address, &mut bytes)?;
        let file = eventfd(cx, fd)?;
        if self.interrupts.contains(&file) {
            return Err(Errno::EBUSY);
        }
        self.interrupts.push(file);
        Ok(0)
    }

    pub(super) fn ioeventfd_domain(argument: Struct) -> Result<u16, Errno> {
        argument.u16(44)
    }

    pub(super) fn ioeventfd(&mut self, cx: &Context<'_>, argument: Struct) -> Result<i64, Errno> {
        let server = Server {
            requests: argument.u64(0)?,
            domid: Self::ioeventfd_domain(argument)?,
            vcpus: argument.u32(32)?,
        };
        let (fd, flags) = (argument.u32(28)?, argument.u32(40)?);
        if flags & !DEASSIGN != 0 {
            return Err(Errno::EINVAL);
        }
        if flags & DEASSIGN != 0 {
            let one = (server, eventfd(cx, fd)?);
            let at = self.writes.iter().position(|other| *other == one).ok_or(Errno::ENODEV)?;
            self.writes.remove(at);
            return Ok(0);
        }
        let (address, length) = (argument.u64(16)?, argument.u32(24)?);
        let is_range = address.checked_add(length.into()).is_some();
        if !is_range || ![1, 2, 4, 8].contains(&length) || !(1..=VCPUS).contains(&server.vcpus) {
            return Err(Errno::EINVAL);
        }
        let file = eventfd(cx, fd)?;
        self.find_or_check(cx, argument, server)?;
        if self.writes.contains(&(server, file)) {
            return Err(Errno::EBUSY);
        }
        self.writes.push((server, file));
        Ok(0)
    }

    /// A server that is known, with the same domain and processors, or one whose requests are mapped.
    fn find_or_check(
        &self,
        cx: &Context<'_>,
        argument: Struct,
        server: Server,
    ) -> Result<(), Errno> {
        let mut servers = self.writes.iter().map(|(server, _)| *server);
        if let Some(known) = servers.find(|known| known.requests == server.requests) {
            return if known == server { Ok(()) } else { Err(Errno::EINVAL) };
        }
        let area = area_at(cx.process, server.requests).ok_or(Errno::EFAULT)?;
        if area.file != Some(cx.id) || !peers::exists(server.domid.into()) {
            return Err(Errno::EFAULT);
        }
        for vcpu in 0..server.vcpus {
            argument.element(8, vcpu, 4)?.u32(0)?;
        }
        Ok(())
    }
}

/// The eventfd that a descriptor is of.
fn eventfd(cx: &Context<'_>, descriptor: u32) -> Result<FileId, Errno> {
    match cx.process.file(descriptor.into()) {
        Some(file @ FileId::Event(_)) => Ok(file),
        _ if cx.process.descriptors().contains(&descriptor.into()) => Err(Errno::EINVAL),
        _ => Err(Errno::EBADF),
    }
}
