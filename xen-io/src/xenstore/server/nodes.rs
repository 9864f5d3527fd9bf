//! Operations on nodes, and who may do them.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use xen_ops::xen_abi::xen::domid_t;

use super::transaction::{Match, Transaction};
use super::tree::{Node, bytes_of};
use super::{DOMID_ANY, Quota, Server};
use crate::xenstore::wire::{Decimal, ErrorName, PAYLOAD_MAX};
use crate::xenstore::{Path, Permission};

/// Who makes a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) domid: domid_t,
    /// The domain whose permissions it has too.
    target: Option<domid_t>,
    pub(super) privileged: bool,
}

/// What a caller may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    Write,
    Own,
}

impl Caller {
    /// Whether a node with these permissions allows the caller this.
    pub(super) fn may(self, right: Right, permissions: &[Permission]) -> bool {
        let Some((owner, others)) = permissions.split_first() else { return self.privileged };
        if self.privileged || self.is(owner.domid) {
            return true;
        }
        let own = others.iter().find(|permission| self.is(permission.domid));
        let access = own.unwrap_or(owner).access;
        match right {
            Right::Read => access.reads(),
            Right::Write => access.writes(),
            Right::Own => false,
        }
    }

    fn is(self, domid: domid_t) -> bool {
        domid == self.domid || Some(domid) == self.target || domid == DOMID_ANY
    }
}

impl Server {
    pub(super) fn caller(&self, domid: domid_t) -> Caller {
        let target = self.domains.get(&domid.0).and_then(|domain| domain.target);
        Caller { domid, target, privileged: domid == self.control }
    }

    /// The absolute path, or special if that is allowed.
    pub(super) fn resolve(
        &self,
        caller: Caller,
        path: Path<'_>,
        allow_special: bool,
    ) -> Result<String, ErrorName> {
        if path.is_special() && !allow_special {
            return Err(ErrorName::EINVAL);
        }
        let absolute = if path.is_relative() {
            format!("/local/domain/{}/{path}", caller.domid.0)
        } else {
            String::from(path.as_str())
        };
        // Otherwise a relative path of the greatest length would be valid for some domains only.
        let own = absolute
            .strip_prefix("/local/domain/")
            .and_then(|rest| rest.split_once('/'))
            .filter(|(domid, _)| !domid.is_empty() && domid.bytes().all(|b| b.is_ascii_digit()))
            .map_or(absolute.as_str(), |(_, rest)| rest);
        if self.exceeds(caller.domid, Quota::PathMax, own.len()) {
            return Err(ErrorName::EINVAL);
        }
        Ok(absolute)
    }

    /// The node at `path` if the caller has the right, or why not. A caller that has no right to the closest
    /// ancestor does not learn whether the node exists.
    fn node(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
        right: Right,
    ) -> Result<Arc<Node>, ErrorName> {
        let mut scope = self.scope(caller.domid, transaction);
        let error = match scope.get(path)? {
            Some(node) if caller.may(right, &node.permissions) => return Ok(node),
            Some(_) => return Err(ErrorName::EACCES),
            None => ErrorName::ENOENT,
        };
        let mut ancestor = path;
        while ancestor != "/" {
            ancestor = parent(ancestor);
            if let Some(node) = scope.get(ancestor)? {
                let may = caller.may(right, &node.permissions);
                return Err(if may { error } else { ErrorName::EACCES });
            }
        }
        Err(ErrorName::EACCES)
    }

    pub(super) fn readable(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
    ) -> Result<Arc<Node>, ErrorName> {
        self.node(caller, transaction, path, Right::Read)
    }

    pub(super) fn write(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
        value: &[u8],
    ) -> Result<(), ErrorName> {
        match self.node(caller, transaction, path, Right::Write) {
            Ok(node) => {
                let new = Node { value: value.to_vec(), ..Node::clone(&node) };
                self.check_size(caller, path, &new, Some(&node), transaction.as_ref())?;
                self.scope(caller.domid, transaction).insert(path, new)?;
            }
            Err(ErrorName::ENOENT) => self.create(caller, transaction, path, value)?,
            Err(error) => return Err(error),
        }
        self.changed(caller, transaction, path, Match::Subtree, None, None);
        Ok(())
    }

