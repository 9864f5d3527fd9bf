//! The toolstack's ABI of several releases, as a program uses it.
#![cfg(feature = "toolstack-all")]

use std::any::TypeId;

use xen_abi::toolstack::{v4_17, v4_18, v4_19, v4_20, v4_21, v4_22};

/// Every release's version of an interface.
macro_rules! each {
    ($($path:ident)::+) => {
        [
            v4_17::$($path)::+,
            v4_18::$($path)::+,
            v4_19::$($path)::+,
            v4_20::$($path)::+,
            v4_21::$($path)::+,
            v4_22::$($path)::+,
        ]
    };
}

#[test]
fn each_release_has_its_own_versions() {
    let domctl = each!(domctl::XEN_DOMCTL_INTERFACE_VERSION);
    assert_eq!(domctl, [0x15, 0x16, 0x17, 0x17, 0x17, 0x18]);
    let sysctl = each!(sysctl::XEN_SYSCTL_INTERFACE_VERSION);
    assert_eq!(sysctl, [0x15, 0x15, 0x15, 0x15, 0x16, 0x16]);
    assert_eq!(each!(platform::XENPF_INTERFACE_VERSION), [0x0300_0001; 6]);
}

/// What releases have in the same form is one type.
#[test]
fn types_are_shared() {
    let of = |id: [TypeId; 3]| id.iter().all(|other| *other == id[0]);
    assert!(of([
        TypeId::of::<v4_17::domctl::xen_domctl_scheduler_op>(),
        TypeId::of::<xen_abi::domctl::xen_domctl_scheduler_op>(),
        TypeId::of::<v4_22::domctl::xen_domctl_scheduler_op>(),
    ]));
    assert!(of([
        TypeId::of::<xen_abi::sysctl::xen_sysctl_physinfo>(),
        TypeId::of::<v4_18::sysctl::xen_sysctl_physinfo>(),
        TypeId::of::<v4_20::sysctl::xen_sysctl_physinfo>(),
    ]));
    // The member `altp2m_opts` is of 4.19 and 4.20.
    let old = TypeId::of::<v4_18::domctl::xen_domctl_createdomain>();
    let new = TypeId::of::<v4_19::domctl::xen_domctl_createdomain>();
    assert_ne!(old, new);
    assert_eq!(new, TypeId::of::<v4_20::domctl::xen_domctl_createdomain>());
    assert_ne!(new, TypeId::of::<v4_21::domctl::xen_domctl_createdomain>());
    // The root is the newest release.
    let root = TypeId::of::<xen_abi::domctl::xen_domctl_createdomain>();
    assert_eq!(root, TypeId::of::<v4_22::domctl::xen_domctl_createdomain>());
    assert_ne!(root, new);
}

/// On x86 4.17 creates domains as 4.18 does, which the root does not.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[test]
fn releases_beside_the_root_share_types() {
    assert_eq!(
        TypeId::of::<v4_17::domctl::xen_domctl_createdomain>(),
        TypeId::of::<v4_18::domctl::xen_domctl_createdomain>()
    );
}

/// Members that only some releases have.
#[test]
fn members_are_those_of_the_release() {
    let config = v4_21::domctl::xen_domctl_createdomain::ZERO;
    assert_eq!((config.altp2m.opts, config.altp2m.nr), (0, 0));
    let config = v4_19::domctl::xen_domctl_createdomain::ZERO;
    assert_eq!(config.altp2m_opts, 0);
    let info = v4_22::domctl::xen_domctl_get_domain_state::ZERO;
    assert_eq!(info.unique_id, 0);
}
