//! What the domains do that are led.

#![allow(unsafe_code, reason = "chooses the version of the grant table")]

use xen_abi::grant_table::*;
use xen_abi::memory::MemoryFlags;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::events::Port;
use xen_ops::hypercall::grant_table_op::set_version;
use xen_ops::hypercall::memory_op::decrease_reservation;
use xen_ops::{DomainId, Page, ReadWrite, RemoteGrant};

use super::mailbox::{Command, Mailbox};
use super::{ACCEPTED, FOR_THE_OTHER, MAILBOX, PASSED_ON, READ_ONLY, WRITABLE, share};
use crate::grants::{FOR_WRITING, Mapping, V1, V2, byte, filled, map, mapped, swap, unmap};
use crate::outcome::{Hex, Outcome, Value};
use crate::{Guest, Run};

/// Does what the first domain tells, until it says that this is the end.
pub(super) fn follow<G: Guest>(run: &mut Run<'_, G>, first: domid_t, other: domid_t) {
    let table = if other < run.guest.domid() { Table::newest(run) } else { Table::oldest(run) };
    let page = filled(run.guest, 0);
    let mailbox = Mailbox(page.view());
    table.set(MAILBOX, GTF_permit_access, first, page.frame());
    let mut follower =
        Follower { run, first, other, table, page: None, mapping: None, shared: None, port: None };
    loop {
        let (command, with) = mailbox.wait(follower.run.guest);
        if command == Command::End {
            break;
        }
        let answer = follower.obey(command, with);
        mailbox.answer(answer);
    }
    // What is written after this may come too late.
    follower.run.end();
    mailbox.answer(0);
}

/// A grant table of either version.
enum Table {
    V1(V1),
    V2(V2),
}

impl Table {
    fn oldest<G: Guest>(run: &mut Run<'_, G>) -> Self {
        Self::V1(V1::map(run.guest))
    }

    fn newest<G: Guest>(run: &mut Run<'_, G>) -> Self {
        // SAFETY: nothing is granted yet.
        let (result, version) = unsafe { set_version(run.guest.xen(), 2) };
        run.step("set_version 2", Outcome::of(&result));
        if version == 2 { Self::V2(V2::map(run.guest)) } else { Self::oldest(run) }
    }

    /// Tries to have the other version, though others have mapped what was granted.
    fn change<G: Guest>(&self, run: &mut Run<'_, G>) {
        let other = match self {
            Self::V1(_) => 2,
            Self::V2(_) => 1,
        };
        // SAFETY: it is refused, or nothing relies on the grants.
        let (result, _) = unsafe { set_version(run.guest.xen(), other) };
        run.step("set_version to the other while it is mapped", Outcome::of(&result));
    }

    fn set(&self, ref_: grant_ref_t, flags: GrantEntryFlags, domid: domid_t, frame: xen_pfn_t) {
        match self {
            Self::V1(table) => table.set(ref_, flags, domid, frame),
            Self::V2(table) => table.page(ref_, flags, domid, frame),
        }
    }

    fn revoke(&self, ref_: grant_ref_t) -> &'static str {
        match self {
            Self::V1(table) => table.revoke(ref_),
            Self::V2(table) => table.revoke(ref_),
        }
    }

    fn flags(&self, ref_: grant_ref_t) -> GrantEntryFlags {
        match self {
            Self::V1(table) => table.flags(ref_),
            Self::V2(table) => table.flags(ref_),
        }
    }

    /// Writes down what an entry says, and the marks that it is in use wherever they are.
    fn look<G: Guest>(&self, run: &mut Run<'_, G>, when: &str, ref_: grant_ref_t) {
        let used = match self {
            Self::V1(table) => table.flags(ref_),
            Self::V2(table) => table.status(ref_),
        };
        run.step(format_args!("flags {when}"), Hex(self.flags(ref_).bits()));
        run.step(format_args!("in use {when}"), Hex((used & (GTF_reading | GTF_writing)).bits()));
    }
}

struct Follower<'r, 'a, G: Guest> {
    run: &'r mut Run<'a, G>,
    first: domid_t,
    other: domid_t,
    table: Table,
    /// The page that the leader may write to.
    page: Option<G::Page>,
    /// What is mapped of the leader's, and where.
    mapping: Option<(Mapping, G::MapTarget)>,
    /// What is mapped of the leader's as the README's example does.
    shared: Option<xen_ops::Mapping<G::Xen, G::MapTarget, ReadWrite>>,
    port: Option<Port<G::Xen>>,
}

