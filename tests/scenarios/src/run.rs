//! Running scenarios and writing down what comes of them.

use core::fmt;

use xen_abi::xen::{__HYPERVISOR_grant_table_op, domid_t};
use xen_ops::hypercall::{Error, Hypercall};

use crate::outcome::{Outcome, Returned};
use crate::{Guest, Line, domains, scenarios};

/// The names of all scenarios of one domain, in the order in which they run.
pub const SCENARIOS: &[&str] = scenarios::NAMES;

/// A guest at work on scenarios.
pub struct Run<'a, G> {
    /// The guest.
    pub guest: &'a mut G,
    arguments: &'a str,
    steps: usize,
}

impl<G: Guest> Run<'_, G> {
    /// The number that the command line has as `name=NUMBER`.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        word(self.arguments, name)?.parse().ok()
    }

    /// Writes down what came of a step. `name` says what was done, without a colon, and is the
    /// same on every machine.
    pub fn step(&mut self, name: impl fmt::Display, result: impl fmt::Display) {
        self.steps += 1;
        self.write(format_args!("step {name}: {result}"));
    }

    /// Writes down whether an operation succeeded, or what was answered instead.
    pub fn outcome<T>(&mut self, name: impl fmt::Display, result: Result<T, Error>) {
        self.step(name, Outcome::of(&result));
    }

    /// Makes a hypercall that no typed wrapper would make, and writes down what it returned.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::call3`].
    #[allow(unsafe_code, reason = "passes the hypercall on")]
    pub(crate) unsafe fn raw(
        &mut self,
        name: impl fmt::Display,
        number: u32,
        arguments: [usize; 3],
    ) {
        // SAFETY: the caller's promise.
        let returned = unsafe { self.guest.xen().call3(number, arguments) };
        self.step(name, Returned(returned));
    }

    /// As [`raw`](Self::raw), a `grant_table_op`.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::call3`].
    #[allow(unsafe_code, reason = "passes the hypercall on")]
    pub(crate) unsafe fn raw_grant(
        &mut self,
        name: impl fmt::Display,
        command: u32,
        argument: usize,
        count: usize,
    ) {
        let arguments = [command as usize, argument, count];
        // SAFETY: the caller's promise.
        unsafe { self.raw(name, __HYPERVISOR_grant_table_op, arguments) };
    }

    /// Writes down that a scenario begins.
    pub(crate) fn begin(&mut self, scenario: &str) {
        self.write(format_args!("{}", Line::Begin { scenario }));
    }

    /// Writes down that the domain is through.
    pub(crate) fn end(&mut self) {
        let steps = self.steps;
        self.write(format_args!("{}", Line::End { steps }));
    }

    fn write(&mut self, line: fmt::Arguments<'_>) {
        let domid = self.guest.domid().0;
        self.guest.write(format_args!("@{domid} {line}"));
    }
}

/// Runs the scenarios that `arguments` names with `scenario=NAME,NAME`, in that order, or all but the random
/// one; with `first=DOMID` the one of several domains instead, of which that one is the first.
///
/// `seed=NUMBER` and `steps=NUMBER` name a random sequence other than [`SEEDS`](crate::SEEDS).
pub fn run<G: Guest>(guest: &mut G, arguments: &str) {
    let word = |name| word(arguments, name);
    let mut run = Run { guest, arguments, steps: 0 };
    if let Some(first) = word("first").and_then(|domid| domid.parse().ok()) {
        return domains::run(&mut run, domid_t(first));
    }
    let all = scenarios::all::<G>();
    let mut one = |name: &str| {
        if let Some((name, scenario)) = all.iter().find(|(own, _)| *own == name) {
            run.begin(name);
            scenario(&mut run);
            run.guest.scenario_over();
        }
    };
    match word("scenario") {
        Some(names) => names.split(',').for_each(one),
        None => SCENARIOS.iter().filter(|name| **name != crate::RANDOM).for_each(|name| one(name)),
    }
    run.end();
    run.guest.scenario_over();
}

/// What the command line says after `name=`.
fn word<'a>(arguments: &'a str, name: &str) -> Option<&'a str> {
    let mut words = arguments.split_whitespace();
    words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}
