//! Linux's device interface as a program uses it; C compilers check every layout of it in `tests/`.
#![cfg(feature = "linux")]

use xen_abi::grant_table::{GNTCOPY_source_gref, grant_ref_t};
use xen_abi::linux::gntalloc::{GNTALLOC_FLAG_WRITABLE, ioctl_gntalloc_alloc_gref};
use xen_abi::linux::gntdev::{
    UNMAP_NOTIFY_CLEAR_BYTE, gntdev_grant_copy_segment, gntdev_grant_copy_segment_source,
    gntdev_grant_copy_segment_source_foreign, ioctl_gntdev_grant_copy,
};
use xen_abi::xen::domid_t;
use xen_abi::{GrantStatus, PointerHandle};

/// An ioctl's number has the size of its argument in bits 16 to 29.
fn size_in(number: u32) -> usize {
    (number >> 16 & 0x3fff) as usize
}

macro_rules! sizes_agree {
    ($($linux:ident)::+) => {{
        use $($linux)::+::{evtchn::*, gntalloc::*, gntdev::*, privcmd::*, xenbus_dev::*};
        let arguments = [
            (IOCTL_EVTCHN_BIND_VIRQ, size_of::<ioctl_evtchn_bind_virq>()),
            (IOCTL_EVTCHN_BIND_INTERDOMAIN, size_of::<ioctl_evtchn_bind_interdomain>()),
            (IOCTL_EVTCHN_BIND_UNBOUND_PORT, size_of::<ioctl_evtchn_bind_unbound_port>()),
            (IOCTL_EVTCHN_UNBIND, size_of::<ioctl_evtchn_unbind>()),
            (IOCTL_EVTCHN_NOTIFY, size_of::<ioctl_evtchn_notify>()),
            (IOCTL_EVTCHN_RESET, 0),
            (IOCTL_EVTCHN_RESTRICT_DOMID, size_of::<ioctl_evtchn_restrict_domid>()),
            (IOCTL_EVTCHN_BIND_STATIC, size_of::<ioctl_evtchn_bind>()),
            (IOCTL_GNTALLOC_ALLOC_GREF, size_of::<ioctl_gntalloc_alloc_gref>()),
            (IOCTL_GNTALLOC_DEALLOC_GREF, size_of::<ioctl_gntalloc_dealloc_gref>()),
            (IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, size_of::<ioctl_gntalloc_unmap_notify>()),
            (IOCTL_GNTDEV_MAP_GRANT_REF, size_of::<ioctl_gntdev_map_grant_ref>()),
            (IOCTL_GNTDEV_UNMAP_GRANT_REF, size_of::<ioctl_gntdev_unmap_grant_ref>()),
            (IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, size_of::<ioctl_gntdev_get_offset_for_vaddr>()),
            (IOCTL_GNTDEV_SET_MAX_GRANTS, size_of::<ioctl_gntdev_set_max_grants>()),
            (IOCTL_GNTDEV_SET_UNMAP_NOTIFY, size_of::<ioctl_gntdev_unmap_notify>()),
            (IOCTL_GNTDEV_GRANT_COPY, size_of::<ioctl_gntdev_grant_copy>()),
            (IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, size_of::<ioctl_gntdev_dmabuf_exp_from_refs>()),
            (
                IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
                size_of::<ioctl_gntdev_dmabuf_exp_wait_released>(),
            ),
            (IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, size_of::<ioctl_gntdev_dmabuf_imp_to_refs>()),
            (IOCTL_GNTDEV_DMABUF_IMP_RELEASE, size_of::<ioctl_gntdev_dmabuf_imp_release>()),
            (IOCTL_PRIVCMD_HYPERCALL, size_of::<privcmd_hypercall>()),
            (IOCTL_PRIVCMD_MMAP, size_of::<privcmd_mmap>()),
            (IOCTL_PRIVCMD_MMAPBATCH, size_of::<privcmd_mmapbatch>()),
            (IOCTL_PRIVCMD_MMAPBATCH_V2, size_of::<privcmd_mmapbatch_v2>()),
            (IOCTL_PRIVCMD_DM_OP, size_of::<privcmd_dm_op>()),
            (IOCTL_PRIVCMD_RESTRICT, size_of::<domid_t>()),
            (IOCTL_PRIVCMD_MMAP_RESOURCE, size_of::<privcmd_mmap_resource>()),
            (IOCTL_PRIVCMD_IRQFD, size_of::<privcmd_irqfd>()),
            (IOCTL_PRIVCMD_IOEVENTFD, size_of::<privcmd_ioeventfd>()),
            (IOCTL_PRIVCMD_PCIDEV_GET_GSI, size_of::<privcmd_pcidev_get_gsi>()),
            (IOCTL_XENBUS_BACKEND_EVTCHN, 0),
            (IOCTL_XENBUS_BACKEND_SETUP, 0),
        ];
        for (number, size) in arguments {
            assert_eq!(size_in(number), size, "{number:#x}");
        }
    }};
}

