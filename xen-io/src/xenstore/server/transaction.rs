//! Transactions: what one has seen and changed, beside the tree.
//!
//! A transaction keeps the nodes that it accessed. It commits if each node that it read still has the
//! generation that it had then; a node that did not exist must not exist.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::tree::{Node, Tree, bytes_of};
use crate::xenstore::Permission;
use crate::xenstore::wire::ErrorName;

#[derive(Debug, Default)]
pub(super) struct Transaction {
    accessed: BTreeMap<String, Accessed>,
    /// Bytes of the nodes that it keeps: those that it has seen, and those that it has changed.
    bytes: usize,
    /// An operation was done in part: it cannot commit.
    failed: bool,
}

#[derive(Debug)]
struct Accessed {
    /// The node in the tree at the first access.
    original: Option<Arc<Node>>,
    /// The node as the transaction sees it.
    node: Option<Arc<Node>>,
    modified: bool,
    event: Option<Match>,
}

/// Which watches see a change of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// Those of the node and of what is above it.
    Subtree,
    /// Those of the node itself: it was removed together with something above it.
    Exact,
}

/// A change that watches are told of.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) path: String,
    pub(super) matches: Match,
    /// Domains that could read the node before are told too.
    pub(super) old: Option<Vec<Permission>>,
}

impl Transaction {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn failed(&self) -> bool {
        self.failed
    }

    fn access(
        &mut self,
        tree: &Tree,
        path: &str,
        limits: Limits,
    ) -> Result<&mut Accessed, ErrorName> {
        // Two look-ups, since the entry's borrow would have to outlive the check of the length.
        if !self.accessed.contains_key(path) {
            let original = tree.get(path).cloned();
            // The transaction keeps the node, whatever becomes of it in the tree.
            let bytes = original.as_ref().map_or(path.len(), |node| bytes_of(path, node));
            if self.accessed.len() >= limits.nodes {
                self.failed = true;
                return Err(ErrorName::ENOSPC);
            }
            if self.bytes + bytes > limits.bytes {
                self.failed = true;
                return Err(ErrorName::ENOMEM);
            }
            self.bytes += bytes;
            let node = original.clone();
            let accessed = Accessed { original, node, modified: false, event: None };
            self.accessed.insert(String::from(path), accessed);
        }
        self.accessed.get_mut(path).ok_or(ErrorName::ENOMEM)
    }

    /// Nodes that `owner` owns after the commit, less those before.
    pub(super) fn owned(&self, tree: &Tree, owner: u16) -> isize {
        let owns = |node: Option<&Arc<Node>>| node.is_some_and(|node| node.owner().0 == owner);
        let modified = self.accessed.iter().filter(|(_, accessed)| accessed.modified);
        modified
            .map(|(path, accessed)| {
                isize::from(owns(accessed.node.as_ref())) - isize::from(owns(tree.get(path)))
            })
            .sum()
    }

    /// Whether something that it read has changed since.
    pub(super) fn conflicts(&self, tree: &Tree) -> bool {
        let generation = |node: Option<&Arc<Node>>| node.map(|node| node.generation);
        self.accessed.iter().any(|(path, accessed)| {
            generation(accessed.original.as_ref()) != generation(tree.get(path))
        })
    }

    /// Makes the changes, and returns them for the watches.
    pub(super) fn apply(self, tree: &mut Tree) -> Vec<Change> {
        let mut changes = Vec::new();
        for (path, accessed) in self.accessed {
            if !accessed.modified {
                continue;
            }
            match accessed.node {
                Some(node) => tree.insert(&path, Arc::unwrap_or_clone(node)),
                None => tree.remove(&path),
            }
            if let Some(matches) = accessed.event {
                let old = accessed.original.map(|node| node.permissions.clone());
                changes.push(Change { path, matches, old });
            }
        }
        changes
    }
}

/// The tree as a request sees it: in a transaction or not.
pub(super) struct Scope<'s> {
    pub(super) tree: &'s mut Tree,
    pub(super) transaction: Option<&'s mut Transaction>,
    pub(super) limits: Limits,
}

/// What a transaction may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Nodes that it may access.
    pub(super) nodes: usize,
    /// Bytes of the nodes that it keeps.
    pub(super) bytes: usize,
}

impl Scope<'_> {
    pub(super) fn get(&mut self, path: &str) -> Result<Option<Arc<Node>>, ErrorName> {
        match &mut self.transaction {
            None => Ok(self.tree.get(path).cloned()),
            Some(transaction) => {
                let accessed = transaction.access(self.tree, path, self.limits)?;
                Ok(accessed.node.clone())
            }
        }
    }

    pub(super) fn insert(&mut self, path: &str, mut node: Node) -> Result<(), ErrorName> {
        match &mut self.transaction {
            None => self.tree.insert(path, node),
            Some(_) => {
                node.generation = self.tree.next_generation();
                self.change(path, Some(Arc::new(node)))?;
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> Result<(), ErrorName> {
        match &self.transaction {
            None => self.tree.remove(path),
            Some(_) => self.change(path, None)?,
        }
        Ok(())
    }

    fn change(&mut self, path: &str, node: Option<Arc<Node>>) -> Result<(), ErrorName> {
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        let added = node.as_ref().map_or(0, |node| bytes_of(path, node));
        let accessed = transaction.access(self.tree, path, self.limits)?;
        let old = if accessed.modified { accessed.node.as_ref() } else { None };
        let removed = old.map_or(0, |node| bytes_of(path, node));
        accessed.node = node;
        accessed.modified = true;
        transaction.bytes = (transaction.bytes + added).saturating_sub(removed);
        Ok(())
    }

    /// In a transaction, has the watches told of a change at the commit, and returns true.
    pub(super) fn defer(&mut self, path: &str, matches: Match) -> bool {
        let Some(transaction) = &mut self.transaction else { return false };
        if let Some(accessed) = transaction.accessed.get_mut(path) {
            if accessed.event != Some(Match::Subtree) {
                accessed.event = Some(matches);
            }
        }
        true
    }

    /// A change was made in part. A transaction cannot commit any more.
    pub(super) fn fail(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.failed = true;
        }
    }
}
