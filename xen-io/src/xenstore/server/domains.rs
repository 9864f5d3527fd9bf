//! Domains: introduced, shut down, gone.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::xen::{DOMID_FIRST_RESERVED, domid_t};

use super::nodes::{file_name, parent};
use super::tree::Node;
use super::{ConnectionId, FEATURES, Quotas, Server};
use crate::xenstore::Path;
use crate::xenstore::wire::{ErrorName, Strings};

/// What the server knows about a domain.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) connection: Option<ConnectionId>,
    shut_down: bool,
    /// The domain whose permissions it has too.
    pub(super) target: Option<domid_t>,
    pub(super) features: u32,
    pub(super) quotas: Quotas,
}

/// What the program that embeds a server has to do; [`Server::next_action`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Map the page of a domain, connect the event channel, and move bytes between the page and the
    /// connection. A domain that is introduced again keeps its connection.
    Introduce {
        /// The domain.
        domid: domid_t,
        /// The frame of its page. Grant 1 of the domain is for the same page.
        gfn: u64,
        /// The port that it has allocated.
        port: evtchn_port_t,
        /// Its connection.
        connection: ConnectionId,
    },
    /// Unmap the page and close the event channel. The connection is gone.
    Release {
        /// The domain.
        domid: domid_t,
        /// What was its connection.
        connection: ConnectionId,
    },
}

/// A domain id that no domain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntroduceError {
    /// The id.
    pub domid: domid_t,
}

impl Server {
    /// Introduces a domain, and returns its connection; that of a domain that was introduced already is
    /// [reset](Self::reset).
    ///
    /// # Errors
    ///
    /// [`IntroduceError`] for a reserved domain id.
    pub fn introduce(&mut self, domid: domid_t) -> Result<ConnectionId, IntroduceError> {
        let domain = self.domain(domid).ok_or(IntroduceError { domid })?;
        if let Some(connection) = domain.connection {
            self.reset(connection);
            return Ok(connection);
        }
        domain.shut_down = false;
        let connection = self.connect(domid);
        if let Some(domain) = self.domains.get_mut(&domid.0) {
            domain.connection = Some(connection);
        }
        if domid != self.control {
            self.fire_special(Path::INTRODUCE_DOMAIN, domid.0, true);
        }
        Ok(connection)
    }

    /// Whether a domain was introduced and not released.
    #[must_use]
    pub fn is_introduced(&self, domid: domid_t) -> bool {
        self.domains.get(&domid.0).is_some_and(|domain| domain.connection.is_some())
    }

    /// The domains that were introduced and not released.
    #[must_use]
    pub fn introduced(&self) -> Vec<domid_t> {
        let introduced = self.domains.iter().filter(|(_, domain)| domain.connection.is_some());
        introduced.map(|(domid, _)| domid_t(*domid)).collect()
    }

    /// Reports that a domain has shut down or crashed, once until it is resumed.
    pub fn domain_shutdown(&mut self, domid: domid_t) {
        match self.domains.get_mut(&domid.0) {
            Some(domain) if domain.connection.is_some() && !domain.shut_down => {
                domain.shut_down = true;
            }
            _ => return,
        }
        self.fire_special(Path::RELEASE_DOMAIN, domid.0, true);
    }

    /// Forgets a domain that is gone: its connection, its nodes and all below them, and its permissions. So
    /// a later domain with the same id does not get them.
    pub fn domain_destroyed(&mut self, domid: domid_t) {
        let domain = self.domains.remove(&domid.0);
        for domain in self.domains.values_mut() {
            if domain.target == Some(domid) {
                domain.target = None;
            }
        }
        let connection = domain.and_then(|domain| domain.connection);
        if let Some(connection) = connection {
            self.connections.remove(&connection);
        }
        self.purge(domid);
        if let Some(connection) = connection {
            self.fire_special(Path::RELEASE_DOMAIN, domid.0, true);
            self.actions.push_back(Action::Release { domid, connection });
        }
    }

