//! Limits on what a domain may use.

/// A limit on what an unprivileged domain may use. The names are xenstored's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Nodes that the domain owns: `nodes`.
    Nodes,
    /// Watches: `watches`.
    Watches,
    /// Replies that the domain has not taken; while there are as many, no further request is handled:
    /// `outstanding`.
    Outstanding,
    /// Bytes that xenstored keeps for the domain: its nodes, watches, transactions, and messages to it:
    /// `memory`.
    Memory,
    /// Transactions at the same time: `transactions`.
    Transactions,
    /// Nodes that one transaction may access: `transaction-nodes`.
    TransactionNodes,
    /// Entries in a node's list of permissions: `node-permissions`.
    NodePermissions,
    /// Bytes in a path, without the part that names a domain's own directory: `path-max`.
    PathMax,
    /// Bytes in a node: its value, its children's names and its permissions: `node-size`.
    NodeSize,
}

/// The values of all [`Quota`]s. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas([u32; Quota::ALL.len()]);

impl Quota {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Nodes,
        Self::Watches,
        Self::Outstanding,
        Self::Memory,
        Self::Transactions,
        Self::TransactionNodes,
        Self::NodePermissions,
        Self::PathMax,
        Self::NodeSize,
    ];

    /// The name in `GET_QUOTA` and `SET_QUOTA`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Watches => "watches",
            Self::Outstanding => "outstanding",
            Self::Memory => "memory",
            Self::Transactions => "transactions",
            Self::TransactionNodes => "transaction-nodes",
            Self::NodePermissions => "node-permissions",
            Self::PathMax => "path-max",
            Self::NodeSize => "node-size",
        }
    }

    /// The quota with this name.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|quota| quota.name().as_bytes() == name)
    }
}

impl Quotas {
    /// A quota's value; 0 is no limit.
    #[must_use]
    pub const fn get(&self, quota: Quota) -> u32 {
        self.0[quota as usize]
    }

    /// Sets a quota; 0 is no limit.
    pub const fn set(&mut self, quota: Quota, value: u32) {
        self.0[quota as usize] = value;
    }

    /// Whether `used` is more than a quota allows.
    pub(super) fn exceeds(&self, quota: Quota, used: usize) -> bool {
        let limit = self.get(quota) as usize;
        limit != 0 && used > limit
    }
}

impl Default for Quotas {
    /// xenstored's own: 1000 nodes, 128 watches, 20 replies, 2.5 MiB, 10 transactions of 1024 nodes, 5
    /// permissions, paths of 2048 bytes, nodes of 2048 bytes.
    fn default() -> Self {
        Self([1000, 128, 20, 5 << 19, 10, 1024, 5, 2048, 2048])
    }
}
