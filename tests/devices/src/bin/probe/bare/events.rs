//! `/dev/xen/evtchn`.

use nix::libc::O_NONBLOCK;

use super::{ioctl, open, open_with, read, readable, request, say, write};

const VIRQ: u64 = request(b'E', 0, 4);
const INTERDOMAIN: u64 = request(b'E', 1, 8);
const UNBOUND: u64 = request(b'E', 2, 4);
const UNBIND: u64 = request(b'E', 3, 4);
const NOTIFY: u64 = request(b'E', 4, 4);
const RESET: u64 = request(b'E', 5, 0);
const RESTRICT: u64 = request(b'E', 6, 2);

pub(super) fn events() {
    let evtchn = open_with("evtchn", O_NONBLOCK);
    let other = open("evtchn");
    say("unbound", ioctl(&evtchn, UNBOUND, &mut [0]));
    say("to it", ioctl(&other, INTERDOMAIN, &mut [0, 1]));
    say("to it again", ioctl(&other, INTERDOMAIN, &mut [0, 1]));
    say("to another domain", ioctl(&evtchn, INTERDOMAIN, &mut [1, 5]));
    say("to one that is gone", ioctl(&evtchn, INTERDOMAIN, &mut [7, 5]));
    say("an interrupt", ioctl(&evtchn, VIRQ, &mut [0]));
    say("the same", ioctl(&other, VIRQ, &mut [0]));
    say("none such", ioctl(&other, VIRQ, &mut [24]));
    say("notify another's", ioctl(&evtchn, NOTIFY, &mut [2]));
    say("notify beyond", ioctl(&evtchn, NOTIFY, &mut [1 << 20]));
    let mut ports = [0; 4];
    say("nothing to read", read(&evtchn, &mut ports));
    println!("readable: {}", readable(&evtchn));
    say("notify", ioctl(&other, NOTIFY, &mut [2]));
    println!("readable: {}", readable(&evtchn));
    say("notify again", ioctl(&other, NOTIFY, &mut [2]));
    say("read", read(&evtchn, &mut ports));
    println!("port {}, readable: {}", ports[0], readable(&evtchn));
    say("unmask", write(&evtchn, &[1, 2, 99]));
    println!("readable: {}", readable(&evtchn));
    say("reset", ioctl(&evtchn, RESET, &mut []));
    println!("readable: {}", readable(&evtchn));
    say("blocking", read(&other, &mut ports));
    say("unbind another's", ioctl(&evtchn, UNBIND, &mut [2]));
    say("unbind", ioctl(&evtchn, UNBIND, &mut [1]));
    say("again", ioctl(&evtchn, UNBIND, &mut [1]));
    say("no such request", ioctl(&evtchn, request(b'E', 9, 0), &mut []));
}

pub(super) fn restricted() {
    let evtchn = open("evtchn");
    say("to domain 0", ioctl(&evtchn, RESTRICT, &mut [0]));
    say("to domain 1", ioctl(&evtchn, RESTRICT, &mut [1]));
    say("again", ioctl(&evtchn, RESTRICT, &mut [1]));
    say("domain 1", ioctl(&evtchn, INTERDOMAIN, &mut [1, 3]));
    say("domain 2", ioctl(&evtchn, INTERDOMAIN, &mut [2, 3]));
    say("an interrupt", ioctl(&evtchn, VIRQ, &mut [0]));
    say("reset", ioctl(&evtchn, RESET, &mut []));
}
