//! Random sequences of operations. A seed gives the same sequence on every machine, so that what a
//! simulator answers can be compared with what Xen does, step by step.
//!
//! Results are written without what differs between machines: addresses, frame numbers, handles, texts.

#![allow(unsafe_code, reason = "makes hypercalls that no typed wrapper would")]
#![allow(clippy::needless_update, reason = "some architectures have padding there")]
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

mod events;
mod grants;
mod memory;
mod mixed;
mod rng;

use core::fmt;
use core::ptr::{self, NonNull};

use xen_abi::Plain;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::hypercall::Hypercall;
use xen_ops::page::Page;

use crate::outcome::Returned;
use crate::{Guest, Part, Run};
use rng::Rng;

/// The name of the scenario.
pub const RANDOM: &str = "random";

/// Seeds that are always run, each with [`STEPS`] steps. A seed that has found a difference stays.
///
/// The first one uses ports for long before it resets them: a domain may have some from the start.
pub const SEEDS: &[u64] = &[77, 1, 2, 3, 4];

/// The steps of a seed.
pub const STEPS: u32 = 600;

/// Pages, targets and mappings that a sequence uses.
const PLACES: usize = 4;

/// A domain at work on a random sequence.
struct World<'r, 'g, G: Guest> {
    run: &'r mut Run<'g, G>,
    rng: Rng,
    seed: u64,
    step: u32,
    /// Frames of the domain's own, mapped nowhere else.
    frames: [xen_pfn_t; PLACES],
    /// The entries of its grant table.
    entries: NonNull<u8>,
    grants: grants::Grants<G>,
    memory: memory::Memory,
}

/// What a hypercall returned, and numbers that it wrote.
struct Answer<'a>(isize, &'a [u64]);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Returned(self.0).fmt(f)?;
        self.1.iter().try_for_each(|word| write!(f, " {word:x}"))
    }
}

/// Runs the seed that the command line names with `seed=NUMBER`, for as many steps as `steps=NUMBER`
/// says, or else all of [`SEEDS`].
pub(crate) fn random<G: Guest>(run: &mut Run<'_, G>) {
    let entries = run.guest.table(Part::Shared);
    let steps = run.number("steps").and_then(|steps| steps.try_into().ok()).unwrap_or(STEPS);
    match run.number("seed") {
        Some(seed) => sequence(run, seed, steps, entries),
        None => SEEDS.iter().for_each(|seed| sequence(run, *seed, steps, entries)),
    }
}

fn sequence<G: Guest>(run: &mut Run<'_, G>, seed: u64, steps: u32, entries: NonNull<u8>) {
    let pages: [G::Page; PLACES] = core::array::from_fn(|_| run.guest.page());
    let frames = core::array::from_fn(|at| pages[at].frame());
    let grants = grants::Grants::new(run.guest);
    let memory = memory::Memory::new(run.guest);
    let rng = Rng::new(seed);
    let mut world = World { run, rng, seed, step: 0, frames, entries, grants, memory };
    while world.step < steps {
        world.step += 1;
        match world.rng.below(16) {
            0..6 => grants::step(&mut world),
            6..10 => events::step(&mut world),
            10..13 => memory::step(&mut world),
            _ => mixed::step(&mut world),
        }
    }
    grants::end(&mut world);
    events::end(&mut world);
    memory::end(&mut world);
}

impl<G: Guest> World<'_, '_, G> {
    /// Writes down a step.
    fn record(&mut self, what: fmt::Arguments<'_>, returned: isize, words: &[u64]) {
        let (seed, step) = (self.seed, self.step);
        self.run.step(format_args!("{seed}.{step} {what}"), Answer(returned, words));
    }

    /// Makes a hypercall with an argument in memory.
    fn call<T: Plain>(&self, number: u32, command: u32, argument: &mut T) -> isize {
        self.raw(number, [command as usize, ptr::from_mut(argument).expose_provenance(), 1])
    }

    fn raw(&self, number: u32, arguments: [usize; 3]) -> isize {
        // SAFETY: the steps hand over what Xen can read and write, or what it finds to be nothing; they
        // change pages that nothing else uses.
        unsafe { self.run.guest.xen().call3(number, arguments) }
    }

    /// An address that Xen cannot read. Null is none such: some guests have memory there.
    fn no_address(&self) -> usize {
        self.run.guest.bad_address()
    }

    /// A domain: this one by either name, or one that does not exist.
    fn domid(&mut self) -> domid_t {
        let me = self.run.guest.domid();
        self.rng.pick(&[DOMID_SELF, DOMID_SELF, me, me, domid_t(777), domid_t(0x7ff4)])
    }

    /// A frame of the domain's own.
    fn frame(&mut self) -> xen_pfn_t {
        self.rng.pick(&self.frames)
    }
}

/// A domain as it is written down: the same word for this one on every machine.
fn named<G: Guest>(world: &World<'_, '_, G>, domid: domid_t) -> &'static str {
    match domid {
        DOMID_SELF => "self",
        own if own == world.run.guest.domid() => "own",
        domid_t(777) => "none",
        _ => "reserved",
    }
}
