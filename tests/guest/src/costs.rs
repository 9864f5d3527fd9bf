//! What a multicall costs beside single hypercalls, in processor cycles.

#![allow(unsafe_code, reason = "reads the time stamp counter")]

use core::arch::x86_64::_rdtsc;

use xen_abi::xen::DOMID_SELF;
use xen_guest::println;
use xen_ops::hypercall::multicall::for_each;
use xen_ops::hypercall::{Hypercall, grant_table_op, xen_version};

/// Hypercalls of a batch.
const BATCH: usize = 16;
/// Tries, of which the fastest counts: others were interrupted.
const TRIES: usize = 256;

/// The same call one by one and in a multicall.
macro_rules! compare {
    ($name:literal, $xen:ident, $call:expr) => {
        let one_by_one = fewest(|| {
            for _ in 0..BATCH {
                let _ = $call;
            }
        });
        let together = fewest(|| {
            for_each::<BATCH, _, _, _>($xen, &mut [(); BATCH], |$xen, ()| $call, |_, _| ());
        });
        let percent = together.saturating_mul(100) / one_by_one.max(1);
        println!(
            "cost of {BATCH} {}: {one_by_one} cycles, in a multicall {together}: {percent} %",
            $name
        );
    };
}

/// Prints the costs, if the command line asks for them.
pub(crate) fn costs(xen: &impl Hypercall, arguments: &str) {
    if arguments.split_whitespace().any(|word| word == "costs") {
        compare!("xen_version", xen, xen_version::version(xen));
        compare!("query_size", xen, grant_table_op::query_size(xen, DOMID_SELF));
    }
}

/// The fewest cycles of many tries.
fn fewest(mut what: impl FnMut()) -> u64 {
    let mut fewest = u64::MAX;
    for _ in 0..TRIES {
        // SAFETY: reads the time stamp counter.
        let begin = unsafe { _rdtsc() };
        what();
        // SAFETY: as above.
        fewest = fewest.min(unsafe { _rdtsc() }.wrapping_sub(begin));
    }
    fewest
}
