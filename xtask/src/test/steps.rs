//! The steps of `cargo xtask test`.

use crate::install::Install;
use crate::need::Need;
use crate::workspace::{FEATURES, LINTED};
use crate::{
    Error, adopters, atlas, book, cross, deny, doc, examples, features, fuzz, i686, live, loom,
    miri, package, public_api, verify,
};

use super::lanes::Lane;

/// A step.
pub(super) struct Step {
    /// The name by which it is chosen.
    pub(super) name: &'static str,
    /// What it checks, in one line.
    pub(super) about: &'static str,
    /// Which runs have it.
    pub(super) runs: Runs,
    /// What it may run beside.
    pub(super) place: Place,
    /// What it needs, and whether it is skipped or fails without it.
    pub(super) needs: Needs,
    /// What it does.
    pub(super) action: Action,
}

/// Which runs have a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// All.
    Always,
    /// Only those without `--quick`.
    Full,
    /// Only those with it.
    Quick,
}

/// What a step may run beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing: it comes first, since it fails soonest.
    First,
    /// One step of each other lane.
    In(Lane),
}

impl Place {
    /// The lane, of a step that has one.
    pub(super) fn lane(self) -> Option<Lane> {
        match self {
            Self::First => None,
            Self::In(lane) => Some(lane),
        }
    }
}

/// The default target directory. Cargo locks it, so its steps take turns.
const SHARED: Lane = Lane("target");

/// Target directories of their own. These steps could all run at the same time, but not on two cores.
const OWN: Lane = Lane("own");

