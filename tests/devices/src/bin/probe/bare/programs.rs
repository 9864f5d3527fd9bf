//! What programs do besides asking devices.

use std::hint::black_box;
use std::thread;

use nix::libc;

use super::{Pages, error, ioctl, open, request, say};

/// Three requests, one of which is not given back.
pub(super) fn heap() {
    std::mem::forget(black_box(vec![1_u8; 100]));
    drop(black_box(vec![1_u8; 1000]));
    drop(black_box(Box::new(5_u64)));
}

pub(super) fn runaway() {
    loop {
        thread::yield_now();
    }
}

/// A descriptor, an index, a mapped page, a shared page and a port.
pub(super) fn leak() {
    let (gntdev, gntalloc, evtchn) = (open("gntdev"), open("gntalloc"), open("evtchn"));
    say("map", ioctl(&gntdev, request(b'G', 0, 24), &mut [1, 0, 0, 0, 1, 8]));
    std::mem::forget(Pages::map(&gntdev, 0, 1, libc::MAP_SHARED));
    say("share", ioctl(&gntalloc, request(b'G', 5, 24), &mut [1, 1, 0, 0, 0, 0]));
    say("bind", ioctl(&evtchn, request(b'E', 2, 4), &mut [1]));
    std::mem::forget((gntdev, gntalloc, evtchn));
}

/// Two threads at a time, each with a device of its own.
pub(super) fn threads() {
    let work = || {
        for _ in 0..5 {
            let gntdev = open("gntdev");
            let mapped = ioctl(&gntdev, request(b'G', 0, 24), &mut [1, 0, 0, 0, 1, 8]);
            assert_eq!(mapped, Ok(0));
            assert_eq!(error(Pages::map(&gntdev, 0, 1, libc::MAP_SHARED)), Ok(0));
            assert_eq!(ioctl(&gntdev, request(b'G', 1, 16), &mut [0, 0, 1, 0]), Ok(0));
        }
    };
    let threads = [thread::spawn(work), thread::spawn(work)];
    println!("{:?}", threads.map(|thread| thread.join().is_ok()));
}

/// A child has its parent's device, and can open its own.
pub(super) fn fork() {
    let gntdev = open("gntdev");
    let map = |reference| ioctl(&gntdev, request(b'G', 0, 24), &mut [1, 0, 0, 0, 1, reference]);
    say("parent", map(8));
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        say("child", map(10));
        let own = open("gntdev");
        let mut first = [1, 0, 9, 0, 1, 8];
        say("its own", ioctl(&own, request(b'G', 0, 24), &mut first));
        println!("at page {}", first[2] / 4096);
        std::process::exit(0);
    }
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    say("both", error(Pages::map(&gntdev, 4096, 1, libc::MAP_SHARED)));
}

pub(super) fn crash() {
    std::process::abort();
}
