//! `/dev/xen/evtchn`.

use std::fs::File;
use std::rc::Rc;

use nix::errno::Errno;
use nix::libc::O_NONBLOCK;

use super::super::peers::PAGE;
use super::super::process::FileId;
use super::super::state::Held;
use super::ports::Remote;
use super::{Context, Data, Driver, Machine, Reply, requests};

requests! {
    BIND_VIRQ = b'E', 0, 4;
    BIND_INTERDOMAIN = b'E', 1, 8;
    BIND_UNBOUND_PORT = b'E', 2, 4;
    UNBIND = b'E', 3, 4;
    NOTIFY = b'E', 4, 4;
    RESET = b'E', 5, 0;
    RESTRICT_DOMID = b'E', 6, 2;
}

/// Domain numbers from here on are reserved.
const FIRST_RESERVED: u16 = 0x7ff0;

#[derive(Debug, Default)]
pub(crate) struct Evtchn {
    id: Option<FileId>,
    /// The only domain that channels may be bound to.
    restricted: Option<u16>,
}

impl Evtchn {
    fn bind(&self, cx: &mut Context<'_>, remote: Remote) -> Result<Reply, Errno> {
        let allowed = match (self.restricted, remote) {
            (None, _) => true,
            (Some(only), Remote::Interdomain(domid, _) | Remote::Unbound(domid)) => {
                domid == u32::from(only)
            }
            (Some(_), Remote::Virq(_)) => false,
        };
        if !allowed {
            return Err(Errno::EACCES);
        }
        cx.machine.ports.bind(cx.id, remote).map(|port| Reply::Value(port.into()))
    }

    fn restrict(&mut self, domid: u16) -> Result<Reply, Errno> {
        if self.restricted.is_some() {
            return Err(Errno::EACCES);
        }
        if domid == 0 || domid >= FIRST_RESERVED {
            return Err(Errno::EINVAL);
        }
        self.restricted = Some(domid);
        Ok(Reply::Value(0))
    }
}

/// A size in whole ports, at most a page.
fn whole(size: u64) -> u64 {
    (size & !3).min(PAGE)
}

impl Driver for Evtchn {
    fn ioctl(&mut self, cx: &mut Context<'_>, request: u32, argument: u64) -> Result<Reply, Errno> {
        self.id = Some(cx.id);
        let argument = cx.at(argument);
        match request {
            request::BIND_VIRQ => self.bind(cx, Remote::Virq(argument.u32(0)?)),
            request::BIND_INTERDOMAIN => {
                self.bind(cx, Remote::Interdomain(argument.u32(0)?, argument.u32(4)?))
            }
            request::BIND_UNBOUND_PORT => self.bind(cx, Remote::Unbound(argument.u32(0)?)),
            request::UNBIND => {
                cx.machine.ports.unbind(cx.id, argument.u32(0)?).map(|()| Reply::Value(0))
            }
            request::NOTIFY => {
                cx.machine.ports.notify_own(cx.id, argument.u32(0)?).map(|()| Reply::Value(0))
            }
            request::RESET if self.restricted.is_some() => Err(Errno::EACCES),
            request::RESET => {
                cx.machine.ports.clear(cx.id);
                Ok(Reply::Value(0))
            }
            request::RESTRICT_DOMID => self.restrict(argument.u16(0)?),
            _ => Err(Errno::ENOSYS),
        }
    }

    /// A read that would block is interrupted: no event could come meanwhile.
    fn read(&mut self, cx: &mut Context<'_>, data: Data) -> Result<i64, Errno> {
        let count = usize::try_from(whole(data.size) / 4).unwrap_or(0);
        if count == 0 {
            return Ok(0);
        }
        let ports = cx.machine.ports.take(cx.id, count);
        if ports.is_empty() {
            let flags = cx.process.flags(data.descriptor);
            let waits = flags.is_some_and(|flags| flags & O_NONBLOCK == 0);
            return Err(if waits { Errno::EINTR } else { Errno::EAGAIN });
        }
        let bytes: Vec<u8> = ports.iter().flat_map(|port| port.to_ne_bytes()).collect();
        cx.at(data.address).put(0, &bytes)?;
        Ok(bytes.len() as i64)
    }

    fn write(&mut self, cx: &mut Context<'_>, data: Data) -> Result<i64, Errno> {
        let (buffer, size) = (cx.at(data.address), whole(data.size));
        let ports: Result<Vec<u32>, _> = (0..size / 4).map(|at| buffer.u32(4 * at)).collect();
        for port in ports? {
            cx.machine.ports.unmask(cx.id, port);
        }
        Ok(size as i64)
    }

    fn release(&mut self, machine: &mut Machine, _: &Rc<File>) {
        if let Some(id) = self.id {
            machine.ports.unbind_all(id);
        }
    }

    fn held(&self, id: FileId, machine: &Machine) -> Vec<(Held, usize)> {
        vec![(Held::Port, machine.ports.owned(id))]
    }
}
