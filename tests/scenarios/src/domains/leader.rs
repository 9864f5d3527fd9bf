//! What the domain does that leads.

#![allow(unsafe_code, reason = "starts the grant table")]

use core::array;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_ops::events::{Binding, Port};
use xen_ops::gnttab::{BitmapLine, Config, ReaperSlot, TableStorage};
use xen_ops::hypercall::Error;
use xen_ops::{DomainId, GrantTable, Granted, Page, ReadWrite};

use super::mailbox::{Command, Mailbox};
use super::{FOR_THE_OTHER, MAILBOX, PASSED_ON, READ_ONLY, WRITABLE, death, share, unprivileged};
use crate::grants::{
    FOR_WRITING, Mapping, byte, copy_bytes, filled, granted, local, map, mapped, unmap,
};
use crate::outcome::{Outcome, Value};
use crate::{Guest, Run};

/// The grant table of the domain that leads.
pub(super) type LeaderTable<'s, G> =
    GrantTable<'s, <G as Guest>::Xen, <G as Guest>::Frames, <G as Guest>::Page>;

pub(super) const FROM: GrantCopyFlags = GNTCOPY_source_gref;
const TO: GrantCopyFlags = GNTCOPY_dest_gref;

/// Leads the other two domains.
pub(super) fn lead<G: Guest>(run: &mut Run<'_, G>, followers: [domid_t; 2]) {
    let frames = run.guest.frames();
    let mut lines: [BitmapLine; 2] = array::from_fn(|_| BitmapLine::new());
    let mut slots: [ReaperSlot<G::Page>; 2] = array::from_fn(|_| ReaperSlot::new());
    let room = TableStorage::new(&mut lines, &mut slots);
    let config = Config { max_frames: 1, ..Config::default() };
    // SAFETY: nothing else uses the table, and what is mapped is others'.
    let table = match unsafe { GrantTable::start(run.guest.xen().clone(), frames, room, config) } {
        Ok(table) => table,
        Err(error) => return run.step("start", error),
    };
    let [one, two] = followers.map(|domid| Peer::meet(run, domid));
    let [port, _] = [(1, &one), (2, &two)].map(|(number, peer)| {
        borrow(run, number, peer);
        grant_and_drop(run, number, peer, &table);
        readme(run, number, peer, &table);
        unprivileged::transfer(run, number, peer);
        events(run, number, peer)
    });
    unprivileged::ask(run, &one);
    between(run, &one, &two);
    passed_on(run, &one, &two);
    death::death(run, one, port, &two, &table);
    two.tell(run, Command::End);
    run.step("unmap the mailbox", unmap(run.guest, two.mapping));
    run.end();
}

/// A domain that is led.
pub(super) struct Peer<G: Guest> {
    pub(super) domid: domid_t,
    pub(super) mailbox: Mailbox<'static>,
    pub(super) mapping: Mapping,
    /// Where the mailbox is mapped.
    _room: G::MapTarget,
}

impl<G: Guest> Peer<G> {
    /// Maps the mailbox of a domain, which may not have started yet.
    fn meet(run: &mut Run<'_, G>, domid: domid_t) -> Self {
        let room = run.guest.target();
        loop {
            let mapping = map(run.guest, &room, FOR_WRITING, MAILBOX, domid);
            if mapping.outcome.is_ok() {
                let mailbox = Mailbox(mapped(&room));
                return Self { domid, mailbox, mapping, _room: room };
            }
            run.guest.give_way();
        }
    }

    /// Has it do something, and returns the answer.
    pub(super) fn tell(&self, run: &Run<'_, G>, command: Command) -> u32 {
        self.mailbox.tell(run.guest, command, 0)
    }
}