    pub(super) fn mkdir(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
    ) -> Result<(), ErrorName> {
        match self.node(caller, transaction, path, Right::Write) {
            Ok(_) => Ok(()),
            Err(ErrorName::ENOENT) => {
                self.create(caller, transaction, path, &[])?;
                self.changed(caller, transaction, path, Match::Subtree, None, None);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Creates a node, and its ancestors that do not exist.
    fn create(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
        value: &[u8],
    ) -> Result<(), ErrorName> {
        // Bottom up: the nodes to create, and the ancestor that exists.
        let mut missing = Vec::from([path]);
        let (top, ancestor) = loop {
            let above = missing.last().map_or("/", |path| parent(path));
            match self.scope(caller.domid, transaction).get(above)? {
                Some(node) => break (above, node),
                None if above == "/" => return Err(ErrorName::EACCES),
                None => missing.push(above),
            }
        };
        let mut permissions = ancestor.permissions.clone();
        if let (Some(owner), false) = (permissions.first_mut(), caller.privileged) {
            owner.domid = caller.domid;
        }
        let nodes = self.tree.usage(caller.domid.0).nodes;
        let in_transaction =
            transaction.as_ref().map_or(0, |open| open.owned(&self.tree, caller.domid.0));
        let nodes = nodes.saturating_add_signed(in_transaction) + missing.len();
        if self.exceeds(caller.domid, Quota::Nodes, nodes) {
            return Err(ErrorName::ENOSPC);
        }
        let mut changes = Vec::new();
        let mut child = "";
        for path in &missing {
            let mut node = Node::new(permissions.clone());
            if child.is_empty() {
                node.value = value.to_vec();
            } else {
                node.add_child(child);
            }
            self.check_size(caller, path, &node, None, transaction.as_ref())?;
            changes.push((*path, node));
            child = file_name(path);
        }
        let mut new = Node::clone(&ancestor);
        new.add_child(child);
        self.check_size(caller, top, &new, Some(&ancestor), transaction.as_ref())?;
        changes.push((top, new));
        let added: usize = changes.iter().map(|(path, node)| bytes_of(path, node)).sum();
        self.check_memory(caller, added, bytes_of(top, &ancestor), transaction.as_ref())?;
        let mut scope = self.scope(caller.domid, transaction);
        for (path, node) in changes {
            if let Err(error) = scope.insert(path, node) {
                scope.fail();
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn remove(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
    ) -> Result<(), ErrorName> {
        match self.node(caller, transaction, path, Right::Write) {
            Ok(_) if path == "/" => Err(ErrorName::EINVAL),
            Ok(_) => self.remove_tree(caller, transaction, path),
            Err(ErrorName::ENOENT) => {
                match self.scope(caller.domid, transaction).get(parent(path))? {
                    Some(_) => Ok(()),
                    None => Err(ErrorName::ENOENT),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a node that exists, and all below it, of any owner.
    pub(super) fn remove_tree(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
    ) -> Result<(), ErrorName> {
        let mut scope = self.scope(caller.domid, transaction);
        // Parents before children; removed the other way round.
        let mut found = Vec::new();
        let mut next = Vec::from([String::from(path)]);
        while let Some(path) = next.pop() {
            let Some(node) = scope.get(&path)? else { continue };
            next.extend(node.child_names().map(|name| join(&path, name)));
            found.push((path, node));
        }
        while let Some((removed, node)) = found.pop() {
            let mut scope = self.scope(caller.domid, transaction);
            if let Err(error) = scope.remove(&removed) {
                scope.fail();
                return Err(error);
            }
            let matches = if removed == path { Match::Subtree } else { Match::Exact };
            self.changed(caller, transaction, &removed, matches, Some(&node), None);
        }
        let mut scope = self.scope(caller.domid, transaction);
        let above = parent(path);
        if let Some(node) = scope.get(above)? {
            let mut node = Arc::unwrap_or_clone(node);
            node.remove_child(file_name(path));
            if let Err(error) = scope.insert(above, node) {
                scope.fail();
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn set_permissions(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
        permissions: Vec<Permission>,
    ) -> Result<(), ErrorName> {
        if self.exceeds(caller.domid, Quota::NodePermissions, permissions.len()) {
            return Err(ErrorName::ENOSPC);
        }
        let node = self.node(caller, transaction, path, Right::Own)?;
        let owner = permissions.first().map(|permission| permission.domid);
        if !caller.privileged && owner != Some(node.owner()) {
            return Err(ErrorName::EPERM);
        }
        let new = Node { permissions, ..Node::clone(&node) };
        self.check_size(caller, path, &new, Some(&node), transaction.as_ref())?;
        self.scope(caller.domid, transaction).insert(path, new)?;
        let old = Some(node.permissions.as_slice());
        self.changed(caller, transaction, path, Match::Subtree, None, old);
        Ok(())
    }

    /// Tells watches of a change: now, or when the transaction commits.
    fn changed(
        &mut self,
        caller: Caller,
        transaction: &mut Option<Transaction>,
        path: &str,
        matches: Match,
        removed: Option<&Node>,
        old: Option<&[Permission]>,
    ) {
        if !self.scope(caller.domid, transaction).defer(path, matches) {
            self.fire(path, matches, removed, old);
        }
    }

    fn check_size(
        &self,
        caller: Caller,
        path: &str,
        new: &Node,
        old: Option<&Node>,
        transaction: Option<&Transaction>,
    ) -> Result<(), ErrorName> {
        if self.exceeds(caller.domid, Quota::NodeSize, new.size()) {
            return Err(ErrorName::ENOSPC);
        }
        let removed = old.map_or(0, |old| bytes_of(path, old));
        self.check_memory(caller, bytes_of(path, new), removed, transaction)
    }

    /// Checks the memory of the caller, to whom all counts that it adds, of any owner.
    fn check_memory(
        &self,
        caller: Caller,
        added: usize,
        removed: usize,
        transaction: Option<&Transaction>,
    ) -> Result<(), ErrorName> {
        // In a transaction, the old node stays until the commit.
        let (removed, open) = match transaction {
            Some(transaction) => (0, transaction.bytes()),
            None => (removed, 0),
        };
        let bytes = self.memory(caller.domid) + open + added;
        if added > removed && self.exceeds(caller.domid, Quota::Memory, bytes - removed) {
            return Err(ErrorName::ENOMEM);
        }
        Ok(())
    }
}

/// The payload of `DIRECTORY_PART`'s reply.
pub(super) fn directory_part(node: &Node, offset: usize) -> Vec<u8> {
    let mut payload = Decimal::new(node.generation).as_bytes().to_vec();
    payload.push(0);
    let rest = node.children.get(offset..).unwrap_or_default();
    // One byte for the empty name that ends the list.
    let available = PAYLOAD_MAX - payload.len() - 1;
    let part = match rest.get(..available) {
        // Whole names only. A name is shorter than a path, so there is one.
        Some(part) => &part[..part.iter().rposition(|byte| *byte == 0).map_or(0, |end| end + 1)],
        None => rest,
    };
    payload.extend_from_slice(part);
    if part.len() == rest.len() {
        payload.push(0);
    }
    payload
}

/// The path above. That of the root, and of special paths, is the root.
pub(super) fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => path.get(..end).unwrap_or("/"),
    }
}

pub(super) fn file_name(path: &str) -> &str {
    path.rfind('/').and_then(|slash| path.get(slash + 1..)).unwrap_or(path)
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path == "/" { format!("/{name}") } else { format!("{path}/{name}") }
}