#[test]
fn numbers_hold_the_sizes_of_their_arguments() {
    sizes_agree!(xen_abi::linux);
}

/// Where pointers are narrower the numbers are others.
#[cfg(feature = "foreign")]
#[test]
fn numbers_hold_the_sizes_of_their_arguments_everywhere() {
    use xen_abi::foreign::{aarch64, arm, x86_32, x86_64};

    sizes_agree!(x86_64::linux);
    sizes_agree!(x86_32::linux);
    sizes_agree!(aarch64::linux);
    sizes_agree!(arm::linux);
    let copies = [
        x86_64::linux::gntdev::IOCTL_GNTDEV_GRANT_COPY,
        x86_32::linux::gntdev::IOCTL_GNTDEV_GRANT_COPY,
        aarch64::linux::gntdev::IOCTL_GNTDEV_GRANT_COPY,
        arm::linux::gntdev::IOCTL_GNTDEV_GRANT_COPY,
    ];
    assert_eq!(copies, [0x0010_4708, 0x0008_4708, 0x0010_4708, 0x0008_4708]);
}

#[test]
fn a_copy_out_of_a_grant() {
    let mut memory = [0u8; 64];
    let foreign = gntdev_grant_copy_segment_source_foreign {
        ref_: grant_ref_t(8),
        offset: 16,
        domid: domid_t(3),
    };
    let address = PointerHandle::from_mut_slice(&mut memory).cast();
    let mut segments = [gntdev_grant_copy_segment {
        source: gntdev_grant_copy_segment_source::from_foreign(foreign),
        dest: gntdev_grant_copy_segment_source::from_virt(address),
        len: 64,
        flags: GNTCOPY_source_gref,
        ..gntdev_grant_copy_segment::ZERO
    }];
    let call = ioctl_gntdev_grant_copy {
        count: 1,
        segments: PointerHandle::from_mut_slice(&mut segments),
        ..ioctl_gntdev_grant_copy::ZERO
    };
    assert!(!call.segments.is_null());
    let [segment] = segments;
    assert_eq!(segment.source.foreign().ref_, grant_ref_t(8));
    assert_eq!(segment.dest.virt().addr(), address.addr());
    assert_eq!(segment.status, GrantStatus(0));
}

#[test]
fn references_come_back_behind_the_request() {
    let mut call = ioctl_gntalloc_alloc_gref {
        domid: 3,
        flags: GNTALLOC_FLAG_WRITABLE,
        count: 1,
        ..ioctl_gntalloc_alloc_gref::ZERO
    };
    call.gref_ids.gref_ids_mut()[0] = 9;
    assert_eq!(call.gref_ids.gref_ids(), &[9]);
    // Both devices name what is to happen on unmapping.
    assert_eq!(UNMAP_NOTIFY_CLEAR_BYTE, xen_abi::linux::gntalloc::UNMAP_NOTIFY_CLEAR_BYTE);
}
