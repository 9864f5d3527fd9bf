//! The page through which the leader tells a follower what to do.

use core::sync::atomic::Ordering;

use xen_ops::view::Field;
use xen_ops::{ReadWrite, View};

use crate::Guest;

/// What the leader tells a follower to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Command {
    /// Grant two new pages to the leader.
    Grant = 1,
    /// Look at the page that the leader has mapped and written to, and try to take it back.
    LookWhileMapped,
    /// Take it back.
    Revoke,
    /// Look at the page that the leader has copied to.
    LookAtCopy,
    /// Map what the leader grants with the reference that goes with the command.
    Map,
    /// Unmap it.
    Unmap,
    /// Try to map it again.
    MapRevoked,
    /// Map what the leader grants as the README's example does, and write to it.
    Share,
    /// Unmap that.
    Unshare,
    /// Make a port for the leader, and answer with its number.
    OpenPort,
    /// Look for an event at the port, and send one back.
    AnswerEvent,
    /// Grant a page to the other follower.
    GrantToOther,
    /// Map what the other follower grants.
    MapFromOther,
    /// Grant to the leader what the other follower grants.
    PassOn,
    /// Take back what is granted to the other follower.
    RevokeFromOther,
    /// Look at what was passed on.
    LookAtPassedOn,
    /// Wait for a page of the leader's, after giving away one.
    Accept,
    /// Look at what came of that.
    LookAtAccepted,
    /// Map what the leader grants, and never unmap it.
    Keep,
    /// Be through.
    End,
}

/// All of them, in the order of their numbers from 1 on.
const COMMANDS: [Command; 20] = [
    Command::Grant,
    Command::LookWhileMapped,
    Command::Revoke,
    Command::LookAtCopy,
    Command::Map,
    Command::Unmap,
    Command::MapRevoked,
    Command::Share,
    Command::Unshare,
    Command::OpenPort,
    Command::AnswerEvent,
    Command::GrantToOther,
    Command::MapFromOther,
    Command::PassOn,
    Command::RevokeFromOther,
    Command::LookAtPassedOn,
    Command::Accept,
    Command::LookAtAccepted,
    Command::Keep,
    Command::End,
];

/// How many commands were given.
const GIVEN: Field<u32> = Field::at::<0>();
/// The last one.
const COMMAND: Field<u32> = Field::at::<4>();
/// What goes with it.
const WITH: Field<u32> = Field::at::<8>();
/// How many commands are done.
const DONE: Field<u32> = Field::at::<12>();
/// The answer to the last one.
const ANSWER: Field<u32> = Field::at::<16>();

/// A page of zeroes at first, as both sides see it.
#[derive(Clone, Copy, Debug)]
pub struct Mailbox<'a>(pub View<'a, ReadWrite>);

impl Mailbox<'_> {
    /// Has the follower do something: the number of the command.
    #[must_use]
    pub fn give(self, command: Command, with: u32) -> u32 {
        self.store(COMMAND, command as u32);
        self.store(WITH, with);
        let given = self.load(GIVEN).wrapping_add(1);
        self.store(GIVEN, given);
        given
    }

    /// The answer to a command, once it is done.
    #[must_use]
    pub fn answered(self, given: u32) -> Option<u32> {
        (self.load(DONE) == given).then(|| self.load(ANSWER))
    }

    /// Has the follower do something, waits until it is done, and returns the answer.
    pub(super) fn tell<G: Guest>(self, guest: &G, command: Command, with: u32) -> u32 {
        let given = self.give(command, with);
        loop {
            if let Some(answer) = self.answered(given) {
                return answer;
            }
            guest.give_way();
        }
    }

    /// Waits for the next command, and returns it with what goes with it.
    pub(super) fn wait<G: Guest>(self, guest: &G) -> (Command, u32) {
        while self.load(GIVEN) == self.load(DONE) {
            guest.give_way();
        }
        let number = self.load(COMMAND).wrapping_sub(1) as usize;
        // An unknown number ends it.
        let command = COMMANDS.get(number).copied().unwrap_or(Command::End);
        (command, self.load(WITH))
    }

    /// Says that the command is done.
    pub(super) fn answer(self, answer: u32) {
        self.store(ANSWER, answer);
        self.store(DONE, self.load(GIVEN));
    }

    fn load(self, field: Field<u32>) -> u32 {
        self.0.at(field).load(Ordering::Acquire)
    }

    fn store(self, field: Field<u32>, value: u32) {
        self.0.at(field).store(value, Ordering::Release);
    }
}
