//! What a guest does to Xen and what came of it, written once: a guest kernel runs the scenarios on
//! real hypervisors, a test runs them on the model, and the transcripts are compared step by step.
//!
//! A scenario is a function that makes hypercalls and writes down one line for each. It judges
//! nothing: what is right is in the reference transcript.
#![no_std]

mod domains;
pub mod event_set;
pub mod frame;
mod grants;
mod guest;
mod interface_version;
mod line;
mod outcome;
mod random;
mod run;
mod scenarios;

pub use domains::{Command, MAILBOX, Mailbox, READ_ONLY, WRITABLE};
pub use guest::{Guest, Kind, Part};
pub use interface_version::interface_version;
pub use line::Line;
pub use random::{RANDOM, SEEDS, STEPS};
pub use run::{Run, SCENARIOS, run};
