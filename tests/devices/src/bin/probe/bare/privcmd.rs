//! `/dev/xen/privcmd` and `/dev/xen/hypercall`.

use nix::libc::{MAP_PRIVATE, MAP_SHARED};

use super::{Pages, address, error, ioctl, open, request, say};

const HYPERCALL: u64 = request(b'P', 0, 48);
const BATCH: u64 = request(b'P', 4, 32);
const MODEL: u64 = request(b'P', 5, 16);
const RESTRICT: u64 = request(b'P', 6, 2);
const RESOURCE: u64 = request(b'P', 7, 32);

pub(super) fn hypercalls() {
    let (privcmd, hypercall) = (open("privcmd"), open("hypercall"));
    say("private", error(Pages::map(&hypercall, 0, 1, MAP_PRIVATE)));
    let buffer = Pages::map(&hypercall, 0, 2, MAP_SHARED).unwrap();
    let call = |what: &str, number, command, pointer, count| {
        let [low, high] = address::<u8>(pointer);
        let mut words = [number, 0, command, 0, low, high, count, 0, 0, 0, 0, 0];
        say(what, ioctl(&privcmd, HYPERCALL, &mut words));
    };
    let null = std::ptr::null();
    call("version", 17, 0, null, 0);
    call("extra version", 17, 1, buffer.address, 0);
    println!("{:#x}", buffer.word(0, 0));
    call("extra version to nowhere", 17, 1, null, 0);
    buffer.write(1, 0, 1);
    // SAFETY: the second of two pages.
    let second = unsafe { buffer.address.add(4096) };
    call("size of a table", 20, 6, second, 1);
    println!("{} of {} frames, status {}", buffer.word(1, 1), buffer.word(1, 2), buffer.word(1, 3));
    call("of two", 20, 6, second, 2);
    call("pages", 12, 3, second, 0);
    buffer.write(1, 0, 7);
    call("of one that is gone", 12, 3, second, 0);
    call("no such call", 99, 0, null, 0);
    say("restrict", ioctl(&privcmd, RESTRICT, &mut [1]));
    say("the same", ioctl(&privcmd, RESTRICT, &mut [1]));
    say("otherwise", ioctl(&privcmd, RESTRICT, &mut [2]));
    call("version", 17, 0, null, 0);
}

pub(super) fn foreign() {
    let privcmd = open("privcmd");
    let batch = |what: &str, domid: u32, at: *const u8, frames: &[u64]| {
        let mut errors = vec![1_i32; frames.len()];
        let [at_low, at_high] = address(at);
        let [low, high] = address(frames.as_ptr());
        let [error_low, error_high] = address(errors.as_mut_ptr());
        let count = frames.len() as u32;
        let mut words = [count, domid, at_low, at_high, low, high, error_low, error_high];
        say(what, ioctl(&privcmd, BATCH, &mut words));
        println!("  {errors:?}");
    };
    let pages = Pages::map(&privcmd, 0, 3, MAP_SHARED).unwrap();
    batch("none", 1, pages.address, &[]);
    batch("a part", 1, pages.address, &[5]);
    batch("elsewhere", 1, std::ptr::dangling(), &[5]);
    batch("some", 1, pages.address, &[5, 13, 1 << 20]);
    println!("shows {} and {}", pages.word(0, 0), pages.word(1, 0));
    // SAFETY: the second of three pages.
    let second = unsafe { pages.address.add(4096) };
    batch("the holes", 1, second, &[6, 7]);
    println!("shows {} and {}", pages.word(1, 0), pages.word(2, 0));
    batch("again", 1, pages.address, &[5, 6, 7]);
    let others = Pages::map(&privcmd, 0, 1, MAP_SHARED).unwrap();
    batch("one that is gone", 7, others.address, &[5]);
    say("restrict", ioctl(&privcmd, RESTRICT, &mut [2]));
    batch("another domain", 1, others.address, &[5]);
    batch("this domain", 2, others.address, &[5]);
}

pub(super) fn resource() {
    let privcmd = open("privcmd");
    let resource = |what: &str, domid, kind, first, count, at: *const u8| {
        let [low, high] = address(at);
        let mut words = [domid, kind, 0, first, count, 0, low, high];
        say(what, ioctl(&privcmd, RESOURCE, &mut words));
        words[4]
    };
    let null = std::ptr::null();
    println!("{} frames", resource("size", 1, 1, 0, 0, null));
    resource("pages nowhere", 1, 1, 0, 1, null);
    resource("none such", 1, 9, 0, 0, null);
    resource("one that is gone", 7, 1, 0, 0, null);
    let pages = Pages::map(&privcmd, 0, 2, MAP_SHARED).unwrap();
    resource("beyond", 1, 1, 3, 2, pages.address);
    resource("two", 1, 1, 2, 2, pages.address);
    println!("shows {} and {}", pages.word(0, 0), pages.word(1, 0));
    resource("again", 1, 1, 2, 2, pages.address);
}

pub(super) fn model() {
    let privcmd = open("privcmd");
    let model = |what: &str, domid: u32, count: u32, size: u32, at: *const u32| {
        let [low, high] = address(at);
        let buffers = vec![[low, high, size, 0]; count as usize];
        let [low, high] = address(buffers.as_ptr());
        say(what, ioctl(&privcmd, MODEL, &mut [domid | count << 16, 0, low, high]));
    };
    let mut create = [1_u32, 0, 0, 0];
    let at = (&raw mut create).cast();
    model("no buffers", 1, 0, 0, at);
    model("create", 1, 1, 16, at);
    println!("server {}", create[3]);
    model("too many buffers", 1, 17, 16, at);
    model("too large", 1, 1, 4097, at);
    model("nowhere", 1, 1, 16, std::ptr::null());
    model("one that is gone", 7, 1, 16, at);
    static READ_ONLY: [u32; 4] = [1, 0, 0, 0];
    model("not writable", 1, 1, 16, READ_ONLY.as_ptr());
    let mut unknown = [99_u32, 0, 0, 0];
    model("no such operation", 1, 1, 16, (&raw mut unknown).cast());
}
