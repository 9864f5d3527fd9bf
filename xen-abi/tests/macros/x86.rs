//! What only x86 has, and toolstacks.

use xen_abi::macros::{cr3, dm_op, trace, trap_info, vcpu, xen_mca};

#[test]
fn x86_words() {
    // What, as frame and as CR3 for 64 bits, for 32 bits.
    for (value, wide, narrow) in [
        (0, [0, 0], [0, 0]),
        (1, [0x1000, 0], [0x1000, 0x100000]),
        (0xfff, [0xfff000, 0], [0xfff000, 0xfff00000]),
        (0x1000, [0x1000000, 1], [0x1000000, 1]),
        (0xfffff, [0xfffff000, 0xff], [0xfffff000, 0xfff000ff]),
        (0x100000, [0x100000000, 0x100], [1, 0x100]),
        (0x123456, [0x123456000, 0x123], [0x23456001, 0x45600123]),
        (0xffffff, [0xffffff000, 0xfff], [0xfffff00f, 0xfff00fff]),
        (0x7fffffff, [0x7fffffff000, 0x7ffff], [0xfffff7ff, 0xfff7ffff]),
        (0xffffffff, [0xffffffff000, 0xfffff], [0xffffffff, 0xffffffff]),
        (0x100000000, [0x100000000000, 0x100000], [0, 0]),
        (0x123456789a, [0x123456789a000, 0x1234567], [0x6789a345, 0x89a34567]),
        (0xfffffffffffff, [0xfffffffffffff000, 0xffffffffff], [0xffffffff, 0xffffffff]),
        (0xffffffffffffffff, [0xfffffffffffff000, 0xfffffffffffff], [0xffffffff, 0xffffffff]),
    ] {
        assert_eq!([cr3::xen_pfn_to_cr3::<u64>(value), cr3::xen_cr3_to_pfn::<u64>(value)], wide);
        assert_eq!([cr3::xen_pfn_to_cr3::<u32>(value), cr3::xen_cr3_to_pfn::<u32>(value)], narrow);
    }
    for (physid, apic, acpi) in [
        (0x7fffffff, 0x7fffffff, 0),
        (0xffffffff, 0xffffffff, 0),
        (0x100000000, 0, 1),
        (0x123456789a, 0x3456789a, 0x12),
        (0xfffffffffffff, 0xffffffff, 0xfffff),
        (0xffffffffffffffff, 0xffffffff, 0xffffffff),
    ] {
        assert_eq!(vcpu::xen_vcpu_physid_to_x86_apicid(physid), apic);
        assert_eq!(vcpu::xen_vcpu_physid_to_x86_acpiid(physid), acpi);
    }
    for (s, b, d, f, sbdf) in [
        (0, 0, 0, 0, 0),
        (0, 0, 3, 1, 0x19),
        (0, 0xff, 0x1f, 7, 0xffff),
        (0x7fff, 0xff, 0x1f, 7, 0x7fffffff),
        (0xffff, 0xff, 0xff, 0xff, 0xffffffff),
        (0x1234, 0x56, 0x18, 5, 0x123456c5),
        (1, 2, 0x20, 8, 0x10200),
    ] {
        assert_eq!(dm_op::xen_dmop_pci_sbdf(s, b, d, f), sbdf);
    }
    let args = [
        (0x100000, 0x200000),
        (0x400000, 0x800000),
        (0x1000000, 0x2000000),
        (0x4000000, 0x8000000),
        (0x10000000, 0x20000000),
        (0x40000000, 0x80000000),
    ];
    assert_eq!(
        [0, 1, 2, 3, 4, 5].map(|i| (
            trace::trc_pv_hypercall_v2_arg_32(i).unwrap(),
            trace::trc_pv_hypercall_v2_arg_64(i).unwrap()
        )),
        args
    );
    assert_eq!([6, u32::MAX].map(trace::trc_pv_hypercall_v2_arg_64), [None; 2]);
    assert_eq!(trace::trc_pv_hypercall_v2_arg_32(6), None);
}

