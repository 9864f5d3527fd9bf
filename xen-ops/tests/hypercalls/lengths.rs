//! Slices and the members that count them.

use super::*;

/// What [`memory_op::add_to_physmap_batch`] says of lists of these lengths.
fn size(idxs: usize, gpfns: usize, errs: usize) -> u16 {
    let size = core::cell::Cell::new(0);
    let xen = xen(|[_, address, ..]| {
        size.set(read::<xen_add_to_physmap_batch>(address, 0).size);
        0
    });
    let idxs = vec![xen_ulong_t::default(); idxs];
    let gpfns = vec![xen_pfn_t(0); gpfns];
    let mut errs = vec![0; errs];
    let extra = xen_add_to_physmap_batch_extra::ZERO;
    // SAFETY: nothing is mapped.
    let result =
        unsafe { memory_op::add_to_physmap_batch(&xen, DOM, 0, extra, &idxs, &gpfns, &mut errs) };
    assert_eq!(result, Ok(()));
    size.get()
}

#[test]
fn the_shortest_list_counts() {
    assert_eq!([size(2, 3, 4), size(3, 2, 4), size(4, 3, 2), size(0, 1, 1)], [2, 2, 2, 0]);
}

#[test]
fn a_member_too_small_says_what_it_can() {
    let many = 0x1_0002;
    assert_eq!(size(many, many, many), u16::MAX);
    assert_eq!(size(many, 1, many), 1);
}

hypercalls! {
    unsafe hypercall __HYPERVISOR_grant_table_op(command, argument, count);
    commands GNTTABOP_*;

    /// The one batch without statuses, on every architecture.
    batch flush = GNTTABOP_cache_flush: gnttab_cache_flush {
        in offset: u16,
        in length: u16,
        in op: CacheFlushFlags,
    } -> errno;

    /// Elements without a size.
    single nothing = GNTTABOP_cache_flush (in elements: [[u8; 0]]) -> errno;
}

#[test]
fn batch_without_statuses() {
    for (result, expected) in [
        (0, Ok(())),
        (minus(XEN_EINVAL), Err(errno("GNTTABOP_cache_flush", XEN_EINVAL))),
        (1, Err(Error::from_result("GNTTABOP_cache_flush", 1))),
    ] {
        let xen = xen(|[_, address, ..]| {
            let second: gnttab_cache_flush = read(address, 1);
            assert_eq!((second.offset, second.length, second.op), (64, 128, GNTTAB_CACHE_CLEAN));
            result
        });
        let mut elements =
            [Flush::new(0, 64, CacheFlushFlags(1)), Flush::new(64, 128, CacheFlushFlags(1))];
        let address = elements.as_ptr().addr();
        assert_eq!(flush(&xen, &mut elements), expected);
        assert_eq!(only_call(&xen), (20, vec![12, address, 2]));
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn more_than_xen_can_read_are_no_fewer() {
    // Elements that take no memory: there can be more than 32 bits say.
    let elements = vec![[]; (1 << 32) + 1];
    let xen = xen(|_| minus(XEN_EINVAL));
    assert!(nothing(&xen, &elements).is_err());
    assert_eq!(only_call(&xen).1[2], 0xffff_ffff);
}
