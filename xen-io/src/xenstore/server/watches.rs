//! Which watches see a change.

use super::connection::Watch;
use super::nodes::{Right, parent};
use super::transaction::Match;
use super::tree::Node;
use super::{CONTROL_OUTPUT_MAX, Quota, Server};
use crate::xenstore::{Path, Permission};

impl Server {
    /// Queues the events of a change of `path`. `removed` is the node if it was just removed, `old` the
    /// permissions that it had before.
    pub(super) fn fire(
        &mut self,
        path: &str,
        matches: Match,
        removed: Option<&Node>,
        old: Option<&[Permission]>,
    ) {
        let watch_sees = |watch: &Watch| match matches {
            Match::Exact => watch.path == path,
            Match::Subtree => sees(watch, path),
        };
        self.fire_if(path, path, removed, old, watch_sees);
    }

    /// Queues the events of `@introduceDomain` or `@releaseDomain`. `plain` is for watches without a depth.
    pub(super) fn fire_special(&mut self, special: Path<'_>, domid: u16, plain: bool) {
        let special = special.as_str();
        if plain {
            let sees = |watch: &Watch| watch.depth.is_none() && watch.path == special;
            self.fire_if(special, special, None, None, sees);
        }
        let path = alloc::format!("{special}/{domid}");
        let sees = |watch: &Watch| {
            watch.path == path || watch.depth.is_some_and(|depth| depth > 0) && sees(watch, &path)
        };
        self.fire_if(&path, special, None, None, sees);
    }

    /// `guard` is the node whose permissions decide who may see the event.
    fn fire_if(
        &mut self,
        path: &str,
        guard: &str,
        removed: Option<&Node>,
        old: Option<&[Permission]>,
        sees: impl Fn(&Watch) -> bool,
    ) {
        let watching = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.watches().iter().any(&sees));
        let ids: alloc::vec::Vec<_> =
            watching.map(|(id, connection)| (*id, connection.domid)).collect();
        for (id, domid) in ids {
            let caller = self.caller(domid);
            let reads = |permissions: &[Permission]| caller.may(Right::Read, permissions);
            let node = removed.or_else(|| self.tree.get(guard).map(AsRef::as_ref));
            let above = self.tree.get(parent(guard));
            // Domains that may read the node, or could, or may read the list that names it.
            let permitted = old.is_some_and(reads)
                || node.is_some_and(|node| {
                    reads(&node.permissions) || above.is_some_and(|node| reads(&node.permissions))
                });
            if !permitted {
                continue;
            }
            let count =
                self.connections.get(&id).map_or(0, |connection| connection.watches().len());
            for index in 0..count {
                let available = self.available(id, domid);
                let Some(connection) = self.connections.get_mut(&id) else { break };
                if connection.watches().get(index).is_some_and(&sees) {
                    connection.event(index, path, available);
                }
            }
        }
    }

    /// Bytes that a connection's queue may still take.
    fn available(&self, id: super::ConnectionId, domid: xen_ops::xen_abi::xen::domid_t) -> usize {
        if domid == self.control {
            let used = self.connections.get(&id).map_or(0, |connection| connection.bytes());
            return CONTROL_OUTPUT_MAX.saturating_sub(used);
        }
        match self.quotas_of(domid).get(Quota::Memory) as usize {
            0 => usize::MAX,
            quota => quota.saturating_sub(self.memory(domid)),
        }
    }
}

/// Whether a watch sees a change of `path`: it is of the node, or of something above it that is not too far
/// up.
fn sees(watch: &Watch, path: &str) -> bool {
    let below = match watch.path.as_str() {
        "/" if path.starts_with('/') => path.strip_prefix('/'),
        own if own == path => Some(""),
        own => path.strip_prefix(own).and_then(|rest| rest.strip_prefix('/')),
    };
    let levels = |below: &str| below.split('/').filter(|name| !name.is_empty()).count();
    match (below, watch.depth) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(below), Some(depth)) => levels(below) <= depth as usize,
    }
}
