//! Several domains: the first one leads, the others do what it tells them through a page that each of
//! them shares with it.

#![allow(unsafe_code, reason = "scenarios map what others share")]

use core::ptr;
use core::sync::atomic::Ordering;

use xen_abi::event_channel::*;
use xen_abi::grant_table::*;
use xen_abi::sched::SCHEDOP_yield;
use xen_abi::xen::{
    __HYPERVISOR_event_channel_op, __HYPERVISOR_sched_op, DOMID_SELF, domid_t, xen_pfn_t,
};
use xen_ops::hypercall::Hypercall;
use xen_ops::page::{Page, Target};
use xen_ops::view::{ReadWrite, View};

use crate::grants::{V1, bytes, copy_bytes, filled, granted, local, map, unmap};
use crate::outcome::{Hex, Returned};
use crate::{Guest, Run};

/// The name of the scenario in the domain that leads, and in those that follow.
pub(crate) const LEADER: &str = "domains-leader";
pub(crate) const FOLLOWER: &str = "domains-follower";

/// The domain that leads.
const FIRST: domid_t = domid_t(0);

/// The references that every follower uses, all for the first domain.
const MAILBOX: grant_ref_t = grant_ref_t(8);
const WRITABLE: grant_ref_t = grant_ref_t(9);
const READ_ONLY: grant_ref_t = grant_ref_t(10);
/// What the first domain grants to domain `n` is this reference and `n`.
const FROM_FIRST: u32 = 20;

/// Where in a mailbox there is what: the command, the number of the last one done, and a port.
const COMMAND: usize = 0;
const DONE: usize = 4;
const PORT: usize = 8;

/// What the leader tells a follower to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Command {
    GrantPages = 1,
    LookWhileMapped,
    Revoke,
    MapFromFirst,
    MapFromOther,
    OpenPort,
    LookForEvent,
    End,
}

const COMMANDS: [Command; 8] = [
    Command::GrantPages,
    Command::LookWhileMapped,
    Command::Revoke,
    Command::MapFromFirst,
    Command::MapFromOther,
    Command::OpenPort,
    Command::LookForEvent,
    Command::End,
];

fn give_way<G: Guest>(guest: &G) {
    // SAFETY: there is no argument.
    unsafe { guest.xen().call2(__HYPERVISOR_sched_op, [SCHEDOP_yield as usize, 0]) };
}

/// Leads the domains from 1 to `domains` less one.
pub(crate) fn lead<G: Guest>(run: &mut Run<'_, G>, domains: u16) {
    let table = V1::map(run.guest);
    for peer in (1..domains).map(domid_t) {
        lead_one(run, &table, peer);
    }
}

