//! Arguments as a hypervisor sees them, and answers that no hypervisor should give.

#![allow(unsafe_code, reason = "plays the hypervisor")]
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

use std::cell::RefCell;

use xen_abi::domctl::*;
use xen_abi::sysctl::*;
use xen_abi::version::xen_extraversion_t;
use xen_abi::xen::{__HYPERVISOR_domctl, __HYPERVISOR_sysctl, __HYPERVISOR_xen_version, domid_t};
use xen_ops::{DomainId, Hypercall};
use xen_toolstack::{CreateConfig, DetectError, DomainBuffer, Error, Release, Toolstack, Versions};

const EACCES: isize = -13;

/// A hypervisor of any release, which changes arguments as it likes.
#[derive(Debug)]
struct Fake {
    number: (u16, u16),
    versions: Versions,
    domctl: fn(&mut xen_domctl) -> isize,
    sysctl: fn(&mut xen_sysctl) -> isize,
    /// Number, command and version of each call.
    calls: RefCell<Vec<(u32, u32, u32)>>,
}

impl Fake {
    fn new(release: Release) -> Self {
        Self {
            number: release.number(),
            versions: release.versions(),
            domctl: |_| 0,
            sysctl: |_| 0,
            calls: RefCell::default(),
        }
    }

    /// What was called since the release was found out.
    fn calls(&self) -> Vec<(u32, u32, u32)> {
        self.calls.borrow()[2..].to_vec()
    }
}

// SAFETY: has no effect but on the arguments, as the hypercalls it stands for.
unsafe impl Hypercall for Fake {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let record = |command, version| self.calls.borrow_mut().push((number, command, version));
        match number {
            __HYPERVISOR_xen_version if arguments[0] == 0 => {
                (isize::try_from(self.number.0).unwrap() << 16)
                    | isize::try_from(self.number.1).unwrap()
            }
            __HYPERVISOR_xen_version => {
                let to = core::ptr::with_exposed_provenance_mut::<xen_extraversion_t>(arguments[1]);
                // SAFETY: the caller passes the address of such a text.
                unsafe { to.write([b'x'; 16]) };
                0
            }
            __HYPERVISOR_domctl => {
                // SAFETY: the caller passes the address of a domctl.
                let op = unsafe {
                    &mut *core::ptr::with_exposed_provenance_mut::<xen_domctl>(arguments[0])
                };
                record(op.cmd, op.interface_version);
                let stable = op.interface_version == 0 && op.cmd == 90;
                let right = op.interface_version == self.versions.domctl || stable;
                if right { (self.domctl)(op) } else { EACCES }
            }
            __HYPERVISOR_sysctl => {
                // SAFETY: the caller passes the address of a sysctl.
                let op = unsafe {
                    &mut *core::ptr::with_exposed_provenance_mut::<xen_sysctl>(arguments[0])
                };
                record(op.cmd, op.interface_version);
                if op.interface_version == self.versions.sysctl {
                    (self.sysctl)(op)
                } else {
                    EACCES
                }
            }
            _ => -38,
        }
    }
}

fn id(number: u16) -> DomainId {
    DomainId::new(domid_t(number)).unwrap()
}

/// Each release is called with its own versions, and found with two calls.
#[test]
fn each_release_gets_its_own_versions() {
    for release in Release::ALL {
        let xen = Fake::new(release);
        let toolstack = Toolstack::detect(&xen).unwrap();
        assert_eq!(toolstack.release(), release);
        assert_eq!(xen.calls.borrow().len(), 2);
        toolstack.pause(id(3)).unwrap();
        toolstack.scheduler_id().unwrap();
        let Versions { domctl, sysctl } = release.versions();
        let pause = (__HYPERVISOR_domctl, XEN_DOMCTL_pausedomain, domctl);
        let scheduler = (__HYPERVISOR_sysctl, XEN_SYSCTL_sched_id, sysctl);
        assert_eq!(xen.calls(), [pause, scheduler]);
    }
}