#[test]
fn trap_flags() {
    // Flags, their DPL and IF, with each DPL set, with IF set to each.
    for (flags, dpl, masks, dpls, ifs) in [
        (0, 0, 0, [0, 1, 2, 3], [0, 4]),
        (1, 1, 0, [1, 1, 3, 3], [1, 5]),
        (2, 2, 0, [2, 3, 2, 3], [2, 6]),
        (3, 3, 0, [3, 3, 3, 3], [3, 7]),
        (4, 0, 1, [4, 5, 6, 7], [4, 4]),
        (5, 1, 1, [5, 5, 7, 7], [5, 5]),
        (7, 3, 1, [7, 7, 7, 7], [7, 7]),
        (8, 0, 0, [8, 9, 0xa, 0xb], [8, 0xc]),
        (0x80, 0, 0, [0x80, 0x81, 0x82, 0x83], [0x80, 0x84]),
        (0xfb, 3, 0, [0xfb, 0xfb, 0xfb, 0xfb], [0xfb, 0xff]),
        (0xff, 3, 1, [0xff, 0xff, 0xff, 0xff], [0xff, 0xff]),
    ] {
        assert_eq!(trap_info::ti_get_dpl(flags), dpl);
        assert_eq!(u8::from(trap_info::ti_get_if(flags)), masks);
        // C can only set bits: its figures hold where the old value had none to clear.
        for (new, c) in (0..).zip(dpls) {
            let want = if dpl & !new == 0 { c } else { flags - dpl + new };
            assert_eq!(trap_info::ti_set_dpl(flags, new), want);
        }
        assert_eq!(trap_info::ti_set_if(flags, true), ifs[1]);
        assert_eq!(trap_info::ti_set_if(flags, false), ifs[0] & !4);
    }
    assert_eq!(trap_info::ti_set_dpl(0, 0xff), 3);
}

#[test]
fn machine_checks() {
    // The heads of a global entry, a bank's and a recovery's.
    let mut report = [0; 95];
    (report[0], report[4], report[10]) = (0x7_0020_0000, 0x30_0001, 0x18_0003);
    let found = [0, 1, 2, 3].map(|kind| xen_mca::x86_mcinfo_lookup(&report, 3, kind));
    assert_eq!(found, [Some(0), Some(32), None, Some(80)]);
    assert_eq!(
        [0, 32, 80].map(|at| xen_mca::x86_mcinfo_next(&report, at)),
        [Some(32), Some(80), Some(104)]
    );
    // C would walk on, or on the spot.
    assert_eq!(xen_mca::x86_mcinfo_lookup(&report, u32::MAX, 9), None);
    assert_eq!(xen_mca::x86_mcinfo_lookup(&report[..6], 3, 1), None);
    assert_eq!(xen_mca::x86_mcinfo_next(&[0xfff0_0000], 0), None);
    assert_eq!(
        [4, 5, 8, usize::MAX].map(|at| xen_mca::x86_mcinfo_next(&[0x0004_0001_0003_0000], at)),
        [Some(8), None, None, None]
    );
}

#[cfg(target_arch = "x86_64")]
#[test]
fn saved_state() {
    use xen_abi::arch_x86::hvm::save::*;
    use xen_abi::hvm::save::__HVM_SAVE_TYPE_END;
    use xen_abi::macros::hvm_save::SaveType;
    fn facts<T: SaveType>() -> (u16, u32, bool) {
        (T::CODE, T::LENGTH, T::HAS_COMPAT)
    }
    assert_eq!(facts::<__HVM_SAVE_TYPE_END>(), (0, 0, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_HEADER>(), (1, 24, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_CPU>(), (2, 1032, true));
    assert_eq!(facts::<__HVM_SAVE_TYPE_PIC>(), (3, 8, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_IOAPIC>(), (4, 400, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_LAPIC>(), (5, 32, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_LAPIC_REGS>(), (6, 1024, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_PCI_IRQ>(), (7, 16, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_ISA_IRQ>(), (8, 8, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_PCI_LINK>(), (9, 8, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_PIT>(), (10, 56, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_RTC>(), (11, 24, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_HPET>(), (12, 1048, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_PMTIMER>(), (13, 8, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_MTRR>(), (14, 240, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_VIRIDIAN_DOMAIN>(), (15, 32, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_VIRIDIAN_VCPU>(), (17, 216, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_VMCE_VCPU>(), (18, 32, false));
    assert_eq!(facts::<__HVM_SAVE_TYPE_TSC_ADJUST>(), (19, 8, false));
}
