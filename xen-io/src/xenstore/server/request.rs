//! Requests: who may make them, and what they do.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use xen_ops::xen_abi::io::xs_wire::*;
use xen_ops::xen_abi::xen::domid_t;

use super::connection::Watch;
use super::nodes::Caller;
use super::transaction::{Limits, Scope, Transaction};
use super::{ConnectionId, FEATURE_WATCHDEPTH, FEATURES, Quota, Server};
use crate::xenstore::Path;
use crate::xenstore::wire::{
    Decimal, ErrorName, MalformedRequest, PAYLOAD_MAX, QuotaName, Request, Strings, XS_GET_QUOTA,
    XS_SET_FEATURE, XS_SET_QUOTA,
};

/// The payload of replies that say no more than that.
const OK: &[u8] = b"OK\0";

type Payload = Cow<'static, [u8]>;

/// What a request leads to besides its reply: an event of a new watch.
struct FirstEvent {
    watch: usize,
    path: String,
}

impl Server {
    /// Handles a request and queues the reply.
    pub(super) fn handle(&mut self, id: ConnectionId, header: &xsd_sockmsg, payload: &[u8]) {
        let mut first_event = None;
        let result = self.answer(id, header, payload, &mut first_event);
        let result = match result {
            Ok(reply) if reply.len() > PAYLOAD_MAX => Err(ErrorName::E2BIG),
            result => result,
        };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match result {
            Ok(reply) => connection.reply(header, &reply),
            Err(error) => {
                let mut name = Vec::from(error.as_str());
                name.push(0);
                connection.reply(&xsd_sockmsg { type_: XS_ERROR, ..*header }, &name);
            }
        }
        if let Some(FirstEvent { watch, path }) = first_event {
            // Whatever the quotas: a client relies on this event.
            connection.event(watch, &path, usize::MAX);
        }
    }

