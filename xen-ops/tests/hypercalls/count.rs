//! Operations that return a count.

use super::*;

#[test]
fn how_many_were_done() {
    let ask = |result| {
        let xen = xen(move |[_, address, ..]| {
            let argument: xen_memory_reservation = read(address, 0);
            assert_eq!((argument.extent_order, argument.domid), (0, DOM));
            assert_eq!(argument.nr_extents, 3);
            let extents = argument.extent_start.addr() as usize;
            assert_eq!(read::<xen_pfn_t>(extents, 2), xen_pfn_t(12));
            result
        });
        let mut frames = [xen_pfn_t(10), xen_pfn_t(11), xen_pfn_t(12)];
        // SAFETY: nothing is populated.
        let answer =
            unsafe { memory_op::populate_physmap(&xen, &mut frames, 0, MemoryFlags(0), DOM) };
        let (number, registers) = only_call(&xen);
        assert_eq!((number, registers.len(), registers[0]), (12, 2, 6));
        answer
    };
    assert_eq!([ask(0), ask(2), ask(3)], [Ok(0), Ok(2), Ok(3)]);
    // Xen does not answer so, and what it would mean is not guessed.
    assert_eq!(ask(4).map_err(|error| error.cause()), Err(Cause::Unexpected(4)));
    assert_eq!(ask(minus(XEN_EFAULT)), Err(errno("XENMEM_populate_physmap", XEN_EFAULT)));
}
