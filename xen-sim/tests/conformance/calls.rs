//! `multicall`, `vcpu_op` of several vCPUs, `set_timer_op` and `vm_assist`.
#![allow(unsafe_code, reason = "makes hypercalls of which some can break a guest")]
#![allow(clippy::useless_conversion, reason = "64-bit integers of 32-bit ABIs are wrapped")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use xen_abi::errno::*;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::*;
use xen_abi::vcpu::*;
use xen_abi::xen::*;
use xen_ops::hypercall::multicall::{Multicall, for_each};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_ops::hypercall::vcpu_op;
use xen_ops::hypercall::{Error, event_channel_op, sched_op, timer, vm_assist};
use xen_sim::{DomainConfig, GuestKind, Release, Xen};

use crate::support::*;

const VERSION: isize = 4 << 16 | 20;

fn entry(op: u32, args: [usize; 3]) -> multicall_entry {
    let [a, b, c] = args.map(|argument| ulong(argument as u64));
    let zero = multicall_entry::ZERO;
    multicall_entry { op: ulong(op.into()), args: [a, b, c, ulong(0), ulong(0), ulong(0)], ..zero }
}

/// The result of a multicall, and those of its entries.
fn multicall(xen: &xen_sim::Domain, list: &mut [multicall_entry]) -> (isize, Vec<isize>) {
    let at = list.as_mut_ptr().expose_provenance();
    let result = call(xen, __HYPERVISOR_multicall, [at, list.len(), 0, 0, 0]);
    (result, list.iter().map(|entry| entry.result as isize).collect())
}

fn version() -> multicall_entry {
    entry(__HYPERVISOR_xen_version, [0, 0, 0])
}

#[test]
fn a_multicall_has_a_result_for_each_entry() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a) = machine(kind);
        let records = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&records);
        xen.on_hypercall(move |record| told.lock().unwrap().push(record.to_string()));
        let mut list =
            [version(), entry(63, [0; 3]), entry(__HYPERVISOR_multicall, [0; 3]), version()];
        let results = multicall(&a, &mut list);
        assert_eq!(results, (0, vec![VERSION, -38, -22, VERSION]), "{kind:?}");
        let last = records.lock().unwrap().last().cloned();
        assert_eq!(last.as_deref(), Some("d1 multicall x4 = 0"));
        if cfg!(target_pointer_width = "64") {
            // The number is taken whole.
            let mut list = [multicall_entry { op: ulong(1 << 32 | 17), ..version() }];
            assert_eq!(multicall(&a, &mut list).1, [-38]);
        }
        assert_eq!(call(&a, __HYPERVISOR_multicall, [0; 5]), 0);
        assert_eq!(call(&a, __HYPERVISOR_multicall, [0, 1, 0, 0, 0]), -14);
    }
}

#[test]
fn a_multicall_stops_where_its_list_cannot_be_read() {
    let (_xen, a) = machine(GuestKind::Pvh);
    let mut list = [version(); 3];
    let absent = list[2..].as_ptr_range();
    a.faults().absent(absent.start.addr()..absent.end.addr());
    assert_eq!(multicall(&a, &mut list), (-14, vec![VERSION, VERSION, 0]));
    // Seen through the typed form: what ran has its result, what did not says so.
    let (xen, b) = machine(GuestKind::Pv);
    let ports = [evtchn_port_t(0); 0];
    let (first, second) = Multicall::new(&b)
        .call(|xen| sched_op::poll(xen, &ports, 1))
        .call(|xen| event_channel_op::close(xen, evtchn_port_t(9)))
        .run();
    assert_eq!(first, Ok(Ok(())));
    assert_eq!(second.unwrap().unwrap_err().errno(), Some(XEN_EINVAL));
    assert_eq!(xen.check_invariants(), Ok(()));
}