/// Maps and copies what a domain grants.
fn borrow<G: Guest>(run: &mut Run<'_, G>, name: u16, peer: &Peer<G>) {
    let domid = peer.domid;
    peer.tell(run, Command::Grant);
    let room = run.guest.target();
    let mapping = map(run.guest, &room, FOR_WRITING, WRITABLE, domid);
    run.step(format_args!("{name}, map"), mapping.outcome);
    let there = mapped(&room);
    run.step(format_args!("{name}, map, a byte of the page"), byte(there, 0));
    there.write(1, &[0x99]).unwrap_or_default();
    peer.tell(run, Command::LookWhileMapped);
    run.step(format_args!("{name}, unmap"), unmap(run.guest, mapping));
    peer.tell(run, Command::Revoke);
    let again = map(run.guest, &room, FOR_WRITING, WRITABLE, domid);
    run.step(format_args!("{name}, map, revoked"), again.outcome);
    let other = map(run.guest, &room, FOR_WRITING, READ_ONLY, domid);
    run.step(format_args!("{name}, map, grant read-only"), other.outcome);
    let beyond = map(run.guest, &room, FOR_WRITING, grant_ref_t(0x7fff_ffff), domid);
    run.step(format_args!("{name}, map, beyond the table"), beyond.outcome);

    let own = filled(run.guest, 0);
    let destination = local(own.frame(), DOMID_SELF, 0);
    let from = granted(READ_ONLY, domid, 0);
    let copied = copy_bytes(run.guest, from, destination, 64, FROM);
    run.step(format_args!("{name}, copy"), copied);
    run.step(format_args!("{name}, copy, the last byte"), byte(own.view(), 63));
    let copied = copy_bytes(run.guest, destination, from, 64, TO);
    run.step(format_args!("{name}, copy to a read-only grant"), copied);
    let revoked = granted(WRITABLE, domid, 0);
    let copied = copy_bytes(run.guest, revoked, destination, 64, FROM);
    run.step(format_args!("{name}, copy, revoked"), copied);
    let frame = local(own.frame(), domid, 0);
    let copied = copy_bytes(run.guest, frame, destination, 64, GrantCopyFlags::empty());
    run.step(format_args!("{name}, copy by frame"), copied);
}

/// Grants a page to a domain, and drops the grant while it is mapped there.
fn grant_and_drop<G: Guest>(
    run: &mut Run<'_, G>,
    name: u16,
    peer: &Peer<G>,
    table: &LeaderTable<'_, G>,
) {
    let Some(granted) = grant(run, peer, table) else { return };
    let reference = granted.reference().0;
    peer.mailbox.tell(run.guest, Command::Map, reference);
    run.step(format_args!("{name}, a byte that the peer wrote"), byte(granted.view(), 1));
    drop(granted);
    let waiting = table.deferred().waiting;
    run.step(format_args!("{name}, drop while it is mapped, grants that wait"), waiting);
    let reaped = table.reap(usize::MAX).freed;
    run.step(format_args!("{name}, reap while it is mapped, grants that ended"), reaped);
    peer.tell(run, Command::Unmap);
    let reaped = table.reap(usize::MAX).freed;
    run.step(format_args!("{name}, reap once it is unmapped, grants that ended"), reaped);
    peer.mailbox.tell(run.guest, Command::MapRevoked, reference);
}

/// What Alice does in the README's example.
fn readme<G: Guest>(run: &mut Run<'_, G>, name: u16, peer: &Peer<G>, table: &LeaderTable<'_, G>) {
    let Ok(bob) = DomainId::new(peer.domid) else { return };
    let granted = match share::grant(table, bob, run.guest.page()) {
        Ok(granted) => granted,
        Err(error) => return run.step(format_args!("{name}, README, grant"), error),
    };
    peer.mailbox.tell(run.guest, Command::Share, granted.reference().0);
    let page = share::take_back(granted, |_revoking| {
        run.step(format_args!("{name}, README, revoke while it is mapped"), "in use");
        peer.tell(run, Command::Unshare);
    });
    match page {
        Ok(page) => {
            let text = page.view().at(share::GREETING).read();
            let text = core::str::from_utf8(&text).unwrap_or("no text");
            run.step(format_args!("{name}, README, revoke once it is unmapped"), text);
        }
        Err(error) => run.step(format_args!("{name}, README, revoke once it is unmapped"), error),
    }
}

