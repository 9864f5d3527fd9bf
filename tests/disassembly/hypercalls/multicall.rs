//! Multicalls of typed calls, each beside the list filled and read by hand.
//!
//! Both tell an entry that failed from one that was not run: it has the mark that was in it.

use core::mem::size_of;

use xen_ops::hypercall::multicall::{Multicall, NotRun};
use xen_ops::hypercall::{Error, Hypercall, event_channel_op, vm_assist};
use xen_ops::xen_abi::event_channel::{evtchn_port_t, evtchn_send};
use xen_ops::xen_abi::xen::{multicall_entry, xen_ulong_t};

use super::rows::{rows, xen};

const NOT_RUN: isize = isize::MIN;

rows! {
    registers(first: u32, second: u32) -> u8 {
        ours: told(
            Multicall::new(&xen())
                .call(|xen| vm_assist::enable(xen, first))
                .call(|xen| vm_assist::enable(xen, second))
                .run(),
        ),
        by_hand: by_hand(21, [[0, first as usize], [0, second as usize]]),
    }
    memory(first: evtchn_port_t, second: evtchn_port_t) -> u8 {
        ours: told(
            Multicall::new(&xen())
                .call(|xen| event_channel_op::send(xen, first))
                .call(|xen| event_channel_op::send(xen, second))
                .run(),
        ),
        by_hand: {
            let mut sends = [first, second].map(|port| evtchn_send { port });
            let at = (&raw mut sends).addr();
            by_hand(32, [[4, at], [4, at + size_of::<evtchn_send>()]])
        },
    }
}

/// A result of each entry.
type Results = (Result<Result<(), Error>, NotRun>, Result<Result<(), Error>, NotRun>);

#[inline(always)]
fn told(results: Results) -> u8 {
    match results {
        (Ok(Ok(())), Ok(Ok(()))) => 0,
        (Ok(_), Ok(_)) => 1,
        _ => 2,
    }
}

#[inline(always)]
unsafe fn by_hand(number: u32, arguments: [[usize; 2]; 2]) -> u8 {
    let mut list = arguments.map(|[command, argument]| {
        let args = [command as _, argument as _, 0, 0, 0, 0];
        multicall_entry { op: number.into(), result: NOT_RUN as xen_ulong_t, args }
    });
    let failed = unsafe { xen().call2(13, [(&raw mut list).expose_provenance(), 2]) } != 0;
    let [first, second] = list.map(|entry| entry.result as isize);
    if failed && (first == NOT_RUN || second == NOT_RUN) {
        2
    } else {
        u8::from(first != 0 || second != 0)
    }
}
