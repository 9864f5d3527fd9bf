//! `xen-linux` on devices that answer: what it is for, and what it must survive. The uses check
//! themselves, in `src/bin/uses`; none may leave anything behind.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use xen_devices::{Ending, Program};

const USES: &str = env!("CARGO_BIN_EXE_uses");

/// Declares a test for each use, and one that none is left out.
macro_rules! uses {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                let run = Program::new(USES).arg($name).run().unwrap();
                assert_eq!(run.ending, Ending::Exited(0), "{}", run.stderr);
                assert_eq!(run.window($name).leaked().to_string(), "nothing");
                assert_eq!(run.left.to_string(), "nothing");
            }
        )*

        #[test]
        fn no_use_is_left_out() {
            let list = Program::new(USES).run().unwrap().stdout;
            assert_eq!(list.lines().collect::<Vec<_>>(), [$($name),*]);
        }
    };
}

uses! {
    map: "map",
    notify: "notify",
    copy: "copy",
    dmabuf: "dmabuf",
    share: "share",
    limit: "limit",
    events: "events",
    foreign_frames: "foreign-frames",
    resources: "resources",
    hypercalls: "hypercalls",
    counts: "counts",
    another_device: "another-device",
    a_domain_that_is_gone: "a-domain-that-is-gone",
    no_such_page: "no-such-page",
    fork: "fork",
}