/// What a step needs beyond the default Rust toolchain.
#[derive(Clone, Copy)]
pub(super) enum Needs {
    /// It fails without this.
    Required(&'static [Need]),
    /// It is skipped without this, which may be impossible to install here.
    Optional(&'static [Need]),
}

impl Needs {
    const NONE: Self = Self::Required(&[]);
}

/// How a step is done.
pub(super) enum Action {
    /// Cargo commands whose output is worth reading only if they fail.
    Quiet(&'static [&'static [&'static str]]),
    /// Cargo commands whose output is shown: the results of tests.
    Tests(&'static [&'static [&'static str]]),
    /// Another command of ours, which prints its own lines.
    Command(fn(Install) -> Result<(), Error>),
}

/// Features of tests that boot hypervisors.
const BOOT: &str = "xen-live/boot,xen-run/boot";

/// The guest kernel, which is a workspace of its own.
const GUEST: &str = "tests/guest/Cargo.toml";

/// The kernel over xen-io, likewise.
const PEERS: &str = "tests/peers/Cargo.toml";

/// The kernel to start from, likewise.
const TEMPLATE: &str = "templates/kernel/Cargo.toml";

/// The kernel with a driver to start from, likewise.
const DRIVER_TEMPLATE: &str = "templates/unikernel-driver/Cargo.toml";

/// Programs over other libraries, likewise.
const COMPARE: &str = "tests/compare/Cargo.toml";

/// All steps, those of [`Place::First`] first.
pub(super) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "formatting",
        runs: Runs::Always,
        place: Place::First,
        needs: Needs::Required(&[Need::Components]),
        action: Action::Quiet(&[
            &["fmt", "--all", "--check"],
            &["fmt", "--manifest-path", GUEST, "--check"],
            &["fmt", "--manifest-path", PEERS, "--check"],
            &["fmt", "--manifest-path", TEMPLATE, "--check"],
            &["fmt", "--manifest-path", DRIVER_TEMPLATE, "--check"],
            &["fmt", "--manifest-path", COMPARE, "--check"],
            &["fmt", "--manifest-path", loom::MANIFEST, "--all", "--check"],
        ]),
    },
    Step {
        name: "lock",
        about: "lock files that match their manifests",
        runs: Runs::Always,
        place: Place::First,
        needs: Needs::NONE,
        action: Action::Quiet(&[
            &["fetch", "--locked"],
            &["fetch", "--locked", "--manifest-path", GUEST],
            &["fetch", "--locked", "--manifest-path", PEERS],
            &["fetch", "--locked", "--manifest-path", TEMPLATE],
            &["fetch", "--locked", "--manifest-path", DRIVER_TEMPLATE],
            &["fetch", "--locked", "--manifest-path", COMPARE],
            &["fetch", "--locked", "--manifest-path", loom::MANIFEST],
        ]),
    },
    Step {
        name: "clippy",
        about: "lints of all crates",
        runs: Runs::Always,
        place: Place::In(SHARED),
        needs: Needs::Required(&[Need::Components]),
        action: Action::Quiet(&[
            // Among them xen-abi has the same generated code for each architecture, which takes minutes to lint.
            &[
                "clippy",
                "--workspace",
                "--exclude",
                "xen-abi",
                "--no-deps",
                "--all-targets",
                "--features",
                LINTED,
                "--features",
                BOOT,
                "--features",
                "xen-atlas/browser",
                "--",
                "-D",
                "warnings",
            ],
            &[
                "clippy",
                "--package",
                "xen-abi",
                "--all-targets",
                "--features",
                "full,toolstack-all",
                "--",
                "-D",
                "warnings",
            ],
        ]),
    },
    Step {
        name: "live-clippy",
        about: "lints of the guest kernels",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Required(live::NEEDS),
        action: Action::Quiet(&[
            &[
                "clippy",
                "--manifest-path",
                GUEST,
                "--target-dir",
                "target/xen-live/guest",
                "--release",
                "--target",
                "x86_64-unknown-none",
                "--target",
                "aarch64-unknown-none",
                "--target",
                "armv7a-none-eabi",
                "--target",
                "i686-unknown-linux-musl",
                "--",
                "-D",
                "warnings",
            ],
            &[
                "clippy",
                "--manifest-path",
                PEERS,
                "--target-dir",
                "target/xen-live/tests-peers",
                "--release",
                "--target",
                "x86_64-unknown-none",
                "--target",
                "i686-unknown-linux-musl",
                "--",
                "-D",
                "warnings",
            ],
        ]),
    },
    Step {
        name: "test",
        about: "all tests that need no system package",
        runs: Runs::Quick,
        place: Place::In(SHARED),
        needs: Needs::NONE,
        action: Action::Tests(&[
            &["test", "--workspace"],
            &["test", "-p", "xen-abi", "--no-default-features"],
            &["test", "-p", "xen-abi", "--features", "full,foreign"],
        ]),
    },
    Step {
        name: "test",
        about: "all tests that boot nothing; xen-abi with no features too",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Required(verify::NEEDS),
        action: Action::Tests(&[
            &["test", "--workspace", "--features", FEATURES],
            &["test", "-p", "xen-abi", "--no-default-features"],
            // As users compile it: what the compiler makes of values that are moved.
            &["test", "-p", "xen-fuzz", "--release"],
        ]),
    },
    Step {
        name: "examples",
        about: "every example of xen-sim, run",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::NONE,
        action: Action::Command(|_| examples::run()),
    },
    Step {
        name: "xenstore",
        about: "the xenstore server with other projects' clients",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Optional(&[Need::Pip]),
        action: Action::Tests(&[&[
            "test",
            "--features",
            FEATURES,
            "--features",
            "xen-xenstore/network",
            "--test",
            "debian",
            "--test",
            "pyxs",
        ]]),
    },
    Step {
        name: "atlas",
        about: "the atlas in a headless browser",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Optional(atlas::NEEDS),
        action: Action::Command(|install| atlas::run(&atlas::Options::TEST, install)),
    },
    Step {
        name: "verify",
        about: "every release generated again, compared and proven",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Required(verify::NEEDS),
        action: Action::Command(|install| verify::run(&verify::Options::default(), install)),
    },
    Step {
        name: "live",
        about: "real hypervisors, booted under QEMU",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Required(live::NEEDS),
        action: Action::Command(|install| live::run(&live::Options::default(), install)),
    },
    Step {
        name: "live-i686",
        about: "random operations in 32-bit guests, and in the simulator as a program of 32 bits",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Required(live::NEEDS),
        action: Action::Command(|install| i686::run(&i686::Options::LIVE, install)),
    },
    Step {
        name: "live-test",
        about: "tests of what boots hypervisors",
        runs: Runs::Full,
        place: Place::In(SHARED),
        needs: Needs::Required(live::NEEDS),
        action: Action::Tests(&[&[
            "test",
            "--features",
            FEATURES,
            "--features",
            BOOT,
            "--test",
            "guests",
            "--test",
            "dom0",
            "--test",
            "domains",
            "--test",
            "template",
            "--test",
            "peers",
            "--test",
            "toolstack",
            "--test",
            "boot",
        ]]),
    },
    Step {
        name: "deny",
        about: "dependencies: licences, sources, and who uses what",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(deny::NEEDS),
        action: Action::Command(deny::run),
    },
    Step {
        name: "features",
        about: "every cargo feature alone",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(features::NEEDS),
        action: Action::Command(features::run),
    },
    Step {
        name: "i686",
        about: "programs of 32 bits",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(i686::NEEDS),
        action: Action::Command(|install| i686::run(&i686::Options::default(), install)),
    },
    Step {
        name: "compare",
        about: "the programs over other libraries, which `cargo xtask compare` runs, compile",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::NONE,
        action: Action::Quiet(&[&[
            "check",
            "--locked",
            "--manifest-path",
            COMPARE,
            "--target-dir",
            "target/compare",
        ]]),
    },
    Step {
        name: "cross",
        about: "seven targets, with and without an operating system",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Required(cross::NEEDS),
        action: Action::Command(|install| cross::run(&cross::Options::default(), install)),
    },
    Step {
        name: "doc",
        about: "documentation of the published crates without warnings",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(doc::NEEDS),
        action: Action::Command(doc::published),
    },
    Step {
        name: "book",
        about: "the pages of docs as a book, and its links",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(book::NEEDS),
        action: Action::Command(book::run),
    },
    Step {
        name: "public-api",
        about: "the public API, compared with the checked-in listings",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(public_api::NEEDS),
        action: Action::Command(|install| {
            public_api::run(&public_api::Options::default(), install)
        }),
    },
    Step {
        name: "package",
        about: "packages as crates.io would get them, with the oldest Rust and dependencies",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(package::NEEDS),
        action: Action::Command(package::run),
    },
    Step {
        name: "loom",
        about: "every interleaving of the lock-free protocols",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::NONE,
        action: Action::Command(|_| loom::run()),
    },
    Step {
        name: "miri",
        about: "undefined behaviour",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(miri::NEEDS),
        action: Action::Command(miri::run),
    },
    Step {
        name: "fuzz",
        about: "ten seconds each of a hostile hypervisor and of hostile peers",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::Optional(fuzz::NEEDS),
        action: Action::Command(|install| fuzz::run(&fuzz::Options::SHORT, install)),
    },
    // Last, since it also runs a program from the default target directory, which the other lane has locked at first.
    Step {
        name: "adopters",
        about: "other projects' crates over xen-abi, with their own tests",
        runs: Runs::Full,
        place: Place::In(OWN),
        needs: Needs::NONE,
        action: Action::Command(|_| adopters::run()),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn quick_needs_nothing_but_rust() {
        for step in STEPS.iter().filter(|step| step.runs != Runs::Full) {
            let (Needs::Required(needs) | Needs::Optional(needs)) = step.needs;
            let is_rust = needs.iter().all(|need| matches!(need, Need::Components));
            assert!(is_rust && !matches!(step.action, Action::Command(_)), "{}", step.name);
        }
    }

    #[test]
    fn names_are_words_and_unique_in_every_run() {
        for left_out in [Runs::Quick, Runs::Full] {
            let mut names = BTreeSet::new();
            for step in STEPS.iter().filter(|step| step.runs != left_out) {
                let is_word = step
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
                assert!(is_word && names.insert(step.name), "{}", step.name);
            }
        }
    }

    #[test]
    fn first_steps_come_first() {
        let is_first: Vec<_> = STEPS.iter().map(|step| step.place == Place::First).collect();
        assert!(is_first.is_sorted_by(|a, b| a >= b), "{is_first:?}");
    }
}
