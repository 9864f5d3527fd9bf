//! Operations with a status in each argument.

use super::*;

fn requests() -> [grant_table_op::MapGrantRef; 3] {
    [0, 1, 2].map(|n| {
        grant_table_op::MapGrantRef::new(
            0x1000 * (n + 1),
            GNTMAP_host_map,
            grant_ref_t(8 + n as u32),
            DOM,
        )
    })
}

#[test]
fn batch() {
    let xen = xen(|[_, address, ..]| {
        for n in 0..3 {
            let request: gnttab_map_grant_ref = read(address, n);
            let expected = gnttab_map_grant_ref {
                host_addr: 0x1000 * (n as u64 + 1),
                flags: GNTMAP_host_map,
                ref_: grant_ref_t(8 + n as u32),
                dom: DOM,
                status: UNTOUCHED,
                ..gnttab_map_grant_ref::ZERO
            };
            assert_eq!(as_bytes(&request), as_bytes(&expected));
            let status = [GNTST_okay, GNTST_bad_gntref, GrantStatus(1)][n];
            let done = gnttab_map_grant_ref {
                status,
                handle: grant_handle_t(40 + n as u32),
                dev_bus_addr: 0xb000,
                ..request
            };
            write(address, n, done);
        }
        0
    });
    let mut requests = requests();
    let address = requests.as_ptr().addr();
    // SAFETY: nothing is mapped.
    let batch = unsafe { grant_table_op::map_grant_ref(&xen, &mut requests) };
    assert_eq!(batch.result, Ok(()));
    let statuses = [0, 1, 2].map(|n| batch.elements[n].status());
    assert_eq!(statuses, [GNTST_okay, GNTST_bad_gntref, GrantStatus(1)]);
    assert_eq!(batch.elements[0].handle(), grant_handle_t(40));
    assert_eq!(batch.elements[2].dev_bus_addr(), 0xb000);
    assert_eq!(batch.elements[1].host_addr(), 0x2000);
    assert_eq!(batch.elements[0].again().as_abi().handle.0, 0);
    assert_eq!(only_call(&xen), (20, vec![0, address, 3]));
}

#[test]
fn what_xen_never_saw_says_so() {
    let xen = xen(|[_, address, ..]| {
        modify(address, |first: &mut gnttab_map_grant_ref| first.status = GNTST_okay);
        minus(XEN_EFAULT)
    });
    let mut requests = requests();
    // SAFETY: nothing is mapped.
    let batch = unsafe { grant_table_op::map_grant_ref(&xen, &mut requests) };
    assert_eq!(batch.result, Err(errno("GNTTABOP_map_grant_ref", XEN_EFAULT)));
    let statuses = [0, 1, 2].map(|n| batch.elements[n].status());
    assert_eq!(statuses, [GNTST_okay, UNTOUCHED, UNTOUCHED]);
}

#[test]
fn elements_used_once_more_do_not_keep_their_statuses() {
    let xen = xen(|[_, address, ..]| {
        if read::<gnttab_map_grant_ref>(address, 0).handle.0 != 0 {
            return minus(XEN_EFAULT);
        }
        modify(address, |first: &mut gnttab_map_grant_ref| {
            (first.status, first.handle) = (GNTST_okay, grant_handle_t(1));
        });
        0
    });
    let mut requests = requests();
    // SAFETY: nothing is mapped.
    let batch = unsafe { grant_table_op::map_grant_ref(&xen, &mut requests) };
    assert_eq!(batch.elements[0].status(), GNTST_okay);
    // SAFETY: nothing is mapped.
    let batch = unsafe { grant_table_op::map_grant_ref(&xen, &mut requests) };
    assert_eq!(batch.elements[0].status(), UNTOUCHED);
}

#[test]
fn no_elements() {
    let xen = xen(|_| 0);
    // SAFETY: nothing is mapped.
    let batch = unsafe { grant_table_op::map_grant_ref(&xen, &mut []) };
    assert_eq!((batch.result, batch.elements.len()), (Ok(()), 0));
    assert_eq!(only_call(&xen).1[2], 0);
}

#[test]
fn single() {
    let ask = |status, result| {
        let xen = xen(move |[_, address, ..]| {
            modify(address, |argument: &mut gnttab_query_size| {
                assert_eq!((argument.dom, argument.status), (DOM, UNTOUCHED));
                assert_eq!((argument.nr_frames, argument.max_nr_frames), (0, 0));
                (argument.nr_frames, argument.max_nr_frames) = (4, 64);
                argument.status = status;
            });
            result
        });
        let answer = grant_table_op::query_size(&xen, DOM);
        let (number, registers) = only_call(&xen);
        assert_eq!((number, registers[0], registers[2]), (20, 6, 1));
        answer
    };
    let size = grant_table_op::QuerySize { nr_frames: 4, max_nr_frames: 64 };
    assert_eq!(ask(GNTST_okay, 0), Ok(size));

    let operation = "GNTTABOP_query_size";
    let bad_domain = Error::from_status(operation, GNTST_bad_domain);
    assert_eq!(ask(GNTST_bad_domain, 0), Err(bad_domain));
    assert_eq!(ask(GrantStatus(1), 0), Err(Error::from_status(operation, GrantStatus(1))));
    assert_eq!(ask(UNTOUCHED, 0), Err(Error::from_status(operation, UNTOUCHED)));
    // The hypercall's own failure comes first.
    assert_eq!(ask(GNTST_okay, minus(XEN_EFAULT)), Err(errno(operation, XEN_EFAULT)));
    assert_eq!(ask(GNTST_okay, 5).map_err(|error| error.cause()), Err(Cause::Unexpected(5)));
}

#[test]
fn slice() {
    let xen = xen(|[_, address, ..]| {
        modify(address, |argument: &mut gnttab_setup_table| {
            assert_eq!((argument.dom, argument.nr_frames), (DOM, 2));
            let frames = argument.frame_list.addr() as usize;
            write(frames, 0, xen_pfn_t(0x111));
            write(frames, 1, xen_pfn_t(0x222));
            argument.status = GNTST_okay;
        });
        0
    });
    let mut frames = [xen_pfn_t(0); 2];
    assert_eq!(grant_table_op::setup_table(&xen, DOM, &mut frames), Ok(()));
    assert_eq!(frames, [xen_pfn_t(0x111), xen_pfn_t(0x222)]);
}