fn lead_one<G: Guest>(run: &mut Run<'_, G>, table: &V1, peer: domid_t) {
    let name = peer.0;
    let target = run.guest.target();
    // The peer may not have started yet.
    let mailbox = loop {
        let mapping = map(run.guest, &target, 0, MAILBOX, peer);
        if mapping.outcome.is_ok() {
            break mapping;
        }
        give_way(run.guest);
    };
    let view = bytes(target.address());
    let tell = |guest: &G, command: Command| {
        store(&view, COMMAND, command as u32);
        while load(&view, DONE) != command as u32 {
            give_way(guest);
        }
    };

    tell(run.guest, Command::GrantPages);
    let room = run.guest.target();
    let mapping = map(run.guest, &room, 0, WRITABLE, peer);
    run.step(format_args!("{name}, map"), mapping.outcome);
    let there = bytes(room.address());
    let byte: u8 = there.load(0, Ordering::Relaxed).unwrap_or_default();
    run.step(format_args!("{name}, map, a byte of the page"), Hex(byte.into()));
    there.store(1, 0x99_u8, Ordering::Relaxed).unwrap_or_default();
    tell(run.guest, Command::LookWhileMapped);
    run.step(format_args!("{name}, unmap"), unmap(run.guest, mapping));
    tell(run.guest, Command::Revoke);
    let again = map(run.guest, &room, 0, WRITABLE, peer);
    run.step(format_args!("{name}, map, revoked"), again.outcome);
    let other = map(run.guest, &room, 0, READ_ONLY, peer);
    run.step(format_args!("{name}, map, grant read-only"), other.outcome);
    let beyond = map(run.guest, &room, 0, grant_ref_t(0x7fff_ffff), peer);
    run.step(format_args!("{name}, map, beyond the table"), beyond.outcome);

    let own = filled(run.guest, 0);
    let destination = local(own.frame(), DOMID_SELF, 0);
    let from = granted(READ_ONLY, peer, 0);
    let copied = copy_bytes(run.guest, from, destination, 64, GNTCOPY_source_gref);
    run.step(format_args!("{name}, copy"), copied);
    let byte: u8 = bytes(own.address()).load(63, Ordering::Relaxed).unwrap_or_default();
    run.step(format_args!("{name}, copy, the last byte"), Hex(byte.into()));
    let copied = copy_bytes(run.guest, destination, from, 64, GNTCOPY_dest_gref);
    run.step(format_args!("{name}, copy to a read-only grant"), copied);
    let revoked = granted(WRITABLE, peer, 0);
    let copied = copy_bytes(run.guest, revoked, destination, 64, GNTCOPY_source_gref);
    run.step(format_args!("{name}, copy, revoked"), copied);

    let page = filled(run.guest, 0x42);
    let ref_ = grant_ref_t(FROM_FIRST + u32::from(peer.0));
    table.set(ref_, GTF_permit_access, peer, page.frame());
    tell(run.guest, Command::MapFromFirst);
    let byte: u8 = bytes(page.address()).load(1, Ordering::Relaxed).unwrap_or_default();
    run.step(format_args!("{name}, a byte that the peer wrote"), Hex(byte.into()));
    run.step(format_args!("{name}, revoke"), table.revoke(ref_));
    tell(run.guest, Command::MapFromOther);

    tell(run.guest, Command::OpenPort);
    let remote_port = evtchn_port_t(load(&view, PORT));
    let zero = evtchn_bind_interdomain::ZERO;
    let mut bind = evtchn_bind_interdomain { remote_dom: peer, remote_port, ..zero };
    let result =
        event(run.guest, EVTCHNOP_bind_interdomain, ptr::from_mut(&mut bind).expose_provenance());
    run.step(format_args!("{name}, bind_interdomain"), Returned(result));
    let mut send = evtchn_send { port: bind.local_port };
    let result = event(run.guest, EVTCHNOP_send, ptr::from_mut(&mut send).expose_provenance());
    run.step(format_args!("{name}, send"), Returned(result));
    tell(run.guest, Command::LookForEvent);

    tell(run.guest, Command::End);
    run.step(format_args!("{name}, unmap the mailbox"), unmap(run.guest, mailbox));
}

/// Does what the first domain tells, until it says that this is the end.
pub(crate) fn follow<G: Guest>(run: &mut Run<'_, G>, domains: u16) {
    let table = V1::map(run.guest);
    let mailbox = filled(run.guest, 0);
    let view = bytes(mailbox.address());
    table.set(MAILBOX, GTF_permit_access, FIRST, mailbox.frame());
    let mut follower = Follower { run, table, page: None, port: evtchn_port_t(0), domains };
    for command in COMMANDS {
        while load(&view, COMMAND) != command as u32 {
            give_way(follower.run.guest);
        }
        follower.obey(command);
        store(&view, PORT, follower.port.0);
        if command != Command::End {
            store(&view, DONE, command as u32);
        }
    }
    // What is written after this may come too late.
    follower.run.end();
    store(&view, DONE, Command::End as u32);
}

struct Follower<'r, 'a, G: Guest> {
    run: &'r mut Run<'a, G>,
    table: V1,
    page: Option<G::Page>,
    port: evtchn_port_t,
    domains: u16,
}

