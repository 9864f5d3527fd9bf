//! `/dev/xen/gntalloc`.

use nix::libc::{MAP_PRIVATE, MAP_SHARED};

use super::{Pages, error, ioctl, open, request, say};

const ALLOC: u64 = request(b'G', 5, 24);
const DEALLOC: u64 = request(b'G', 6, 16);
const NOTIFY: u64 = request(b'G', 7, 16);

/// Domain 1 and writable.
const WHOM: u32 = 1 | 1 << 16;

pub(super) fn share() {
    let gntalloc = open("gntalloc");
    let mut two = [WHOM, 2, 9, 9, 0, 0];
    say("two", ioctl(&gntalloc, ALLOC, &mut two));
    println!("at page {}, as {:?}", two[2] / 4096, &two[4..]);
    let mut one = [WHOM, 1, 9, 9, 0, 0];
    say("one", ioctl(&gntalloc, ALLOC, &mut one));
    println!("at page {}, as {:?}", one[2] / 4096, &one[4..5]);
    say("private", error(Pages::map(&gntalloc, 0, 2, MAP_PRIVATE)));
    say("beyond", error(Pages::map(&gntalloc, 0, 4, MAP_SHARED)));
    let all = Pages::map(&gntalloc, 0, 3, MAP_SHARED).unwrap();
    println!("shows {}", all.word(2, 0));
    all.write(2, 1, 5);
    let again = Pages::map(&gntalloc, 8192, 1, MAP_SHARED).unwrap();
    println!("shows {}", again.word(0, 1));
    drop(again);
    let gntdev = open("gntdev");
    let mut own = [1, 0, 0, 0, 0, one[4]];
    say("mapped by its own domain", ioctl(&gntdev, request(b'G', 0, 24), &mut own));
    let own = Pages::map(&gntdev, own[2].into(), 1, MAP_SHARED).unwrap();
    println!("shows {}", own.word(0, 1));
    drop((own, gntdev));
    say("notify", ioctl(&gntalloc, NOTIFY, &mut [8192 + 4, 0, 1, 0]));
    say("notify beyond", ioctl(&gntalloc, NOTIFY, &mut [3 * 4096, 0, 1, 0]));
    say("notify otherwise", ioctl(&gntalloc, NOTIFY, &mut [0, 0, 4, 0]));
    say("unshare one of two", ioctl(&gntalloc, DEALLOC, &mut [0, 0, 1, 0]));
    say("unshare it again", ioctl(&gntalloc, DEALLOC, &mut [0, 0, 1, 0]));
    say("unshare the others", ioctl(&gntalloc, DEALLOC, &mut [4096, 0, 2, 0]));
    println!("still shows {}", all.word(2, 1));
    drop(all);
    let mut one = [WHOM, 1, 0, 0, 0, 0];
    say("one later", ioctl(&gntalloc, ALLOC, &mut one));
    println!("at page {}, as {:?}", one[2] / 4096, &one[4..5]);
}

pub(super) fn limit() {
    let gntalloc = open("gntalloc");
    let mut most = vec![0; 4 + 1024];
    most[..2].copy_from_slice(&[WHOM, 1025]);
    say("beyond the limit", ioctl(&gntalloc, ALLOC, &mut [WHOM, 1025, 0, 0, 0, 0]));
    most[1] = 1024;
    say("the limit", ioctl(&gntalloc, ALLOC, &mut most));
    say("one more", ioctl(&gntalloc, ALLOC, &mut [WHOM, 1, 0, 0, 0, 0]));
    drop(gntalloc);
    say("later", ioctl(&open("gntalloc"), ALLOC, &mut [WHOM, 1, 0, 0, 0, 0]));
}