    fn answer(
        &mut self,
        id: ConnectionId,
        header: &xsd_sockmsg,
        payload: &[u8],
        first_event: &mut Option<FirstEvent>,
    ) -> Result<Payload, ErrorName> {
        let kind = header.type_;
        let Some(domid) = self.connections.get(&id).map(|connection| connection.domid) else {
            return Err(ErrorName::EINVAL);
        };
        let caller = self.caller(domid);
        // In xenstored's order: the type, the privilege, the transaction, the payload.
        if !is_known(kind) {
            return Err(ErrorName::ENOSYS);
        }
        if is_privileged(kind) && !caller.privileged {
            return Err(ErrorName::EACCES);
        }
        // A watch is never part of a transaction.
        let in_transaction = header.tx_id != 0 && kind != XS_WATCH && kind != XS_UNWATCH;
        let mut transaction = None;
        if in_transaction {
            let connection = self.connections.get_mut(&id).ok_or(ErrorName::EINVAL)?;
            let found = connection.transactions.remove(&header.tx_id);
            transaction = Some(found.ok_or(ErrorName::ENOENT)?);
        }
        let result = match Request::decode(kind, payload) {
            Ok(Request::TransactionEnd { commit }) => {
                let transaction = transaction.ok_or(ErrorName::ENOENT)?;
                // Its bytes are counted again with the tree's.
                return self.end(caller, transaction, commit);
            }
            Ok(request) => self.perform(id, caller, request, &mut transaction, first_event),
            Err(MalformedRequest::UnknownType(_)) => Err(ErrorName::ENOSYS),
            Err(_) => Err(ErrorName::EINVAL),
        };
        let resets = kind == XS_RESET_WATCHES && result.is_ok();
        if let (Some(transaction), false) = (transaction, resets) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.transactions.insert(header.tx_id, transaction);
            }
        }
        result
    }

    fn perform(
        &mut self,
        id: ConnectionId,
        caller: Caller,
        request: Request<'_>,
        transaction: &mut Option<Transaction>,
        first_event: &mut Option<FirstEvent>,
    ) -> Result<Payload, ErrorName> {
        let path = |server: &Self, path| server.resolve(caller, path, false);
        let with_special = |server: &Self, path| server.resolve(caller, path, true);
        let ok = Ok(Cow::Borrowed(OK));
        match request {
            Request::Read(node) => {
                let node = self.readable(caller, transaction, &path(self, node)?)?;
                Ok(node.value.clone().into())
            }
            Request::Directory(node) => {
                let node = self.readable(caller, transaction, &path(self, node)?)?;
                Ok(node.children.clone().into())
            }
            Request::DirectoryPart { path: node, offset } => {
                let node = self.readable(caller, transaction, &path(self, node)?)?;
                Ok(super::nodes::directory_part(&node, offset as usize).into())
            }
            Request::GetPerms(node) => {
                let node = self.readable(caller, transaction, &with_special(self, node)?)?;
                let mut list = Vec::new();
                for permission in &node.permissions {
                    let (bytes, length) = permission.to_bytes();
                    list.extend_from_slice(&bytes[..length]);
                }
                Ok(list.into())
            }
            Request::Write { path: node, value } => {
                self.write(caller, transaction, &path(self, node)?, value).and(ok)
            }
            Request::Mkdir(node) => self.mkdir(caller, transaction, &path(self, node)?).and(ok),
            Request::Rm(node) => self.remove(caller, transaction, &path(self, node)?).and(ok),
            Request::SetPerms { path: node, permissions } => {
                let node = with_special(self, node)?;
                self.set_permissions(caller, transaction, &node, permissions.iter().collect())
                    .and(ok)
            }
            Request::Watch { path: node, token, depth } => {
                let absolute = with_special(self, node)?;
                *first_event = Some(self.watch(id, caller, node, absolute, token, depth)?);
                ok
            }
            Request::Unwatch { path: node, token } => {
                let absolute = with_special(self, node)?;
                let connection = self.connections.get_mut(&id).ok_or(ErrorName::EINVAL)?;
                if connection.remove_watch(&absolute, token) { ok } else { Err(ErrorName::ENOENT) }
            }
            Request::ResetWatches => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.reset_watches();
                }
                ok
            }
            Request::TransactionStart => {
                if transaction.is_some() {
                    return Err(ErrorName::EBUSY);
                }
                let connection = self.connections.get(&id).ok_or(ErrorName::EINVAL)?;
                let count = connection.transactions.len() + 1;
                if self.exceeds(caller.domid, Quota::Transactions, count) {
                    return Err(ErrorName::ENOSPC);
                }
                let connection = self.connections.get_mut(&id).ok_or(ErrorName::EINVAL)?;
                Ok(decimal(connection.add_transaction()))
            }
            // `answer` takes it.
            Request::TransactionEnd { .. } => Err(ErrorName::EINVAL),
            Request::GetDomainPath(domid) => {
                Ok(Cow::Owned(Vec::from(alloc::format!("/local/domain/{}\0", domid.0))))
            }
            Request::Introduce { domid, gfn, port } => self.introduce_for(domid, gfn, port).and(ok),
            Request::Release(domid) => self.release_for(domid).and(ok),
            Request::Resume(domid) => self.resume(domid).and(ok),
            Request::SetTarget { domid, target } => self.set_target(domid, target).and(ok),
            Request::IsDomainIntroduced(domid) => {
                let introduced = self.is_introduced(domid);
                Ok(Cow::Borrowed(if introduced { b"T\0" } else { b"F\0" }))
            }
            Request::GetFeature(None) => Ok(decimal(self.features(caller.domid))),
            Request::GetFeature(Some(_)) if !caller.privileged => Err(ErrorName::EACCES),
            Request::GetFeature(Some(domid)) => {
                self.existing(domid)?;
                Ok(decimal(self.features(domid)))
            }
            Request::SetFeature { domid, features } => {
                let domain = self.existing(domid)?;
                if domain.connection.is_some() {
                    return Err(ErrorName::EBUSY);
                }
                if features & !FEATURES != 0 {
                    return Err(ErrorName::EINVAL);
                }
                domain.features = features;
                ok
            }
            Request::GetQuota(quota) => self.quota(quota),
            Request::SetQuota { quota, value } => self.set_quota(quota, value).and(ok),
            Request::Control { arguments } => self.control_command(arguments),
        }
    }

    /// Ends a transaction.
    fn end(
        &mut self,
        caller: Caller,
        transaction: Transaction,
        commit: bool,
    ) -> Result<Payload, ErrorName> {
        if !commit {
            return Ok(Cow::Borrowed(OK));
        }
        if transaction.failed() {
            return Err(ErrorName::ENOMEM);
        }
        let added = transaction.owned(&self.tree, caller.domid.0);
        let nodes = self.tree.usage(caller.domid.0).nodes.saturating_add_signed(added);
        if added > 0 && self.exceeds(caller.domid, Quota::Nodes, nodes) {
            return Err(ErrorName::ENOSPC);
        }
        if transaction.conflicts(&self.tree) {
            return Err(ErrorName::EAGAIN);
        }
        for change in transaction.apply(&mut self.tree) {
            self.fire(&change.path, change.matches, None, change.old.as_deref());
        }
        Ok(Cow::Borrowed(OK))
    }

    fn watch(
        &mut self,
        id: ConnectionId,
        caller: Caller,
        given: Path<'_>,
        absolute: String,
        token: &[u8],
        depth: Option<u32>,
    ) -> Result<FirstEvent, ErrorName> {
        if depth.is_some() && self.features(caller.domid) & FEATURE_WATCHDEPTH == 0 {
            return Err(ErrorName::EINVAL);
        }
        let connection = self.connections.get(&id).ok_or(ErrorName::EINVAL)?;
        let watches = connection.watches();
        if watches.iter().any(|watch| watch.path == absolute && watch.token == token) {
            return Err(ErrorName::EEXIST);
        }
        if self.exceeds(caller.domid, Quota::Watches, watches.len() + 1) {
            return Err(ErrorName::ENOSPC);
        }
        let bytes = self.memory(caller.domid) + Watch::bytes_for(&absolute, token);
        if self.exceeds(caller.domid, Quota::Memory, bytes) {
            return Err(ErrorName::ENOMEM);
        }
        // Events show as much of a path as the client gave.
        let hidden = absolute.len() - given.as_str().len();
        let connection = self.connections.get_mut(&id).ok_or(ErrorName::EINVAL)?;
        let watch = connection.add_watch(absolute.clone(), hidden, token, depth);
        Ok(FirstEvent { watch, path: absolute })
    }

    fn quota(&mut self, quota: QuotaName<'_>) -> Result<Payload, ErrorName> {
        let (quotas, name) = match quota {
            QuotaName::Names => {
                let names: Vec<_> = Quota::ALL.iter().map(|quota| quota.name()).collect();
                return Ok(Cow::Owned(Vec::from(names.join(" ") + "\0")));
            }
            QuotaName::Global(name) => (self.quotas, name),
            QuotaName::Domain(domid, name) => (self.existing(domid)?.quotas, name),
        };
        let quota = Quota::from_name(name).ok_or(ErrorName::EINVAL)?;
        Ok(decimal(quotas.get(quota)))
    }

    fn set_quota(&mut self, quota: QuotaName<'_>, value: u32) -> Result<(), ErrorName> {
        let (quotas, name) = match quota {
            QuotaName::Names => return Err(ErrorName::EINVAL),
            QuotaName::Global(name) => (&mut self.quotas, name),
            QuotaName::Domain(domid, name) => (&mut self.existing(domid)?.quotas, name),
        };
        quotas.set(Quota::from_name(name).ok_or(ErrorName::EINVAL)?, value);
        Ok(())
    }

    fn control_command(&self, arguments: &[u8]) -> Result<Payload, ErrorName> {
        match Strings::new(arguments).next() {
            Some(b"check") => match self.check() {
                Ok(()) => Ok(Cow::Borrowed(OK)),
                Err(error) => Ok(Cow::Owned(Vec::from(error + "\0"))),
            },
            Some(b"help") => Ok(Cow::Borrowed(b"check, help\0")),
            _ => Err(ErrorName::EINVAL),
        }
    }

    pub(super) fn scope<'s>(
        &'s mut self,
        domid: domid_t,
        transaction: &'s mut Option<Transaction>,
    ) -> Scope<'s> {
        let mut limits = Limits { nodes: usize::MAX, bytes: usize::MAX };
        if domid != self.control && transaction.is_some() {
            let quotas = self.quotas_of(domid);
            if let nodes @ 1.. = quotas.get(Quota::TransactionNodes) {
                limits.nodes = nodes as usize;
            }
            if let bytes @ 1.. = quotas.get(Quota::Memory) {
                // While a request is handled, its transaction is not counted with the connection.
                limits.bytes = (bytes as usize).saturating_sub(self.memory(domid));
            }
        }
        Scope { tree: &mut self.tree, transaction: transaction.as_mut(), limits }
    }
}

fn decimal(number: u32) -> Payload {
    let mut text = Decimal::new(u64::from(number)).as_bytes().to_vec();
    text.push(0);
    text.into()
}

/// Whether a request can have this type.
fn is_known(kind: xsd_sockmsg_type) -> bool {
    let retired = xsd_sockmsg_type(20);
    kind <= XS_SET_QUOTA && kind != XS_WATCH_EVENT && kind != XS_ERROR && kind != retired
}

/// Whether only the control domain may make the request.
fn is_privileged(kind: xsd_sockmsg_type) -> bool {
    let domains = matches!(
        kind,
        XS_INTRODUCE | XS_RELEASE | XS_IS_DOMAIN_INTRODUCED | XS_RESUME | XS_SET_TARGET
    );
    // GET_FEATURE is not among them: `perform` checks it, since without a domain every caller may.
    domains || matches!(kind, XS_CONTROL | XS_SET_FEATURE | XS_GET_QUOTA | XS_SET_QUOTA)
}
