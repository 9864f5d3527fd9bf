//! The hand-written types, and generated ones as a program uses them.

use xen_abi::grant_table::{GNTST_no_space, GNTST_okay, gnttab_copy_ptr_u, gnttab_setup_table};
use xen_abi::xen::{DOMID_FIRST_RESERVED, DOMID_SELF, domid_t, xen_pfn_t};
use xen_abi::{Errno, GrantStatus, GuestHandle, as_bytes, from_bytes};

/// What `{:?}` and `{}` print.
fn printed(value: impl std::fmt::Debug + std::fmt::Display) -> (String, String) {
    (format!("{value:?}"), value.to_string())
}

#[test]
fn values_print_their_names() {
    assert_eq!(format!("{:?}", xen_abi::grant_table::GNTST_bad_gntref), "GNTST_bad_gntref");
    assert_eq!(format!("{:?}", GrantStatus(7)), "GrantStatus(7)");
    assert_eq!(format!("{:?}", xen_abi::errno::XEN_EINVAL), "EINVAL");
    assert_eq!(format!("{:?}", Errno(4000)), "Errno(4000)");
    assert_eq!(printed(DOMID_SELF), ("DOMID_SELF".into(), "DOMID_SELF".into()));
    assert_eq!(printed(DOMID_FIRST_RESERVED).0, "DOMID_SELF", "the same value");
    assert_eq!(printed(domid_t(5)), ("domid_t(5)".into(), "5".into()));
    assert_eq!(printed(xen_pfn_t(9)), ("xen_pfn_t(9)".into(), "9".into()));
    assert_eq!(format!("{:>12?}|", xen_abi::errno::XEN_EPERM), "       EPERM|");
}

#[cfg(feature = "io")]
#[test]
fn enumerators_print_their_names() {
    use xen_abi::io::xenbus::{XenbusStateConnected, xenbus_state};
    use xen_abi::io::xs_wire::{XS_READ, XS_TYPE_COUNT, xsd_sockmsg};
    assert_eq!(printed(XS_READ), ("XS_READ".into(), "XS_READ".into()));
    assert_eq!(printed(XenbusStateConnected).0, "XenbusStateConnected");
    assert_eq!(XenbusStateConnected.name(), Some("XenbusStateConnected"));
    let unknown = xenbus_state(9);
    assert_eq!(printed(unknown), ("xenbus_state(9)".into(), "xenbus_state(9)".into()));
    assert_eq!(unknown.name(), None);
    assert_eq!(XS_TYPE_COUNT.name(), Some("XS_TYPE_COUNT"));
    let message = xsd_sockmsg { type_: XS_READ, ..xsd_sockmsg::ZERO };
    assert_eq!(message.type_.0, 2);
}

#[test]
fn flags_are_sets() {
    use xen_abi::grant_table::{
        GNTMAP_host_map, GNTMAP_readonly, GTF_permit_access, GTF_readonly, GTF_transitive,
        GrantEntryFlags, GrantMapFlags, gnttab_map_grant_ref,
    };
    const BOTH: GrantMapFlags = GNTMAP_host_map.union(GNTMAP_readonly);
    assert_eq!((BOTH.bits(), GNTMAP_host_map | GNTMAP_readonly), (6, BOTH));
    assert!(BOTH.contains(GNTMAP_readonly) && !GNTMAP_readonly.contains(BOTH));
    assert!(GNTMAP_readonly.intersects(BOTH) && !GNTMAP_readonly.intersects(GNTMAP_host_map));
    assert_eq!(BOTH.difference(GNTMAP_readonly), GNTMAP_host_map);
    assert_eq!(BOTH & !GNTMAP_host_map, GNTMAP_readonly);
    let mut flags = GrantMapFlags::default();
    assert!(flags.is_empty());
    flags |= GrantMapFlags::from_bits_retain(0x30005);
    flags &= !GrantMapFlags(1);
    assert_eq!(format!("{flags:?}"), "GrantMapFlags(GNTMAP_readonly | 0x30000)");
    assert_eq!(format!("{:?}", GrantMapFlags::empty()), "GrantMapFlags(0)");
    let op = gnttab_map_grant_ref { flags, ..gnttab_map_grant_ref::ZERO };
    assert_eq!(as_bytes(&op)[8..12], [4, 0, 3, 0]);
    // The type of an entry is a number, not flags.
    let shown = |flags: GrantEntryFlags| format!("{flags:?}");
    let read = GTF_permit_access | GTF_readonly;
    assert_eq!(shown(read), "GrantEntryFlags(GTF_readonly | GTF_permit_access)");
    assert_eq!(shown(GTF_transitive), "GrantEntryFlags(GTF_transitive)");
}

#[test]
fn unknown_statuses_are_kept() {
    assert!(GNTST_okay.is_okay());
    for value in 0..=13 {
        let status = GrantStatus(-value);
        assert!(status.text().is_some() && status.name().is_some(), "{status:?}");
        assert_eq!(status.is_okay(), value == 0);
    }
    assert_eq!(GNTST_no_space.name(), Some("GNTST_no_space"));
    for value in [1, -14, i16::MAX, i16::MIN] {
        let status = GrantStatus(value);
        assert!(!status.is_okay(), "a positive status is no success either");
        assert_eq!(status.text(), None);
        assert_eq!(status.to_string(), format!("unknown grant status {value}"));
    }
}

