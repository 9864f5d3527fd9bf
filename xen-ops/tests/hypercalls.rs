//! What the typed wrappers hand to the hypervisor, register by register and byte by byte, and what
//! they make of its answers: a row of every table, and every return convention.

#![cfg(not(loom))]
#![allow(unsafe_code, reason = "the test plays the hypervisor, and calls unsafe operations")]

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use xen_abi::errno::{XEN_EBUSY, XEN_EFAULT, XEN_EINVAL, XEN_ENOBUFS, XEN_ESRCH};
use xen_abi::event_channel::*;
use xen_abi::grant_table::*;
use xen_abi::hvm::hvm_op::*;
use xen_abi::memory::*;
use xen_abi::physdev::*;
use xen_abi::sched::*;
use xen_abi::version::*;
use xen_abi::xen::*;
use xen_abi::{Errno, GrantStatus, Plain, as_bytes};
use xen_ops::backend::Recorder;
use xen_ops::hypercall::{
    Cause, Error, Hypercall, UNTOUCHED, console_io, event_channel_op, grant_table_op, hvm_op,
    hypercalls, memory_op, physdev_op, sched_op, vcpu_op, xen_version,
};

/// A hypervisor that is a closure over the arguments.
struct Xen<F>(F);

// SAFETY: the closures below touch what arguments point to as the real hypercall would.
unsafe impl<F: Fn([usize; 5]) -> isize> Hypercall for Xen<F> {
    unsafe fn call(&self, _: u32, arguments: [usize; 5]) -> isize {
        (self.0)(arguments)
    }
}

/// A hypervisor that remembers its only call.
fn xen<F: Fn([usize; 5]) -> isize>(answer: F) -> Recorder<Xen<F>, 2> {
    Recorder::new(Xen(answer))
}

/// The only call: its number and the registers it used.
#[track_caller]
fn only_call<F>(xen: &Recorder<Xen<F>, 2>) -> (u32, Vec<usize>) {
    let calls = xen.calls().collect::<Vec<_>>();
    let [call] = &calls[..] else { panic!("one call, not {calls:?}") };
    (call.number, call.arguments().to_vec())
}

/// Element `index` of what lies at `address`.
fn read<T: Plain>(address: usize, index: usize) -> T {
    let place = with_exposed_provenance::<T>(address).wrapping_add(index);
    // SAFETY: a wrapper has put the address where the hypervisor finds a `T`, and waits.
    unsafe { place.read() }
}

fn write<T: Plain>(address: usize, index: usize, value: T) {
    let place = with_exposed_provenance_mut::<T>(address).wrapping_add(index);
    // SAFETY: as for reading; the wrappers hand out what can be written where Xen writes.
    unsafe { place.write(value) }
}

/// Changes the argument at `address`.
fn modify<T: Plain>(address: usize, change: impl FnOnce(&mut T)) {
    let mut argument = read(address, 0);
    change(&mut argument);
    write(address, 0, argument);
}

const fn minus(errno: Errno) -> isize {
    -(errno.0 as isize)
}

fn errno(operation: &'static str, errno: Errno) -> Error {
    Error::from_result(operation, minus(errno))
}

const DOM: domid_t = domid_t(7);

mod status {
    use super::*;

    fn requests() -> [grant_table_op::MapGrantRef; 3] {
        [0, 1, 2].map(|n| {
            grant_table_op::MapGrantRef::new(0x1000 * (n + 1), 2, grant_ref_t(8 + n as u32), DOM)
        })
    }

    #[test]
    fn batch() {
        let xen = xen(|[_, address, ..]| {
            for n in 0..3 {
                let request: gnttab_map_grant_ref = read(address, n);
                let expected = gnttab_map_grant_ref {
                    host_addr: 0x1000 * (n as u64 + 1),
                    flags: 2,
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
}

mod errno_and_out {
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
}

mod errno_alone {
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
}

mod count {
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
            let answer = unsafe { memory_op::populate_physmap(&xen, &mut frames, 0, 0, DOM) };
            let (number, registers) = only_call(&xen);
            assert_eq!((number, registers.len(), registers[0]), (12, 2, 6));
            answer
        };
        assert_eq!([ask(0), ask(2), ask(3)], [Ok(0), Ok(2), Ok(3)]);
        // Xen does not answer so, and what it would mean is not guessed.
        assert_eq!(ask(4).map_err(|error| error.cause()), Err(Cause::Unexpected(4)));
        assert_eq!(ask(minus(XEN_EFAULT)), Err(errno("XENMEM_populate_physmap", XEN_EFAULT)));
    }
}

mod value {
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
}

mod lengths {
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
        let result = unsafe {
            memory_op::add_to_physmap_batch(&xen, DOM, 0, extra, &idxs, &gpfns, &mut errs)
        };
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
            in op: u32,
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
                assert_eq!((second.offset, second.length, second.op), (64, 128, 1));
                result
            });
            let mut elements = [Flush::new(0, 64, 1), Flush::new(64, 128, 1)];
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
}
