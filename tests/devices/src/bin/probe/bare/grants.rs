//! `/dev/xen/gntdev`.

use nix::libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::{Fd, Pages, address, error, ioctl, open, request, say};

const MAP: u64 = request(b'G', 0, 24);
const UNMAP: u64 = request(b'G', 1, 16);
const OFFSET: u64 = request(b'G', 2, 24);
const MAX: u64 = request(b'G', 3, 4);
const NOTIFY: u64 = request(b'G', 7, 16);
const COPY: u64 = request(b'G', 8, 16);

pub(super) fn map() {
    let gntdev = open("gntdev");
    say("none", ioctl(&gntdev, MAP, &mut [0; 6]));
    say("too many", ioctl(&gntdev, MAP, &mut [65537, 0, 0, 0, 1, 8]));
    say("set the most", ioctl(&gntdev, MAX, &mut [5]));
    let mut two = [2, 0, 0, 0, 1, 20, 2, 30];
    say("two", ioctl(&gntdev, MAP, &mut two));
    let mut one = [1, 0, 0, 0, 1, 8];
    say("one more", ioctl(&gntdev, MAP, &mut one));
    println!("at pages {} and {}", two[2] / 4096, one[2] / 4096);
    say("a part", error(Pages::map(&gntdev, 0, 1, MAP_SHARED)));
    say("both", error(Pages::map(&gntdev, 0, 3, MAP_SHARED)));
    say("private", error(Pages::map(&gntdev, 0, 2, MAP_PRIVATE)));
    let pages = Pages::map(&gntdev, 0, 2, MAP_SHARED).unwrap();
    let [a, b, c, d] = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(page, at)| pages.word(page, at));
    println!("shows ({a}, {b}) and ({c}, {d})");
    say("again", error(Pages::map(&gntdev, 0, 2, MAP_SHARED)));
    let mut offset = [0; 6];
    offset[..2].copy_from_slice(&address(pages.address));
    say("offset", ioctl(&gntdev, OFFSET, &mut offset));
    println!("at page {}, {} pages", offset[2] / 4096, offset[4]);
    offset[..2].copy_from_slice(&address(&raw const two));
    say("offset of the stack", ioctl(&gntdev, OFFSET, &mut offset));
    say("notify", ioctl(&gntdev, NOTIFY, &mut [4096 + 16, 0, 1, 0]));
    say("notify beyond", ioctl(&gntdev, NOTIFY, &mut [3 * 4096, 0, 1, 0]));
    say("notify otherwise", ioctl(&gntdev, NOTIFY, &mut [0, 0, 4, 0]));
    say("notify by no port", ioctl(&gntdev, NOTIFY, &mut [0, 0, 2, 77]));
    pages.write(1, 4, 0x1234_5678);
    say("unmap other counts", ioctl(&gntdev, UNMAP, &mut [0, 0, 1, 0]));
    drop(pages);
    say("once only", error(Pages::map(&gntdev, 0, 2, MAP_SHARED)));
    say("unmap", ioctl(&gntdev, UNMAP, &mut [0, 0, 2, 0]));
    say("unmap again", ioctl(&gntdev, UNMAP, &mut [0, 0, 2, 0]));
    say("the page again", ioctl(&gntdev, MAP, &mut [1, 0, 0, 0, 2, 30]));
    let page = Pages::with(&gntdev, 0, 1, MAP_SHARED, PROT_READ).unwrap();
    println!("shows ({}, {:#x})", page.word(0, 0), page.word(0, 4));
    say("notify of a read-only page", ioctl(&gntdev, NOTIFY, &mut [0, 0, 1, 0]));
    for (what, domid, reference) in
        [("gone", 7, 8), ("reserved", 1, 3), ("beyond", 1, 1 << 20), ("read-only", 1, 9)]
    {
        let mut one = [1, 0, 0, 0, domid, reference];
        say(what, ioctl(&gntdev, MAP, &mut one));
        say("  mapped", error(Pages::map(&gntdev, one[2].into(), 1, MAP_SHARED)));
    }
    say("no such request", ioctl(&gntdev, request(b'G', 5, 24), &mut [0; 6]));
}

