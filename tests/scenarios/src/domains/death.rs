//! A domain that ends while its pages are mapped, and while it has mapped one of the leader's.

use core::array;

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_ops::events::Port;
use xen_ops::page::Page;

use super::leader::{FROM, LeaderTable, Peer, binding, grant};
use super::mailbox::Command;
use super::{MAILBOX, PASSED_ON, READ_ONLY, WRITABLE};
use crate::grants::{FOR_WRITING, byte, copy_bytes, filled, granted, local, map, mapped, unmap};
use crate::outcome::{Outcome, Value};
use crate::{Guest, Run};

pub(super) fn death<G: Guest>(
    run: &mut Run<'_, G>,
    one: Peer<G>,
    port: Option<Port<G::Xen>>,
    two: &Peer<G>,
    table: &LeaderTable<'_, G>,
) {
    let domid = one.domid;
    one.tell(run, Command::Grant);
    let [room, elsewhere]: [G::MapTarget; 2] = array::from_fn(|_| run.guest.target());
    let mapping = map(run.guest, &room, FOR_WRITING, WRITABLE, domid);
    run.step("before, map", mapping.outcome);
    if let Some(granted) = grant(run, &one, table) {
        one.mailbox.tell(run.guest, Command::Keep, granted.reference().0);
    }
    let waiting = table.deferred().waiting;
    run.step("before, drop what it has mapped, grants that wait", waiting);
    one.tell(run, Command::End);
    run.guest.destroy(domid);

    refused(run, domid, two);
    run.step("dead, reap what it had mapped, grants that ended", table.reap(usize::MAX).freed);
    let again = map(run.guest, &elsewhere, FOR_WRITING, WRITABLE, domid);
    run.step("dead, map a page that is mapped", again.outcome);
    if again.outcome.is_ok() {
        run.step("dead, unmap it again", unmap(run.guest, again));
    }
    run.step("dead, a byte of the page", byte(mapped(&room), 0));
    if let Some(port) = port {
        run.step("dead, status of a port", Value(binding(&port)));
        run.outcome("dead, send", port.notify());
    }
    run.step("dead, unmap", unmap(run.guest, mapping));
    run.step("dead, unmap the mailbox", unmap(run.guest, one.mapping));

    // Whatever else held it lets go.
    let gone = until(run, Outcome::is_bad_domain, |run| {
        map(run.guest, &room, FOR_WRITING, MAILBOX, domid).outcome
    });
    run.step("gone, map", gone);
    let own = filled(run.guest, 0);
    let destination = local(own.frame(), DOMID_SELF, 0);
    let copied = copy_bytes(run.guest, granted(MAILBOX, domid, 0), destination, 64, FROM);
    run.step("gone, copy", copied);
}

/// Waits until nothing of a dying domain can be used any more but what is mapped.
fn refused<G: Guest>(run: &mut Run<'_, G>, domid: domid_t, two: &Peer<G>) {
    let room = run.guest.target();
    // Its memory goes bit by bit.
    let refused = until(
        run,
        |outcome| !outcome.is_ok(),
        |run| {
            let mapping = map(run.guest, &room, GNTMAP_readonly, READ_ONLY, domid);
            if mapping.outcome.is_ok() {
                unmap(run.guest, mapping);
            }
            mapping.outcome
        },
    );
    run.step("dead, map an unmapped page", refused);
    let own = filled(run.guest, 0);
    let destination = local(own.frame(), DOMID_SELF, 0);
    for (name, ref_, of) in [
        ("dead, copy an unmapped page", READ_ONLY, domid),
        ("dead, copy a page that is mapped", WRITABLE, domid),
        ("dead, copy what was passed on", PASSED_ON, two.domid),
    ] {
        let source = granted(ref_, of, 0);
        let refused = until(
            run,
            |outcome| !outcome.is_ok(),
            |run| copy_bytes(run.guest, source, destination, 64, FROM),
        );
        run.step(name, refused);
    }
}

/// How often something is tried: far longer than any toolstack takes.
const MAX_TRIES: usize = 1_000_000;

/// Tries again and again, until the outcome is as it should be, or is never going to be.
fn until<G: Guest>(
    run: &mut Run<'_, G>,
    is_expected: impl Fn(Outcome) -> bool,
    mut attempt: impl FnMut(&mut Run<'_, G>) -> Outcome,
) -> Outcome {
    for _ in 0..MAX_TRIES {
        let outcome = attempt(run);
        if is_expected(outcome) {
            return outcome;
        }
        run.guest.give_way();
    }
    attempt(run)
}