#[test]
fn a_multicall_of_a_translated_guest_is_refused_by_4_14() {
    for (kind, expected) in [(GuestKind::Pvh, -38), (GuestKind::Pv, 0), (GuestKind::Arm, 0)] {
        let xen = Xen::builder().release(Release::V4_14).build();
        let a = xen.domain(DomainConfig::new(kind)).unwrap();
        assert_eq!(multicall(&a, &mut [version()]).0, expected, "{kind:?}");
    }
    let xen = Xen::builder().release(Release::V4_14).build();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    let mut left = 0;
    for_each::<2, _, _, Result<(), Error>>(
        &a,
        &mut [1, 2, 3],
        |xen, at| timer::set_timer_op(xen, *at),
        |_, result| {
            assert_eq!(result.unwrap_err().error.errno(), Some(XEN_ENOSYS));
            left += 1;
        },
    );
    assert_eq!(left, 3);
}

/// Xen may interrupt a multicall between two entries, and an entry: its arguments then are those to
/// continue with.
#[test]
fn an_interrupted_multicall_has_the_results_of_one_that_is_not() {
    for interrupt in [None, Some(0), Some(1), Some(2), Some(3)] {
        let (xen, a, b) = pair(GuestKind::Pvh);
        let _page = granted(&a, 8, GTF_invalid, &b);
        let own = b.page().unwrap();
        let mut ops = [8, 9, 8].map(|ref_| gnttab_copy {
            source: by_ref(&a, ref_, 0),
            dest: by_frame(&own, 0),
            len: 4,
            flags: GNTCOPY_source_gref,
            status: UNTOUCHED,
            ..gnttab_copy::ZERO
        });
        if let Some(elements) = interrupt {
            b.faults().interrupt_after(elements);
        }
        let at = ops.as_mut_ptr().expose_provenance();
        let copy = entry(__HYPERVISOR_grant_table_op, [GNTTABOP_copy as usize, at, 3]);
        let mut list = [copy, version(), version()];
        assert_eq!(multicall(&b, &mut list), (0, vec![0, VERSION, VERSION]), "{interrupt:?}");
        assert_eq!(ops.map(|op| op.status.0), [0, -1, 0], "{interrupt:?}");
        // Inside the batch the entry is what is left of it; between entries nothing changes.
        let is_continued = interrupt.is_some_and(|elements| elements < 3);
        assert_eq!(list[0].args[2] != ulong(3), is_continued, "{interrupt:?}");
        assert_eq!(xen.check_invariants(), Ok(()));
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[test]
fn other_vcpus_are_initialised_and_brought_up() {
    let xen = Xen::new();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).vcpus(2)).unwrap();
    let error = |result: Result<(), Error>| result.map_err(|error| error.errno().unwrap());
    let is_up = |vcpu| vcpu_op::is_up(&a, vcpu);
    assert_eq!((is_up(0), is_up(1)), (Ok(1), Ok(0)));
    let up = |vcpu| error(vcpu_op::up(&a, vcpu));
    assert_eq!(up(1), Err(XEN_EINVAL));
    let mut context = xen_abi::hvm::hvm_vcpu::vcpu_hvm_context::ZERO;
    // SAFETY: the vCPU runs no code here.
    let initialise =
        |vcpu, context: &_| error(unsafe { vcpu_op::initialise_hvm(&a, vcpu, context) });
    assert_eq!(initialise(0, &context), Err(XEN_EEXIST));
    assert_eq!(initialise(1, &context), Err(XEN_EINVAL));
    context.mode = xen_abi::hvm::hvm_vcpu::VCPU_HVM_MODE_64B;
    let regs = context.cpu_regs.x86_64_mut();
    (regs.cr0, regs.cr4, regs.efer) = (0x8000_0001_u64.into(), 0x20_u64.into(), 0x500_u64.into());
    assert_eq!(initialise(1, &context), Ok(()));
    assert_eq!(initialise(1, &context), Err(XEN_EEXIST));
    assert_eq!(is_up(1), Ok(0));
    assert_eq!((up(1), is_up(1)), (Ok(()), Ok(1)));
    let down = |vcpu| vcpu_op::down(&a, vcpu);
    assert!(down(0).is_ok());
    assert_eq!((is_up(0), a.shutdown_reason()), (Ok(0), None));
    // The last one takes the domain with it.
    assert!(down(1).is_ok());
    assert_eq!(a.shutdown_reason(), Some(0));
    assert_eq!(is_up(2).unwrap_err().errno(), Some(XEN_ENOENT));
}

