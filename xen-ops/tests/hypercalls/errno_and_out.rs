//! Operations that return an error number and outputs in every case.

use super::*;

#[test]
fn what_comes_out_counts_after_failure() {
    let xen = xen(|[_, address, ..]| {
        assert_eq!(read::<u32>(address, 0), 2);
        write(address, 0, 1_u32);
        minus(XEN_EBUSY)
    });
    // SAFETY: there is no table.
    let answer = unsafe { grant_table_op::set_version(&xen, 2) };
    assert_eq!(answer, (Err(errno("GNTTABOP_set_version", XEN_EBUSY)), 1));
    let (number, registers) = only_call(&xen);
    assert_eq!((number, registers[0], registers[2]), (20, 8, 1));
}

#[test]
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn several_members() {
    let xen = xen(|[_, address, ..]| {
        modify(address, |argument: &mut physdev_map_pirq| {
            assert_eq!((argument.domid, argument.index, argument.pirq), (DOM, 4, -1));
            assert_eq!((argument.entry_nr, argument.table_base), (8, 0));
            (argument.pirq, argument.entry_nr) = (33, 2);
        });
        1
    });
    let (result, out) = physdev_op::map_pirq(&xen, DOM, 1, 4, -1, 0, 0, 8, 0);
    assert_eq!(out, physdev_op::MapPirq { index: 4, pirq: 33, entry_nr: 2 });
    assert_eq!(result.map_err(|error| error.cause()), Err(Cause::Unexpected(1)));
    let (number, registers) = only_call(&xen);
    assert_eq!((number, registers.len(), registers[0]), (33, 2, 13));
}