impl<G: Guest> Follower<'_, '_, G> {
    fn obey(&mut self, command: Command) {
        match command {
            Command::GrantPages => self.grant(),
            Command::LookWhileMapped => {
                let byte = self
                    .page
                    .as_ref()
                    .and_then(|page| bytes(page.address()).load::<u8>(1, Ordering::Relaxed).ok());
                self.run.step("a byte that was written", Hex(byte.unwrap_or_default().into()));
                let flags = self.table.flags(WRITABLE);
                self.run.step("flags while it is mapped", Hex(flags));
                self.run.step("revoke while it is mapped", self.table.revoke(WRITABLE));
            }
            Command::Revoke => {
                let flags = self.table.flags(WRITABLE);
                self.run.step("flags once it is unmapped", Hex(flags));
                self.run.step("revoke", self.table.revoke(WRITABLE));
            }
            Command::MapFromFirst => self.map_from_first(),
            Command::MapFromOther => self.map_from_other(),
            Command::OpenPort => {
                let zero = evtchn_alloc_unbound::ZERO;
                let mut op = evtchn_alloc_unbound { dom: DOMID_SELF, remote_dom: FIRST, ..zero };
                let at = ptr::from_mut(&mut op).expose_provenance();
                let result = event(self.run.guest, EVTCHNOP_alloc_unbound, at);
                self.run.step("alloc_unbound", Returned(result));
                self.port = op.port;
            }
            Command::LookForEvent => {
                let pending = self.run.guest.take_event(self.port.0);
                self.run.step("an event is pending", pending);
            }
            Command::End => {}
        }
    }

    fn grant(&mut self) {
        let page = filled(self.run.guest, 0x61);
        let other = filled(self.run.guest, 0x62);
        self.table.set(WRITABLE, GTF_permit_access, FIRST, page.frame());
        self.table.set(READ_ONLY, GTF_permit_access | GTF_readonly, FIRST, other.frame());
        self.page = Some(page);
    }

    fn map_from_first(&mut self) {
        let run = &mut *self.run;
        let me = run.guest.domid();
        let room = run.guest.target();
        let ref_ = grant_ref_t(FROM_FIRST + u32::from(me.0));
        let mapping = map(run.guest, &room, 0, ref_, FIRST);
        run.step("map from the first", mapping.outcome);
        let there = bytes(room.address());
        let byte: u8 = there.load(0, Ordering::Relaxed).unwrap_or_default();
        run.step("map from the first, a byte", Hex(byte.into()));
        there.store(1, 0x43_u8, Ordering::Relaxed).unwrap_or_default();
        run.step("unmap from the first", unmap(run.guest, mapping));
        let none = map(run.guest, &room, 0, grant_ref_t(500), FIRST);
        run.step("map from the first, not granted", none.outcome);
    }

    /// What one follower granted to the first domain, or nothing yet, is not the other's.
    fn map_from_other(&mut self) {
        let run = &mut *self.run;
        let me = run.guest.domid().0;
        let other = (1..self.domains).find(|domid| *domid != me).unwrap_or(me);
        let room = run.guest.target();
        let mapping = map(run.guest, &room, 0, MAILBOX, domid_t(other));
        run.step("map from the other follower", mapping.outcome);
        self.table.set(WRITABLE, GTF_invalid, FIRST, xen_pfn_t(0));
    }
}

fn event<G: Guest>(guest: &G, command: u32, at: usize) -> isize {
    // SAFETY: the argument is there and belongs to the command.
    unsafe { guest.xen().call2(__HYPERVISOR_event_channel_op, [command as usize, at]) }
}

fn load(view: &View<'_, ReadWrite>, offset: usize) -> u32 {
    view.load(offset, Ordering::Acquire).unwrap_or_default()
}

fn store(view: &View<'_, ReadWrite>, offset: usize, value: u32) {
    view.store(offset, value, Ordering::Release).unwrap_or_default();
}
