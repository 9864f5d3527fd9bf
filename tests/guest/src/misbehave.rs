//! What a guest should not do, for the tests of the harness.

#![allow(unsafe_code, reason = "that is the point")]

use core::hint;
use core::ptr;

use xen_guest::println;

/// Does what `misbehave=WHAT` on the command line says.
pub(crate) fn misbehave(arguments: &str) {
    let what = arguments.split_whitespace().find_map(|word| word.strip_prefix("misbehave="));
    match what {
        Some("hang") => loop {
            hint::spin_loop();
        },
        Some("chatter") => {
            for number in 0..1000 {
                println!("@chatter {number:030}");
            }
        }
        Some("panic") => panic!("as it was told"),
        Some("fault") => {
            // SAFETY: there is none: nothing is mapped there.
            unsafe { ptr::without_provenance_mut::<u8>(1 << (usize::BITS - 2)).write_volatile(0) }
        }
        Some("garbage") => loop {
            println!("\u{7}@garbage @0 step @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@");
        },
        _ => {}
    }
}