/// A segment: two ends of two words, length and flags, status.
fn segment(source: [u32; 2], dest: [u32; 2], length: u32, flags: u32) -> [u32; 6] {
    [source[0], source[1], dest[0], dest[1], length | flags << 16, 0]
}

/// A page of a domain, from an offset on.
fn granted(domid: u32, reference: u32, offset: u32) -> [u32; 2] {
    [reference, offset | domid << 16]
}

pub(super) fn copy() {
    let gntdev = open("gntdev");
    let copy = |what: &str, segments: &mut [[u32; 6]]| {
        let [low, high] = address(segments.as_ptr());
        say(what, ioctl(&gntdev, COPY, &mut [segments.len() as u32, 0, low, high]));
        let statuses: Vec<_> = segments.iter().map(|segment| segment[5] as i16).collect();
        println!("  statuses {statuses:?}");
    };
    let mut here = [5_u32, 6];
    let memory = address(&raw mut here);
    copy("none", &mut []);
    copy("from a page", &mut [segment(granted(1, 8, 0), memory, 8, 1)]);
    println!("  {here:?}");
    here = [77, 78];
    copy("to it", &mut [segment(memory, granted(1, 8, 100), 8, 2)]);
    copy("page to page", &mut [segment(granted(1, 8, 96), granted(2, 8, 0), 12, 3)]);
    copy("back", &mut [segment(granted(2, 8, 4), memory, 8, 1)]);
    println!("  {here:?}");
    copy("local to local", &mut [segment(memory, memory, 8, 0)]);
    copy("across pages", &mut [segment(granted(1, 8, 4092), memory, 8, 1)]);
    copy("bad memory", &mut [segment(granted(1, 8, 0), [16, 0], 8, 1)]);
    let to = |domid, reference| segment(memory, granted(domid, reference, 0), 4, 2);
    copy("each its own", &mut [to(7, 8), to(1, 3), to(1, 9), to(1, 8)]);
}

pub(super) fn dmabuf() {
    const EXPORT: u64 = request(b'G', 9, 20);
    const WAIT: u64 = request(b'G', 10, 8);
    const IMPORT: u64 = request(b'G', 11, 20);
    const RELEASE: u64 = request(b'G', 12, 8);
    let gntdev = open("gntdev");
    say("both flags", ioctl(&gntdev, EXPORT, &mut [3, 1, 0, 1, 8]));
    say("bad grant", ioctl(&gntdev, EXPORT, &mut [0, 1, 0, 7, 8]));
    let mut two = [0, 2, 0, 1, 8, 10];
    say("export", ioctl(&gntdev, EXPORT, &mut two));
    let buffer = Fd::adopt(two[2]);
    say("no wait", ioctl(&gntdev, WAIT, &mut [buffer.number(), 0]));
    say("a wait in vain", ioctl(&gntdev, WAIT, &mut [buffer.number(), 9]));
    say("import too few", ioctl(&gntdev, IMPORT, &mut [buffer.number(), 1, 1, 0, 0]));
    say("import nothing", ioctl(&gntdev, IMPORT, &mut [999, 2, 1, 0, 0, 0]));
    let mut import = [buffer.number(), 2, 1, 0, 0, 0];
    say("import", ioctl(&gntdev, IMPORT, &mut import));
    println!("as {:?}", &import[4..]);
    say("release", ioctl(&gntdev, RELEASE, &mut [buffer.number(), 0]));
    say("release again", ioctl(&gntdev, RELEASE, &mut [buffer.number(), 0]));
    let number = buffer.number();
    drop(buffer);
    say("a wait", ioctl(&gntdev, WAIT, &mut [number, 9]));
    say("another", ioctl(&gntdev, WAIT, &mut [number, 9]));
}
