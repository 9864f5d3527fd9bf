//! Uses of `xen-linux`, right and wrong. They check themselves, in `src/bin/uses`; none may leak
//! anything.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use xen_devices::{Device, Ending, Errno, Program};

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
    failed_unmap: "failed-unmap",
    failed_releases: "failed-releases",
    notify: "notify",
    copy: "copy",
    dmabuf: "dmabuf",
    share: "share",
    limit: "limit",
    events: "events",
    port_set: "port-set",
    foreign_frames: "foreign-frames",
    foreign_writes: "foreign-writes",
    resources: "resources",
    ioreq_servers: "ioreq-servers",
    eventfds: "eventfds",
    hypercalls: "hypercalls",
    counts: "counts",
    another_device: "another-device",
    a_domain_that_is_gone: "a-domain-that-is-gone",
    no_such_page: "no-such-page",
    fork: "fork",
}

/// The library unmaps twice, and then returns the mapping.
#[test]
fn a_mapping_that_cannot_be_unmapped_is_returned() {
    let program = || Program::new(USES).arg("failed-unmap");
    let well = program().run().unwrap();
    assert_eq!(well.stdout, "unmapped\n");
    let mut calls = well.window("failed-unmap").calls.iter();
    let munmap = calls.position(|call| call.name == "munmap").unwrap();
    let once = program().fail(munmap, Errno::ENOMEM).run().unwrap();
    assert_eq!(once.stdout, "unmapped\n");
    let twice = program().fail(munmap, Errno::ENOMEM).fail(munmap + 1, Errno::ENOMEM);
    let twice = twice.run().unwrap();
    assert_eq!(twice.ending, Ending::Exited(0), "{}", twice.stderr);
    assert!(twice.stdout.starts_with("munmap: "), "{}", twice.stdout);
    assert_eq!(twice.window("failed-unmap").leaked().to_string(), "nothing");
}

#[test]
fn what_is_not_released_is_returned_unless_it_is_gone() {
    let program = || Program::new(USES).arg("failed-releases");
    let well = program().run().unwrap();
    assert_eq!(well.stdout, "port released\nimport released\nioeventfd released\n");
    let calls = &well.window("failed-releases").calls;
    // An import is released twice whatever the first answer.
    for (what, device, request, gone, times) in [
        ("port", Device::Evtchn, "UNBIND", Errno::EINVAL, 1),
        ("port", Device::Evtchn, "UNBIND", Errno::ENOTCONN, 1),
        ("import", Device::Gntdev, "DMABUF_IMP_RELEASE", Errno::ENOENT, 2),
        ("ioeventfd", Device::Privcmd, "IOEVENTFD", Errno::ENODEV, 1),
    ] {
        // The last of them: the first UNBIND identifies the device, the first IOEVENTFD assigns.
        let at = calls.iter().rposition(|call| call.is(device, request)).unwrap();
        let failing = |errno, times| {
            let run = (at..at + times).fold(program(), |program, nth| program.fail(nth, errno));
            run.run().unwrap()
        };
        let run = failing(gone, times);
        assert!(run.stdout.contains(&format!("{what} gone\n")), "{gone}: {}", run.stdout);
        let run = failing(Errno::EFAULT, 2);
        assert!(run.stdout.contains(&format!("{what} returned\n")), "{}", run.stdout);
        assert_eq!(run.left.to_string(), "nothing");
    }
}
