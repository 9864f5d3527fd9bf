//! A client's connection as the server sees it.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use xen_ops::xen_abi::io::xs_wire::xsd_sockmsg;
use xen_ops::xen_abi::xen::domid_t;

use super::transaction::Transaction;
use crate::xenstore::Path;
use crate::xenstore::wire::{HEADER_SIZE, Receiver, WatchEvent, encode_event, header_to_bytes};

/// Bytes that a queued message takes besides its own, for accounting.
const MESSAGE_OVERHEAD: usize = 32;

/// Messages at the end of the queue among which the same event is looked for. All of them would take long.
const COMPARED_EVENTS: usize = 64;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) domid: domid_t,
    pub(super) receiver: Receiver,
    output: VecDeque<Message>,
    /// How much of the first message was sent.
    sent: usize,
    output_bytes: usize,
    replies: usize,
    watches: Vec<Watch>,
    watch_bytes: usize,
    pub(super) transactions: BTreeMap<u32, Transaction>,
    last_transaction: u32,
    /// It broke the protocol: nothing is received or sent any more.
    pub(super) stopped: bool,
}

#[derive(Debug)]
struct Message {
    bytes: Vec<u8>,
    is_event: bool,
}

#[derive(Debug)]
pub(super) struct Watch {
    /// The absolute or special path.
    pub(super) path: String,
    /// How much of it, and of events' paths, the client does not see: it gave a relative path.
    hidden: usize,
    pub(super) token: Vec<u8>,
    pub(super) depth: Option<u32>,
}

impl Connection {
    pub(super) const fn new(domid: domid_t) -> Self {
        Self {
            domid,
            receiver: Receiver::new(),
            output: VecDeque::new(),
            sent: 0,
            output_bytes: 0,
            replies: 0,
            watches: Vec::new(),
            watch_bytes: 0,
            transactions: BTreeMap::new(),
            last_transaction: 0,
            stopped: false,
        }
    }

    pub(super) fn output(&self) -> &[u8] {
        let first = self.output.front();
        first.and_then(|message| message.bytes.get(self.sent..)).unwrap_or_default()
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count.min(self.output().len());
        if self.output().is_empty() {
            if let Some(message) = self.output.pop_front() {
                self.output_bytes -= message.bytes.len() + MESSAGE_OVERHEAD;
                self.replies -= usize::from(!message.is_event);
            }
            self.sent = 0;
        }
    }

    /// Replies that were not sent.
    pub(super) const fn replies(&self) -> usize {
        self.replies
    }

    /// Bytes that the server keeps for it.
    pub(super) fn bytes(&self) -> usize {
        let transactions: usize = self.transactions.values().map(Transaction::bytes).sum();
        self.output_bytes + self.watch_bytes + transactions
    }

    pub(super) fn reply(&mut self, request: &xsd_sockmsg, payload: &[u8]) {
        let header = xsd_sockmsg { len: payload.len() as u32, ..*request };
        let mut bytes = Vec::with_capacity(HEADER_SIZE + payload.len());
        bytes.extend_from_slice(&header_to_bytes(&header));
        bytes.extend_from_slice(payload);
        self.replies += 1;
        self.push(Message { bytes, is_event: false });
    }

    fn push(&mut self, message: Message) {
        self.output_bytes += message.bytes.len() + MESSAGE_OVERHEAD;
        self.output.push_back(message);
    }

    /// Queues an event of a watch. Not if the same was queued lately, if it is too long, or if it needs more
    /// than `available` bytes.
    pub(super) fn event(&mut self, watch: usize, path: &str, available: usize) {
        let Some(watch) = self.watches.get(watch) else { return };
        let seen = path.get(watch.hidden..).unwrap_or(path);
        let Ok(seen) = Path::new(seen) else { return };
        let length = HEADER_SIZE + seen.as_str().len() + watch.token.len() + 2;
        if length + MESSAGE_OVERHEAD > available {
            return;
        }
        let mut bytes = vec![0; length];
        let event = WatchEvent { path: seen, token: &watch.token };
        if encode_event(&event, &mut bytes).is_err() {
            return;
        }
        // Each special event stands for a domain.
        let mut newest = self.output.iter().rev().take(COMPARED_EVENTS);
        if !seen.is_special() && newest.any(|old| old.is_event && old.bytes == bytes) {
            return;
        }
        self.push(Message { bytes, is_event: true });
    }

    pub(super) fn watches(&self) -> &[Watch] {
        &self.watches
    }

    /// Adds a watch and returns its index. `hidden` bytes of the path are not shown in events.
    pub(super) fn add_watch(
        &mut self,
        path: String,
        hidden: usize,
        token: &[u8],
        depth: Option<u32>,
    ) -> usize {
        let watch = Watch { path, hidden, token: token.to_vec(), depth };
        self.watch_bytes += watch.bytes();
        self.watches.push(watch);
        self.watches.len() - 1
    }

    /// Removes a watch. False if there is none.
    pub(super) fn remove_watch(&mut self, path: &str, token: &[u8]) -> bool {
        match self.watches.iter().position(|watch| watch.path == path && watch.token == token) {
            Some(index) => {
                self.watch_bytes -= self.watches.remove(index).bytes();
                true
            }
            None => false,
        }
    }

    pub(super) fn add_transaction(&mut self) -> u32 {
        let mut id = self.last_transaction.wrapping_add(1);
        while id == 0 || self.transactions.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        self.last_transaction = id;
        self.transactions.insert(id, Transaction::default());
        id
    }

    /// Removes watches and transactions.
    pub(super) fn reset_watches(&mut self) {
        self.watches.clear();
        self.watch_bytes = 0;
        self.transactions.clear();
    }

    /// As new, but transactions get other ids.
    pub(super) fn reset(&mut self) {
        let last_transaction = self.last_transaction;
        *self = Self { last_transaction, ..Self::new(self.domid) };
    }

    /// Nothing is kept for it any more.
    pub(super) fn stop(&mut self) {
        self.reset();
        self.stopped = true;
    }
}

impl Watch {
    /// Bytes that a watch takes, for accounting.
    pub(super) const fn bytes_for(path: &str, token: &[u8]) -> usize {
        path.len() + token.len() + size_of::<Self>()
    }

    fn bytes(&self) -> usize {
        Self::bytes_for(&self.path, &self.token)
    }
}