    /// What the program has to do next, because a client asked for it.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn domain(&mut self, domid: domid_t) -> Option<&mut Domain> {
        if domid.0 >= DOMID_FIRST_RESERVED.0 {
            return None;
        }
        Some(self.domains.entry(domid.0).or_insert(Domain {
            connection: None,
            shut_down: false,
            target: None,
            features: FEATURES,
            quotas: self.quotas,
        }))
    }

    /// A domain that a client of the control domain names.
    pub(super) fn existing(&mut self, domid: domid_t) -> Result<&mut Domain, ErrorName> {
        self.domain(domid).ok_or(ErrorName::ENOENT)
    }

    pub(super) fn introduce_for(
        &mut self,
        domid: domid_t,
        gfn: u64,
        port: u32,
    ) -> Result<(), ErrorName> {
        if port == 0 {
            return Err(ErrorName::EINVAL);
        }
        let connection = self.introduce(domid).map_err(|_| ErrorName::EINVAL)?;
        let port = evtchn_port_t(port);
        self.actions.push_back(Action::Introduce { domid, gfn, port, connection });
        Ok(())
    }

    pub(super) fn release_for(&mut self, domid: domid_t) -> Result<(), ErrorName> {
        if domid == self.control {
            return Err(ErrorName::EINVAL);
        }
        if !self.is_introduced(domid) {
            return Err(ErrorName::ENOENT);
        }
        self.domain_destroyed(domid);
        Ok(())
    }

    pub(super) fn resume(&mut self, domid: domid_t) -> Result<(), ErrorName> {
        if domid == self.control {
            return Err(ErrorName::EINVAL);
        }
        match self.domains.get_mut(&domid.0) {
            Some(domain) if domain.connection.is_some() => {
                domain.shut_down = false;
                Ok(())
            }
            _ => Err(ErrorName::ENOENT),
        }
    }

    pub(super) fn set_target(&mut self, domid: domid_t, target: domid_t) -> Result<(), ErrorName> {
        if !self.is_introduced(domid) || !self.is_introduced(target) {
            return Err(ErrorName::ENOENT);
        }
        self.existing(domid)?.target = Some(target);
        Ok(())
    }

    /// Removes a domain's nodes, with all below them, and its permissions from other nodes.
    fn purge(&mut self, domid: domid_t) {
        let owned: Vec<String> = self
            .tree
            .iter()
            .filter(|(path, node)| {
                // Not the root and the special paths, which must exist; nor what goes with its parent.
                let above = self.tree.get(parent(path));
                node.owner() == domid
                    && path.starts_with('/')
                    && path.len() > 1
                    && above.is_none_or(|above| above.owner() != domid || parent(path) == "/")
            })
            .map(|(path, _)| path.clone())
            .collect();
        let control = self.caller(self.control);
        for path in owned {
            // It may have gone with another.
            if self.tree.get(&path).is_some() {
                // Outside a transaction nothing fails.
                let _ = self.remove_tree(control, &mut None, &path);
            }
        }
        let named: Vec<String> = self
            .tree
            .iter()
            .filter(|(_, node)| node.permissions.iter().any(|entry| entry.domid == domid))
            .map(|(path, _)| path.clone())
            .collect();
        for path in named {
            let Some(node) = self.tree.get(&path) else { continue };
            let mut node = Node::clone(node);
            let mut first = true;
            node.permissions.retain(|entry| core::mem::take(&mut first) || entry.domid != domid);
            // What is left is the root or a special path.
            if let Some(owner) = node.permissions.first_mut().filter(|owner| owner.domid == domid) {
                owner.domid = self.control;
            }
            self.tree.insert(&path, node);
        }
    }

    /// Checks that the tree and the accounting are consistent.
    ///
    /// # Errors
    ///
    /// What is not, as a text.
    pub fn check(&self) -> Result<(), String> {
        let mut usage: BTreeMap<u16, super::tree::Usage> = BTreeMap::new();
        for (path, node) in self.tree.iter() {
            let used = usage.entry(node.owner().0).or_default();
            used.nodes += 1;
            used.bytes += super::tree::bytes_of(path, node);
            for name in Strings::new(&node.children) {
                let child = core::str::from_utf8(name).map(|name| super::nodes::join(path, name));
                if child.ok().and_then(|child| self.tree.get(&child)).is_none() {
                    return Err(alloc::format!("{path} has a child that does not exist: {name:?}"));
                }
            }
            if path.starts_with('@') || path == "/" {
                continue;
            }
            let above = self.tree.get(parent(path));
            let listed =
                |above: &Node| above.child_names().filter(|name| *name == file_name(path)).count();
            if above.map_or(0, |above| listed(above)) != 1 {
                return Err(alloc::format!("{path} is not once among its parent's children"));
            }
        }
        for (domid, used) in usage {
            let counted = self.tree.usage(domid);
            if counted != used {
                return Err(alloc::format!("domain {domid} uses {used:?}, counted as {counted:?}"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for IntroduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} is a reserved domain id, which no domain has", self.domid.0)
    }
}

impl core::error::Error for IntroduceError {}