/// Grants a new page to a domain.
pub(super) fn grant<'t, G: Guest>(
    run: &mut Run<'_, G>,
    peer: &Peer<G>,
    table: &'t LeaderTable<'_, G>,
) -> Option<Granted<'t, G::Page>> {
    let to = DomainId::new(peer.domid).ok()?;
    table.grant(to, filled(run.guest, 0x42), ReadWrite).ok()
}

/// Sends events in both directions, and returns the port.
fn events<G: Guest>(run: &mut Run<'_, G>, name: u16, peer: &Peer<G>) -> Option<Port<G::Xen>> {
    let there = evtchn_port_t(peer.tell(run, Command::OpenPort));
    let xen = run.guest.xen().clone();
    let bind = |port| Port::bind_interdomain(xen.clone(), peer.domid, port);
    run.outcome(format_args!("{name}, bind_interdomain, no such port"), bind(evtchn_port_t(1000)));
    let port = bind(there);
    run.step(format_args!("{name}, bind_interdomain"), Outcome::of(&port));
    let port = port.ok()?;
    run.outcome(format_args!("{name}, bind_interdomain, bound already"), bind(there));
    let pending = run.guest.take_event(port.number().0);
    run.step(format_args!("{name}, an event is pending at once"), pending);
    run.outcome(format_args!("{name}, send"), port.notify());
    peer.tell(run, Command::AnswerEvent);
    let pending = run.guest.take_event(port.number().0);
    run.step(format_args!("{name}, an event came back"), pending);
    run.step(format_args!("{name}, status"), Value(binding(&port)));
    Some(port)
}

/// What a port is connected to, in a word.
pub(super) fn binding<G: xen_ops::hypercall::Hypercall>(
    port: &Port<G>,
) -> Result<&'static str, Error> {
    Ok(match port.status()?.binding {
        Binding::Closed => "closed",
        Binding::Unbound { .. } => "unbound",
        Binding::Interdomain { .. } => "interdomain",
        _ => "another",
    })
}

/// Copies from one domain to another.
fn between<G: Guest>(run: &mut Run<'_, G>, one: &Peer<G>, two: &Peer<G>) {
    one.tell(run, Command::Grant);
    two.tell(run, Command::Grant);
    let [from, to] = [granted(READ_ONLY, one.domid, 0), granted(WRITABLE, two.domid, 0)];
    let copied = copy_bytes(run.guest, from, to, 64, FROM | TO);
    run.step("copy from one to the other", copied);
    two.tell(run, Command::LookAtCopy);
    let to = granted(READ_ONLY, two.domid, 0);
    let copied = copy_bytes(run.guest, from, to, 64, FROM | TO);
    run.step("copy from one to what the other grants read-only", copied);
}

/// Uses what one follower granted to the other, and that one to us.
fn passed_on<G: Guest>(run: &mut Run<'_, G>, one: &Peer<G>, two: &Peer<G>) {
    for peer in [one, two] {
        peer.tell(run, Command::GrantToOther);
    }
    for peer in [one, two] {
        peer.tell(run, Command::MapFromOther);
    }
    two.tell(run, Command::PassOn);
    let own = filled(run.guest, 0);
    let destination = local(own.frame(), DOMID_SELF, 0);
    let directly = granted(FOR_THE_OTHER, one.domid, 0);
    let copied = copy_bytes(run.guest, directly, destination, 64, FROM);
    run.step("copy what is another's", copied);
    let source = granted(PASSED_ON, two.domid, 0);
    run.step("copy what is passed on", copy_bytes(run.guest, source, destination, 64, FROM));
    run.step("copy what is passed on, the last byte", byte(own.view(), 63));
    run.step("copy to what is passed on", copy_bytes(run.guest, destination, source, 64, TO));
    let room = run.guest.target();
    let mapping = map(run.guest, &room, FOR_WRITING, PASSED_ON, two.domid);
    run.step("map what is passed on", mapping.outcome);
    two.tell(run, Command::LookAtPassedOn);
    one.tell(run, Command::RevokeFromOther);
    let copied = copy_bytes(run.guest, source, destination, 64, FROM);
    run.step("copy what is passed on, revoked at its source", copied);
    one.tell(run, Command::GrantToOther);
}
