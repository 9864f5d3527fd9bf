//! The tree: nodes by path, and what each domain owns of it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use xen_ops::xen_abi::xen::domid_t;

use crate::xenstore::Permission;
use crate::xenstore::wire::Strings;

/// Bytes that a node takes besides its contents, for accounting.
const NODE_OVERHEAD: usize = 64;

/// A node. Nodes are shared with the transactions that have seen them, and never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) value: Vec<u8>,
    /// The children's names in the order of creation, each with a zero byte, as `DIRECTORY` sends them.
    pub(super) children: Vec<u8>,
    /// The first entry names the owner. Never empty.
    pub(super) permissions: Vec<Permission>,
    /// Differs after each change.
    pub(super) generation: u64,
}

/// What a domain owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) nodes: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<String, Arc<Node>>,
    usage: BTreeMap<u16, Usage>,
    generation: u64,
}

impl Node {
    pub(super) fn new(permissions: Vec<Permission>) -> Self {
        Self { value: Vec::new(), children: Vec::new(), permissions, generation: 0 }
    }

    pub(super) fn owner(&self) -> domid_t {
        self.permissions.first().map_or(domid_t(0), |permission| permission.domid)
    }

    pub(super) fn size(&self) -> usize {
        self.value.len() + self.children.len() + size_of::<Permission>() * self.permissions.len()
    }

    pub(super) fn add_child(&mut self, name: &str) {
        self.children.extend_from_slice(name.as_bytes());
        self.children.push(0);
    }

    pub(super) fn remove_child(&mut self, name: &str) {
        let mut strings = Strings::new(&self.children);
        loop {
            let start = self.children.len() - strings.rest().len();
            match strings.next() {
                Some(child) if child == name.as_bytes() => {
                    let end = self.children.len() - strings.rest().len();
                    self.children.drain(start..end);
                    return;
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    pub(super) fn child_names(&self) -> impl Iterator<Item = &str> {
        Strings::new(&self.children).filter_map(|name| core::str::from_utf8(name).ok())
    }
}

/// Bytes that a node at `path` takes.
pub(super) fn bytes_of(path: &str, node: &Node) -> usize {
    path.len() + node.size() + NODE_OVERHEAD
}

impl Tree {
    /// The root, `/tool/xenstored` and the special paths, which the control domain owns.
    pub(super) fn new(control: domid_t, any: domid_t) -> Self {
        let mut tree = Self { nodes: BTreeMap::new(), usage: BTreeMap::new(), generation: 0 };
        let private = || Node::new([Permission::none(control)].into());
        let parent = |child: &str| {
            let mut node = private();
            node.add_child(child);
            node
        };
        tree.insert("/", parent("tool"));
        tree.insert("/tool", parent("xenstored"));
        tree.insert("/tool/xenstored", private());
        tree.insert("@introduceDomain", private());
        // Every domain may learn of domains that are gone.
        let permissions = [Permission::none(control), Permission::read(any)];
        tree.insert("@releaseDomain", Node::new(permissions.into()));
        tree
    }

    pub(super) fn get(&self, path: &str) -> Option<&Arc<Node>> {
        self.nodes.get(path)
    }

    /// A generation that was never used before.
    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// Sets the node at `path`, with a new generation.
    pub(super) fn insert(&mut self, path: &str, mut node: Node) {
        node.generation = self.next_generation();
        self.insert_shared(path, Arc::new(node));
    }

    pub(super) fn insert_shared(&mut self, path: &str, node: Arc<Node>) {
        self.account(path, &node, true);
        let old = match self.nodes.get_mut(path) {
            Some(place) => Some(core::mem::replace(place, node)),
            None => self.nodes.insert(String::from(path), node),
        };
        if let Some(old) = old {
            self.account(path, &old, false);
        }
    }

    pub(super) fn remove(&mut self, path: &str) {
        if let Some(node) = self.nodes.remove(path) {
            self.account(path, &node, false);
        }
    }

    /// What a domain owns.
    pub(super) fn usage(&self, domid: u16) -> Usage {
        self.usage.get(&domid).copied().unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Arc<Node>)> {
        self.nodes.iter()
    }

    fn account(&mut self, path: &str, node: &Node, added: bool) {
        let owner = node.owner().0;
        let (bytes, usage) = (bytes_of(path, node), self.usage.entry(owner).or_default());
        if added {
            usage.nodes += 1;
            usage.bytes += bytes;
        } else {
            usage.nodes = usage.nodes.saturating_sub(1);
            usage.bytes = usage.bytes.saturating_sub(bytes);
        }
        if *usage == Usage::default() {
            self.usage.remove(&owner);
        }
    }
}
