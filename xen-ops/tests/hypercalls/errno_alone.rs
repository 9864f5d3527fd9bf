//! Operations that return an error number and change nothing but their argument.

use super::*;

#[test]
fn one_member_comes_out() {
    let ask = |result| {
        let xen = xen(move |[_, address, ..]| {
            modify(address, |argument: &mut evtchn_alloc_unbound| {
                assert_eq!((argument.dom, argument.remote_dom), (DOMID_SELF, DOM));
                assert_eq!(argument.port, evtchn_port_t(0));
                argument.port = evtchn_port_t(12);
            });
            result
        });
        let answer = event_channel_op::alloc_unbound(&xen, DOMID_SELF, DOM);
        let (number, registers) = only_call(&xen);
        assert_eq!((number, registers.len(), registers[0]), (32, 2, 6));
        answer
    };
    let operation = "EVTCHNOP_alloc_unbound";
    assert_eq!(ask(0), Ok(evtchn_port_t(12)));
    assert_eq!(ask(minus(XEN_ESRCH)), Err(errno(operation, XEN_ESRCH)));
    assert_eq!(ask(3), Err(Error::from_result(operation, 3)));
    assert_eq!(ask(-5000).map_err(|error| error.cause()), Err(Cause::Unexpected(-5000)));
}

#[test]
fn several_members_come_out() {
    let xen = xen(|[_, address, ..]| {
        modify(address, |argument: &mut evtchn_status| {
            (argument.status, argument.vcpu) = (EVTCHNSTAT_ipi, 3);
        });
        0
    });
    let status = event_channel_op::status(&xen, DOMID_SELF, evtchn_port_t(5)).unwrap();
    assert_eq!((status.status, status.vcpu), (EVTCHNSTAT_ipi, 3));
}

#[test]
fn no_argument() {
    let xen = xen(|_| 0);
    assert_eq!(sched_op::yield_(&xen), Ok(()));
    assert_eq!(only_call(&xen), (29, vec![0, 0]));
}

#[test]
fn slice_that_xen_reads() {
    let xen = xen(|[_, address, ..]| {
        let argument: sched_poll = read(address, 0);
        assert_eq!((argument.nr_ports, argument.timeout), (2, 1_000_000));
        let ports = argument.ports.addr() as usize;
        assert_eq!([0, 1].map(|n| read::<evtchn_port_t>(ports, n).0), [3, 9]);
        0
    });
    let ports = [evtchn_port_t(3), evtchn_port_t(9)];
    assert_eq!(sched_op::poll(&xen, &ports, 1_000_000), Ok(()));
    assert_eq!(only_call(&xen).1[0], 3);
}

#[test]
fn whole_argument_that_comes_out() {
    let xen = xen(|[_, address, ..]| {
        assert_eq!(read::<xen_extraversion_t>(address, 0), [0; 16]);
        write(address, 0, *b".2\0\0\0\0\0\0\0\0\0\0\0\0\0!");
        0
    });
    let text = xen_version::extraversion(&xen).unwrap();
    assert_eq!((&text[..3], text[15]), (&b".2\0"[..], b'!'));
    let (number, registers) = only_call(&xen);
    assert_eq!((number, registers.len(), registers[0]), (17, 2, 1));
}

#[test]
fn whole_argument_with_room_behind_it() {
    let xen = xen(|[_, address, ..]| {
        assert_eq!(read::<[u8; 4]>(address, 0), [0, 0, 2, 8]);
        assert_eq!(read::<u32>(address, 3), 77);
        0
    });
    let device = physdev_pci_device_add {
        bus: 2,
        devfn: 8,
        flags: XEN_PCI_DEV_PXM,
        ..physdev_pci_device_add::ZERO
    };
    let device = physdev_op::PciDeviceAdd { device, pxm: 77 };
    assert_eq!(physdev_op::pci_device_add(&xen, device), Ok(()));
    assert_eq!(only_call(&xen).1[0], 25);
}

#[test]
fn slice_without_a_structure() {
    let text = b"hello";
    let xen = xen(|[_, count, address, ..]| {
        let bytes = (0..count).map(|n| read::<u8>(address, n)).collect::<Vec<_>>();
        assert_eq!(bytes, text);
        0
    });
    assert_eq!(console_io::write(&xen, text), Ok(()));
    assert_eq!(only_call(&xen), (18, vec![0, 5, text.as_ptr().addr()]));
}

#[test]
fn members_alone_come_out() {
    let xen = xen(|[_, address, ..]| {
        modify(address, |argument: &mut xen_hvm_param| {
            assert_eq!((argument.domid, argument.index, argument.pad), (DOMID_SELF, 4, 0));
            argument.value = u64::MAX;
        });
        0
    });
    assert_eq!(hvm_op::get_param(&xen, DOMID_SELF, 4), Ok(u64::MAX));
    let (number, registers) = only_call(&xen);
    assert_eq!((number, registers.len(), registers[0]), (34, 2, 1));
}

#[test]
fn slot_of_its_own() {
    let xen = xen(|[_, _, address, ..]| {
        let argument: xen_abi::vcpu::vcpu_register_vcpu_info = read(address, 0);
        assert_eq!((argument.mfn, argument.offset, argument.rsvd), (0x99, 64, 0));
        minus(XEN_EINVAL)
    });
    // SAFETY: nothing is registered.
    let answer = unsafe { vcpu_op::register_vcpu_info(&xen, 5, 0x99, 64) };
    assert_eq!(answer, Err(errno("VCPUOP_register_vcpu_info", XEN_EINVAL)));
    let (number, registers) = only_call(&xen);
    assert_eq!((number, registers.len(), &registers[..2]), (24, 3, &[10, 5][..]));
}

#[test]
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn reference() {
    let xen = xen(|_| 0);
    let context = xen_abi::arch_x86::xen::vcpu_guest_context::ZERO;
    // SAFETY: no vCPU starts.
    assert_eq!(unsafe { vcpu_op::initialise(&xen, 1, &context) }, Ok(()));
    assert_eq!(only_call(&xen), (24, vec![0, 1, core::ptr::from_ref(&context).addr()]));
}
