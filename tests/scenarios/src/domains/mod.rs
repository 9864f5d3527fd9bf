//! Three domains that share pages: the first one leads, the others do what it tells them through a
//! page that each of them shares with it.

mod death;
mod follower;
mod leader;
mod mailbox;
/// What the README shows: the file that the example of xen-sim has too.
#[path = "../../../../xen-sim/examples/hello/share.rs"]
mod share;
mod unprivileged;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::xen::domid_t;

use crate::{Guest, Run};

pub use mailbox::{Command, Mailbox};

/// The scenario's names in the domains, by their number after the first. The last one's grant table has
/// version 2, where Xen has that.
const NAMES: [&str; 3] = ["domains-leader", "domains-follower", "domains-follower-2"];

// The references that every follower uses, for the first domain if not for the other follower.

/// The page of the [`Mailbox`].
pub const MAILBOX: grant_ref_t = grant_ref_t(8);
/// A page that the first domain may write to, once it has said [`Command::Grant`].
pub const WRITABLE: grant_ref_t = grant_ref_t(9);
/// A page that it may read.
pub const READ_ONLY: grant_ref_t = grant_ref_t(10);
const FOR_THE_OTHER: grant_ref_t = grant_ref_t(11);
const PASSED_ON: grant_ref_t = grant_ref_t(12);
const ACCEPTED: grant_ref_t = grant_ref_t(13);

/// Runs what this domain has to do, if the first of them has the number `first`.
pub(crate) fn run<G: Guest>(run: &mut Run<'_, G>, first: domid_t) {
    let number = usize::from(run.guest.domid().0.wrapping_sub(first.0));
    let Some(name) = NAMES.get(number) else { return };
    run.begin(name);
    match number {
        0 => leader::lead(run, [1, 2].map(|number| domid_t(first.0.wrapping_add(number)))),
        1 => follower::follow(run, first, domid_t(first.0.wrapping_add(2))),
        _ => follower::follow(run, first, domid_t(first.0.wrapping_add(1))),
    }
}
