//! Event channels: bound ports, and pending events.

use std::collections::{BTreeMap, VecDeque};

use nix::errno::Errno;

use super::super::peers;
use super::super::process::FileId;

/// How many ports two-level event channels have.
const PORTS: u32 = 4096;
/// How many virtual interrupts there are.
const VIRQS: u32 = 24;

/// The other end of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remote {
    /// Unbound; this domain may bind to it.
    Unbound(u32),
    /// A port of another domain, or of domain 0 itself.
    Interdomain(u32, u32),
    /// A virtual interrupt.
    Virq(u32),
}

#[derive(Debug)]
struct Port {
    owner: FileId,
    remote: Remote,
    enabled: bool,
    /// An event came while the port was not enabled.
    latched: bool,
}

/// All ports of domain 0, and the pending events of each open device.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    bound: BTreeMap<u32, Port>,
    pending: BTreeMap<FileId, VecDeque<u32>>,
}

impl Ports {
    pub(super) fn bound(&self, port: u32) -> bool {
        self.bound.contains_key(&port)
    }

    pub(super) fn owned(&self, owner: FileId) -> usize {
        self.bound.values().filter(|port| port.owner == owner).count()
    }

    /// Binds the lowest free port.
    pub(super) fn bind(&mut self, owner: FileId, remote: Remote) -> Result<u32, Errno> {
        let free = (1..PORTS).find(|port| !self.bound(*port)).ok_or(Errno::ENOSPC)?;
        match remote {
            Remote::Virq(virq) if virq >= VIRQS => return Err(Errno::EINVAL),
            Remote::Virq(_) if self.bound.values().any(|port| port.remote == remote) => {
                return Err(Errno::EEXIST);
            }
            Remote::Unbound(domid) if !peers::exists(domid) => return Err(Errno::ESRCH),
            Remote::Interdomain(domid, _) if !peers::exists(domid) => return Err(Errno::ESRCH),
            Remote::Interdomain(0, other) => {
                let other = self.bound.get_mut(&other).ok_or(Errno::EINVAL)?;
                if other.remote != Remote::Unbound(0) {
                    return Err(Errno::EINVAL);
                }
                other.remote = Remote::Interdomain(0, free);
            }
            _ => {}
        }
        self.bound.insert(free, Port { owner, remote, enabled: true, latched: false });
        Ok(free)
    }

    fn own(&mut self, owner: FileId, port: u32) -> Result<&mut Port, Errno> {
        if port >= PORTS {
            return Err(Errno::EINVAL);
        }
        self.bound.get_mut(&port).filter(|port| port.owner == owner).ok_or(Errno::ENOTCONN)
    }

    pub(super) fn unbind(&mut self, owner: FileId, port: u32) -> Result<(), Errno> {
        let remote = self.own(owner, port)?.remote;
        self.bound.remove(&port);
        if let Some(pending) = self.pending.get_mut(&owner) {
            pending.retain(|one| *one != port);
        }
        if let Remote::Interdomain(0, other) = remote {
            if let Some(other) = self.bound.get_mut(&other) {
                other.remote = Remote::Unbound(0);
            }
        }
        Ok(())
    }

    pub(super) fn unbind_all(&mut self, owner: FileId) {
        let owned = self.bound.iter().filter(|(_, port)| port.owner == owner);
        let owned: Vec<_> = owned.map(|(number, _)| *number).collect();
        for port in owned {
            // It is the owner's, so it cannot fail.
            let _ = self.unbind(owner, port);
        }
        self.pending.remove(&owner);
    }

    pub(super) fn notify_own(&mut self, owner: FileId, port: u32) -> Result<(), Errno> {
        self.own(owner, port).map(|_| ())?;
        self.notify(port);
        Ok(())
    }

    /// Sends an event through a port. Events to other domains are lost.
    pub(super) fn notify(&mut self, port: u32) {
        let Some(Remote::Interdomain(0, other)) = self.bound.get(&port).map(|port| port.remote)
        else {
            return;
        };
        if let Some(target) = self.bound.get_mut(&other) {
            if !target.enabled {
                target.latched = true;
                return;
            }
            target.enabled = false;
            self.pending.entry(target.owner).or_default().push_back(other);
        }
    }

    /// Takes up to so many pending events.
    pub(super) fn take(&mut self, owner: FileId, count: usize) -> Vec<u32> {
        let pending = self.pending.entry(owner).or_default();
        pending.drain(..count.min(pending.len())).collect()
    }

    pub(super) fn clear(&mut self, owner: FileId) {
        self.pending.remove(&owner);
    }

    /// Whether a read would return an event.
    pub(crate) fn readable(&self, owner: FileId) -> bool {
        self.pending.get(&owner).is_some_and(|pending| !pending.is_empty())
    }

    /// Enables a port again; a port of another owner is ignored.
    pub(super) fn unmask(&mut self, owner: FileId, port: u32) {
        let Ok(own) = self.own(owner, port) else { return };
        own.enabled = true;
        if std::mem::take(&mut own.latched) {
            own.enabled = false;
            self.pending.entry(owner).or_default().push_back(port);
        }
    }
}