#[test]
fn timers_raise_their_interrupt() {
    let (_xen, a) = machine(GuestKind::Pvh);
    let port = event_channel_op::bind_virq(&a, VIRQ_TIMER, 0).unwrap();
    assert!(!a.wait(port, Duration::ZERO));
    // In the past: at once.
    assert_eq!(timer::set_timer_op(&a, 1), Ok(()));
    assert!(a.wait(port, Duration::ZERO));
    // While the vCPU polls.
    let mut now = vcpu_runstate_info::ZERO;
    let at = core::ptr::from_mut(&mut now).expose_provenance();
    let runstate = [VCPUOP_get_runstate_info as usize, 0, at, 0, 0];
    assert_eq!(call(&a, __HYPERVISOR_vcpu_op, runstate), 0);
    let soon = now.time[0] as i64 + 20_000_000;
    assert_eq!(timer::set_timer_op(&a, soon), Ok(()));
    assert!(!a.wait(port, Duration::ZERO));
    assert_eq!(sched_op::poll(&a, &[port], 0), Ok(()));
    assert!(a.wait(port, Duration::ZERO));
    // A huge time is 100 ms from now, and 0 ends it.
    assert_eq!(timer::set_timer_op(&a, -1), Ok(()));
    assert!(!a.wait(port, Duration::from_millis(10)));
    assert!(a.wait(port, Duration::from_secs(20)));
    assert_eq!(timer::set_timer_op(&a, soon + 1_000_000_000_000), Ok(()));
    assert_eq!(timer::set_timer_op(&a, 0), Ok(()));
    let mut op = vcpu_set_periodic_timer { period_ns: 1_000_000 };
    let periodic = [VCPUOP_set_periodic_timer, VCPUOP_stop_periodic_timer].map(|command| {
        [command as usize, 0, core::ptr::from_mut(&mut op).expose_provenance(), 0, 0]
    });
    assert_eq!(call(&a, __HYPERVISOR_vcpu_op, periodic[0]), 0);
    assert!(a.wait(port, Duration::from_secs(20)));
    assert!(a.wait(port, Duration::from_secs(20)));
    assert_eq!(call(&a, __HYPERVISOR_vcpu_op, periodic[1]), 0);
    let _last = a.wait(port, Duration::ZERO);
    assert!(!a.wait(port, Duration::from_millis(10)));
}

#[test]
fn what_can_be_assisted_depends_on_the_guest() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let (_xen, a) = machine(kind);
        for (type_, is_pv) in
            [(VMASST_TYPE_runstate_update_flag, false), (VMASST_TYPE_m2p_strict, true)]
        {
            let expected = if is_pv && kind != GuestKind::Pv { Err(XEN_EINVAL) } else { Ok(()) };
            // SAFETY: nothing relies on what the types do.
            let (on, off) =
                unsafe { (vm_assist::enable(&a, type_), vm_assist::disable(&a, type_)) };
            assert_eq!(on.map_err(|error| error.errno().unwrap()), expected, "{kind:?} {type_}");
            assert_eq!(off.map_err(|error| error.errno().unwrap()), expected, "{kind:?} {type_}");
        }
        // The type is looked at first.
        assert_eq!(call(&a, __HYPERVISOR_vm_assist, [9, 77, 0, 0, 0]), -22);
        assert_eq!(call(&a, __HYPERVISOR_vm_assist, [9, 5, 0, 0, 0]), -38);
        let timer = if kind == GuestKind::Arm { -38 } else { 0 };
        assert_eq!(call(&a, __HYPERVISOR_set_timer_op, [0; 5]), timer);
    }
}