impl<G: Guest> Follower<'_, '_, G> {
    /// Does it, and returns the answer.
    fn obey(&mut self, command: Command, with: u32) -> u32 {
        match command {
            Command::Grant => self.grant(),
            Command::LookWhileMapped => {
                self.look_at_page("a byte that was written");
                self.table.look(self.run, "while it is mapped", WRITABLE);
                let swapped = swap(self.run.guest, WRITABLE, READ_ONLY);
                self.run.step("swap while it is mapped", swapped);
                self.table.change(self.run);
                self.run.step("revoke while it is mapped", self.table.revoke(WRITABLE));
            }
            Command::Revoke => {
                self.table.look(self.run, "once it is unmapped", WRITABLE);
                self.run.step("revoke", self.table.revoke(WRITABLE));
            }
            Command::LookAtCopy => self.look_at_page("a byte that was copied"),
            Command::Map => self.map(grant_ref_t(with)),
            Command::Unmap => {
                if let Some((mapping, _)) = self.mapping.take() {
                    self.run.step("unmap from the first", unmap(self.run.guest, mapping));
                }
            }
            Command::MapRevoked => {
                let room = self.run.guest.target();
                let revoked =
                    map(self.run.guest, &room, FOR_WRITING, grant_ref_t(with), self.first);
                self.run.step("map from the first, revoked", revoked.outcome);
            }
            Command::Share => self.share(grant_ref_t(with)),
            Command::Unshare => drop(self.shared.take()),
            Command::OpenPort => return self.open_port(),
            Command::AnswerEvent => self.answer_event(),
            Command::GrantToOther => {
                let page = filled(self.run.guest, 0x64);
                self.table.set(FOR_THE_OTHER, GTF_permit_access, self.other, page.frame());
            }
            Command::MapFromOther => self.map_from_other(),
            Command::PassOn => {
                if let Table::V2(table) = &self.table {
                    let (flags, from) = (GTF_transitive, self.other);
                    table.grant_transitive(PASSED_ON, flags, self.first, from, FOR_THE_OTHER);
                }
            }
            Command::RevokeFromOther => {
                self.run.step("revoke from the other", self.table.revoke(FOR_THE_OTHER));
            }
            Command::LookAtPassedOn => self.table.look(self.run, "once it was copied", PASSED_ON),
            Command::Accept => self.accept(),
            Command::LookAtAccepted => {
                let flags = self.table.flags(ACCEPTED);
                self.run.step("flags once a page was transferred", Hex(flags.bits()));
            }
            Command::Keep => {
                let room = self.run.guest.target();
                let kept = map(self.run.guest, &room, FOR_WRITING, grant_ref_t(with), self.first);
                self.run.step("map from the first, to the end", kept.outcome);
            }
            Command::End => {}
        }
        0
    }

    fn grant(&mut self) {
        let page = filled(self.run.guest, 0x61);
        let other = filled(self.run.guest, 0x62);
        self.table.set(WRITABLE, GTF_permit_access, self.first, page.frame());
        self.table.set(READ_ONLY, GTF_permit_access | GTF_readonly, self.first, other.frame());
        self.page = Some(page);
    }

    fn look_at_page(&mut self, name: &str) {
        let Some(page) = &self.page else { return };
        self.run.step(name, byte(page.view(), 1));
    }

    fn map(&mut self, ref_: grant_ref_t) {
        let run = &mut *self.run;
        let room = run.guest.target();
        let mapping = map(run.guest, &room, FOR_WRITING, ref_, self.first);
        run.step("map from the first", mapping.outcome);
        if !mapping.outcome.is_ok() {
            return;
        }
        let there = mapped(&room);
        run.step("map from the first, a byte", byte(there, 0));
        there.write(1, &[0x43]).unwrap_or_default();
        self.mapping = Some((mapping, room));
    }

    /// What Bob does in the README's example.
    fn share(&mut self, reference: grant_ref_t) {
        let Ok(alice) = DomainId::new(self.first) else { return };
        let (xen, target) = (self.run.guest.xen().clone(), self.run.guest.target());
        match share::map(xen, RemoteGrant::new(alice, reference), target) {
            Ok(mapping) => {
                self.run.step("README, map", "ok");
                self.shared = Some(mapping);
            }
            Err(error) => self.run.step("README, map", error),
        }
    }

    /// Returns the port's number.
    fn open_port(&mut self) -> u32 {
        let port = Port::alloc_unbound(self.run.guest.xen().clone(), self.first);
        self.run.step("alloc_unbound", Outcome::of(&port));
        self.port = port.ok();
        self.port.as_ref().map_or(0, |port| port.number().0)
    }

    fn answer_event(&mut self) {
        let Some(port) = &self.port else { return };
        let pending = self.run.guest.take_event(port.number().0);
        self.run.step("an event is pending", pending);
        self.run.outcome("send back", port.notify());
    }

    /// Has no more memory than before when a page has come.
    fn accept(&mut self) {
        let frames = [self.run.guest.loose_frame()];
        let none = MemoryFlags::empty();
        // SAFETY: nothing uses the page.
        let given =
            unsafe { decrease_reservation(self.run.guest.xen(), &frames, 0, none, DOMID_SELF) };
        self.run.step("decrease_reservation", Value(given));
        self.table.set(ACCEPTED, GTF_accept_transfer, self.first, frames[0]);
    }

    /// What one follower grants to the first domain is not the other's.
    fn map_from_other(&mut self) {
        let run = &mut *self.run;
        let room = run.guest.target();
        let not_ours = map(run.guest, &room, FOR_WRITING, MAILBOX, self.other);
        run.step("map from the other what it grants to the first", not_ours.outcome);
        let mapping = map(run.guest, &room, FOR_WRITING, FOR_THE_OTHER, self.other);
        run.step("map from the other", mapping.outcome);
        if mapping.outcome.is_ok() {
            run.step("map from the other, a byte", byte(mapped(&room), 0));
            run.step("unmap from the other", unmap(run.guest, mapping));
        }
    }
}