#[test]
fn results_become_errors() {
    assert_eq!(Errno::from_result(0), None);
    assert_eq!(Errno::from_result(7), None);
    assert_eq!(Errno::from_result(isize::MIN), None, "an address, not an error");
    let error = Errno::from_result(-38).expect("an error");
    assert_eq!(error, xen_abi::errno::XEN_ENOSYS);
    assert_eq!(error.to_string(), "not implemented (ENOSYS)");
    assert_eq!(Errno(4000).to_string(), "unknown error 4000");
}

#[test]
fn unions_are_bytes() {
    let mut union = gnttab_copy_ptr_u::from_gmfn(xen_pfn_t(0x1_0000_0003_u64 as _));
    assert_eq!(union.ref_().0, 3, "members share their first bytes");
    union.ref_mut().0 = 9;
    assert_eq!(union.gmfn().0 & 0xffff_ffff, 9);
    assert_eq!(as_bytes(&union)[0], 9);
    let again: gnttab_copy_ptr_u = from_bytes(as_bytes(&union)).expect("the size");
    assert_eq!(again.gmfn(), union.gmfn());
}

#[test]
fn handles_are_addresses() {
    let mut frames = [xen_pfn_t(0); 4];
    let address = frames.as_ptr() as usize;
    let setup = gnttab_setup_table {
        dom: DOMID_SELF,
        nr_frames: 4,
        frame_list: GuestHandle::from_mut_slice(&mut frames),
        ..gnttab_setup_table::ZERO
    };
    assert_eq!(setup.frame_list.addr() as usize, address);
    assert!(!setup.frame_list.is_null());
    assert!(GuestHandle::<u8>::NULL.is_null());
    assert_eq!(setup.dom, domid_t(0x7ff0));
}

#[cfg(feature = "hvm")]
#[test]
fn bit_fields_touch_their_own_bits() {
    let mut request = xen_abi::hvm::ioreq::ioreq::ZERO;
    request.set_state(0xff);
    request.set_df(1);
    assert_eq!((request.state(), request.data_is_ptr(), request.df()), (0xf, 0, 1));
    request.set_state(3);
    assert_eq!((request.state(), request.df()), (3, 1));
}

#[cfg(all(feature = "zerocopy", feature = "extra-traits"))]
#[test]
fn zerocopy_reads_and_writes_them() {
    use zerocopy::{FromBytes as _, IntoBytes as _};
    let table = gnttab_setup_table { nr_frames: 7, ..gnttab_setup_table::ZERO };
    let bytes = table.as_bytes();
    assert_eq!(bytes.len(), size_of::<gnttab_setup_table>());
    assert_eq!(gnttab_setup_table::read_from_bytes(bytes).expect("the size"), table);
    assert_eq!(gnttab_setup_table::ref_from_bytes(bytes).expect("the alignment"), &table);
}

/// Another architecture's layouts on this host: i386 aligns 64-bit integers to four bytes.
#[cfg(feature = "foreign")]
#[test]
fn foreign_layouts_hold_here() {
    use xen_abi::foreign::{aarch64, arm, x86_32, x86_64};
    assert_eq!(size_of::<x86_32::grant_table::gnttab_copy>(), 24);
    assert_eq!(size_of::<x86_64::grant_table::gnttab_copy>(), 40);
    assert_eq!(size_of::<aarch64::grant_table::gnttab_copy>(), 40);
    assert_eq!(size_of::<arm::grant_table::gnttab_copy>(), 40);
    assert_eq!(align_of::<x86_32::grant_table::gnttab_map_grant_ref>(), 4);
    assert_eq!(align_of::<arm::grant_table::gnttab_map_grant_ref>(), 8);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&0x1122_3344_5566_7788_u64.to_le_bytes());
    let map: x86_32::grant_table::gnttab_map_grant_ref = from_bytes(&bytes).expect("32 bytes");
    assert_eq!(u64::from(map.host_addr), 0x1122_3344_5566_7788);
}

#[cfg(feature = "std")]
#[test]
fn error_numbers_are_linux_s() {
    use std::io;
    // Kinds that Linux's numbers have in the standard library, so a wrong number shows.
    for number in 1..=111 {
        let errno = Errno(number);
        if errno.kind() != io::ErrorKind::Other && cfg!(target_os = "linux") {
            assert_eq!(io::Error::from(errno).kind(), errno.kind(), "{errno:?}");
        }
    }
    assert_eq!(io::Error::from(Errno(u32::MAX)).to_string(), format!("{}", Errno(u32::MAX)));
}

#[cfg(feature = "std")]
#[test]
fn a_status_stays_inside_an_io_error() {
    use std::io;
    use xen_abi::grant_table::{GNTST_bad_gntref, GNTST_eagain, GNTST_permission_denied};
    let error = io::Error::from(GNTST_eagain);
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(error.into_inner().unwrap().to_string(), GNTST_eagain.to_string());
    let kind = |status| io::Error::from(status).kind();
    assert_eq!(kind(GNTST_permission_denied), io::ErrorKind::PermissionDenied);
    assert_eq!(kind(GNTST_bad_gntref), io::ErrorKind::InvalidInput);
    assert_eq!(kind(GrantStatus(7)), io::ErrorKind::Other);
}
