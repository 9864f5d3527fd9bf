//! Operations that return a value.

use super::*;

#[test]
fn no_argument() {
    for (result, expected) in [
        (0, Ok(0)),
        (0x8000, Ok(0x8000)),
        (minus(XEN_EINVAL), Err(errno("XENMEM_maximum_ram_page", XEN_EINVAL))),
        (-5000, Err(Error::from_result("XENMEM_maximum_ram_page", -5000))),
    ] {
        let xen = xen(|_| result);
        assert_eq!(memory_op::maximum_ram_page(&xen), expected);
        assert_eq!(only_call(&xen), (12, vec![2, 0]));
    }
}

#[test]
fn whole_argument() {
    let xen = xen(|[_, address, ..]| read::<domid_t>(address, 0).0 as isize);
    assert_eq!(memory_op::current_reservation(&xen, DOM), Ok(7));
    assert_eq!(only_call(&xen).1[0], 3);
}

#[test]
fn slice_that_xen_writes() {
    let xen = xen(|[_, count, address, ..]| {
        assert_eq!(count, 8);
        write(address, 0, *b"abc");
        3
    });
    let mut buffer = [0; 8];
    assert_eq!(console_io::read(&xen, &mut buffer), Ok(3));
    assert_eq!(buffer, *b"abc\0\0\0\0\0");
    let (number, registers) = only_call(&xen);
    assert_eq!((number, registers.len(), registers[0]), (18, 3, 1));
}

#[test]
fn buffer_of_any_size() {
    let xen = xen(|[_, address, ..]| {
        if read::<u32>(address, 0) < 20 {
            return minus(XEN_ENOBUFS);
        }
        write(address + size_of::<u32>(), 0, [0xab_u8; 20]);
        20
    });
    let mut buffer = xen_version::Varbuf::<[u8; 32]>::new();
    let length = xen_version::build_id(&xen, &mut buffer).unwrap();
    assert_eq!(buffer.bytes(length), [0xab; 20]);
    assert_eq!(buffer.bytes(21)[20], 0);
    assert_eq!(buffer.bytes(usize::MAX).len(), 32);
    let mut small = xen_version::Varbuf::<[u8; 19]>::new();
    let refusal = xen_version::build_id(&xen, &mut small);
    assert_eq!(refusal, Err(errno("XENVER_build_id", XEN_ENOBUFS)));
}

#[test]
fn size_of_such_a_buffer() {
    let xen = xen(|_| 20);
    assert_eq!(xen_version::build_id_size(&xen), Ok(20));
    assert_eq!(only_call(&xen), (17, vec![10, 0]));
}

#[test]
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn slot_behind_the_argument() {
    let xen = xen(|[_, address, start_info, ..]| {
        assert_eq!((read::<u32>(address, 0), start_info), (SHUTDOWN_suspend, 0x5_1234));
        1
    });
    // SAFETY: nothing is suspended.
    assert_eq!(unsafe { sched_op::suspend(&xen, 0x5_1234, SHUTDOWN_suspend) }, Ok(1));
    let (number, registers) = only_call(&xen);
    assert_eq!((number, registers.len(), registers[0]), (29, 3, 2));
}