/// A known number with another version is as unknown as another number.
#[test]
fn other_versions_are_refused_before_anything_is_changed() {
    let later = Versions { domctl: 0x19, sysctl: 0x17 };
    let beyond = Versions { domctl: 0x99, sysctl: 0x99 };
    for (number, versions, words) in [
        ((4, 22), later, "Xen 4.22xxxxxxxxxxxxxxxx (domctl 0x19, sysctl 0x17) is not known"),
        ((4, 23), later, "Xen 4.23xxxxxxxxxxxxxxxx (domctl 0x19, sysctl 0x17) is not known"),
        ((5, 0), beyond, "Xen 5.0xxxxxxxxxxxxxxxx (no known domctl, no known sysctl) is not known"),
    ] {
        let xen = Fake { number, versions, ..Fake::new(Release::V4_22) };
        let error = Toolstack::detect(&xen).unwrap_err();
        assert!(matches!(error, DetectError::Unknown(_)));
        assert!(error.to_string().starts_with(words), "{error}");
        let reading = [XEN_DOMCTL_getdomaininfo, XEN_SYSCTL_sched_id];
        assert!(xen.calls.borrow().iter().all(|(_, command, _)| reading.contains(command)));
    }
}

/// The first member that releases lay out differently, and the one after it.
#[test]
fn createdomain_is_laid_out_as_the_release_has_it() {
    for release in Release::ALL {
        let xen = Fake {
            domctl: |op| {
                if op.cmd == XEN_DOMCTL_createdomain {
                    // The offset of the vmtrace size: 48, or 52 where the views come before it.
                    let bytes = op.u.pad();
                    let at = bytes.windows(4).position(|word| word == [0, 0x10, 0, 0]);
                    op.domain = domid_t(u16::try_from(at.unwrap()).unwrap());
                }
                0
            },
            ..Fake::new(release)
        };
        let toolstack = Toolstack::detect(&xen).unwrap();
        let config = CreateConfig { vmtrace_size: 4096, ..CreateConfig::default() };
        let found = toolstack.create(&config).unwrap().domid().0;
        assert_eq!(found, if release < Release::V4_19 { 48 } else { 52 }, "{release}");
    }
}

/// What a hypervisor counts, numbers and orders is checked.
#[test]
fn wrong_answers_are_errors() {
    let xen = Fake {
        domctl: |op| {
            op.u = xen_domctl_u([!0; 16]);
            op.domain = domid_t(0x7ff0);
            0
        },
        sysctl: |op| {
            op.u = xen_sysctl_u([!0; 16]);
            0
        },
        ..Fake::new(Release::V4_21)
    };
    let toolstack = Toolstack::detect(&xen).unwrap();
    let malformed = |error: Error| matches!(error, Error::Malformed { .. });
    assert!(malformed(toolstack.domain_info(id(1)).unwrap_err()));
    assert!(malformed(toolstack.create(&CreateConfig::default()).unwrap_err()));
    assert!(malformed(toolstack.hvm_context(id(1), &mut [0; 64]).unwrap_err()));
    assert!(malformed(toolstack.dirty_pages(id(1), false, &mut [0; 64]).unwrap_err()));
    assert!(malformed(toolstack.read_console(None, &mut [0; 64]).unwrap_err()));
    assert!(malformed(toolstack.cpu_topology(&mut [xen_sysctl_cputopo::ZERO; 2]).unwrap_err()));
    assert!(malformed(toolstack.numa_nodes(&mut [xen_sysctl_meminfo::ZERO; 2]).unwrap_err()));
    assert!(malformed(toolstack.cpu_idle_times(&mut [xen_sysctl_cpuinfo::ZERO; 2]).unwrap_err()));
    let mut buffer = DomainBuffer::<2>::new();
    let mut domains = toolstack.domains(&mut buffer);
    assert!(malformed(domains.next().unwrap().unwrap_err()));
    assert!(domains.next().is_none());
}

/// A hypervisor that lists the same domains again and again does not make the iterator endless.
#[test]
fn domains_that_do_not_go_up_end_the_list() {
    let xen = Fake {
        sysctl: |op| {
            op.u.getdomaininfolist_mut().num_domains = 2;
            0
        },
        ..Fake::new(Release::V4_20)
    };
    let toolstack = Toolstack::detect(&xen).unwrap();
    let mut buffer = DomainBuffer::<2>::new();
    let domains: Vec<_> = toolstack.domains(&mut buffer).collect();
    assert_eq!(domains.len(), 2, "both say that they are domain 0");
    let what = "domains out of order";
    let operation = "XEN_SYSCTL_getdomaininfolist";
    assert_eq!(domains[1], Err(Error::Malformed { operation, what }));
}

#[test]
fn ranges_that_end_before_they_begin_make_no_hypercall() {
    let xen = Fake::new(Release::V4_18);
    let toolstack = Toolstack::detect(&xen).unwrap();
    #[allow(clippy::reversed_empty_ranges, reason = "that is the mistake")]
    let error = toolstack.permit_iomem(id(1), 8..4, true).unwrap_err();
    assert!(matches!(error, Error::Argument { .. }));
    assert!(xen.calls().is_empty());
}
