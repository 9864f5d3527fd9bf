//! Queues of events with priorities, in place of one bit for each port.

#![allow(unsafe_code, reason = "gives Xen pages to write to")]

use core::ptr;
use core::sync::atomic::Ordering;

use xen_abi::Plain;
use xen_abi::event_channel::*;
use xen_abi::xen::{__HYPERVISOR_event_channel_op, DOMID_SELF};
use xen_ops::page::Page;
use xen_ops::view::{Field, Place};
use xen_ops::{ReadWrite, View, field};

use crate::frame::number;
use crate::{Guest, Run};

/// Frames that are none.
const NOWHERE: u64 = 0x7fff_ffff;

/// Where the control block is in its page, in bytes.
const OFFSET: usize = 64;
const READY: Field<u32> =
    Field::at::<{ OFFSET + field!(evtchn_fifo_control_block, ready).offset() }>();
const HEADS: Field<[u32; 16]> =
    Field::at::<{ OFFSET + field!(evtchn_fifo_control_block, head).offset() }>();
/// A page of words, one for each port.
const WORDS: Field<[event_word_t; 1024]> = Field::at::<0>();

/// The control block and the words.
struct Queues<'a> {
    control: View<'a, ReadWrite>,
    words: View<'a, ReadWrite>,
}

impl<'a> Queues<'a> {
    /// The bits of a port's word, and the next port in its queue.
    fn word(&self, port: evtchn_port_t) -> u32 {
        self.place(port).load(Ordering::SeqCst)
    }

    fn set_word(&self, port: evtchn_port_t, word: u32) {
        self.place(port).store(word, Ordering::SeqCst);
    }

    fn place(&self, port: evtchn_port_t) -> Place<'a, event_word_t, ReadWrite> {
        let word = self.words.at(WORDS).element(port.0 as usize);
        word.expect("a domain with few ports has small port numbers")
    }

    /// The queues that have events, a bit for each.
    fn ready(&self) -> u32 {
        self.control.at(READY).load(Ordering::SeqCst)
    }

    /// Says that none has any.
    fn clear_ready(&self) {
        self.control.at(READY).store(0, Ordering::SeqCst);
    }

    /// The port at the head of a queue.
    fn head(&self, priority: u32) -> u32 {
        let head = self.control.at(HEADS).element(priority as usize);
        head.map_or(0, |head| head.load(Ordering::SeqCst))
    }
}

pub(crate) fn fifo<G: Guest>(run: &mut Run<'_, G>) {
    let (control, words) = (run.guest.page(), run.guest.page());
    let first = ipi(run);
    op(run, "set_priority, bits", EVTCHNOP_set_priority, &mut priority(first, 3));
    let mut array = evtchn_expand_array { array_gfn: number(words.frame()) };
    op(run, "expand_array, bits", EVTCHNOP_expand_array, &mut array);
    // What is pending already is found again.
    op(run, "send before there are queues", EVTCHNOP_send, &mut evtchn_send { port: first });
    for (name, control_gfn, offset, vcpu) in [
        ("no such vcpu", number(control.frame()), OFFSET as u32, 99),
        ("across the end of the page", number(control.frame()), 4096 - 71, 0),
        ("not aligned", number(control.frame()), 4, 0),
        ("no such frame", NOWHERE, OFFSET as u32, 0),
        ("a block", number(control.frame()), OFFSET as u32, 0),
        ("a second one", number(control.frame()), 1024, 0),
    ] {
        let mut init =
            evtchn_init_control { control_gfn, offset, vcpu, ..evtchn_init_control::ZERO };
        op(run, format_args!("init_control, {name}"), EVTCHNOP_init_control, &mut init);
        run.step(format_args!("init_control, {name}, link bits"), init.link_bits);
    }
    let mut nowhere = evtchn_expand_array { array_gfn: NOWHERE };
    op(run, "expand_array, no such frame", EVTCHNOP_expand_array, &mut nowhere);
    let queues = Queues { control: control.view(), words: words.view() };
    run.step("ready before there are words", Bits(queues.ready()));
    op(run, "expand_array", EVTCHNOP_expand_array, &mut array);
    run.step("pending before, ready", Bits(queues.ready()));
    run.step("pending before, word", Bits(queues.word(first)));
    run.step("pending before, head", queues.head(EVTCHN_FIFO_PRIORITY_DEFAULT) == first.0);
    queues.set_word(first, 0);
    queues.clear_ready();
    queue(run, &queues, first);
    // Bits again.
    op(run, "reset", EVTCHNOP_reset, &mut evtchn_reset { dom: DOMID_SELF });
    op(run, "expand_array, bits again", EVTCHNOP_expand_array, &mut array);
    let port = ipi(run);
    op(run, "send, bits again", EVTCHNOP_send, &mut evtchn_send { port });
    let pending = run.guest.take_event(port.0);
    run.step("pending, bits again", pending);
    op(run, "close, bits again", EVTCHNOP_close, &mut evtchn_close { port });
}

/// Events in two queues, one after the other, masked and unmasked.
fn queue<G: Guest>(run: &mut Run<'_, G>, queues: &Queues<'_>, first: evtchn_port_t) {
    let (second, urgent) = (ipi(run), ipi(run));
    let next = |word: u32, port: evtchn_port_t| {
        let link = word & EVTCHN_FIFO_LINK_MASK;
        if link == 0 {
            "nothing"
        } else if link == port.0 {
            "the other"
        } else {
            "something"
        }
    };
    let bits = |word: u32| Bits(word & !EVTCHN_FIFO_LINK_MASK);
    op(run, "set_priority", EVTCHNOP_set_priority, &mut priority(urgent, 1));
    op(run, "set_priority, too low", EVTCHNOP_set_priority, &mut priority(urgent, 16));
    let none = evtchn_port_t(3000);
    op(run, "set_priority, no such port", EVTCHNOP_set_priority, &mut priority(none, 1));
    for (name, port) in [("first", first), ("second", second), ("urgent", urgent)] {
        op(run, format_args!("send, {name}"), EVTCHNOP_send, &mut evtchn_send { port });
        run.step(format_args!("send, {name}, ready"), Bits(queues.ready()));
        run.step(format_args!("send, {name}, word"), bits(queues.word(port)));
    }
    run.step("queue, head", queues.head(EVTCHN_FIFO_PRIORITY_DEFAULT) == first.0);
    run.step("queue, behind the first", next(queues.word(first), second));
    run.step("queue, behind the second", next(queues.word(second), first));
    run.step("queue, urgent, head", queues.head(1) == urgent.0);
    op(run, "send, first again", EVTCHNOP_send, &mut evtchn_send { port: first });
    run.step("send, first again, behind it", next(queues.word(first), second));
    for port in [first, second, urgent] {
        queues.set_word(port, 0);
    }
    queues.clear_ready();

    queues.set_word(second, 1 << EVTCHN_FIFO_MASKED);
    op(run, "send, masked", EVTCHNOP_send, &mut evtchn_send { port: second });
    run.step("send, masked, word", Bits(queues.word(second)));
    run.step("send, masked, ready", Bits(queues.ready()));
    op(run, "unmask", EVTCHNOP_unmask, &mut evtchn_unmask { port: second });
    run.step("unmask, word", Bits(queues.word(second)));
    run.step("unmask, ready", Bits(queues.ready()));
    run.step("unmask, head", queues.head(EVTCHN_FIFO_PRIORITY_DEFAULT) == second.0);
    op(run, "unmask, nothing pending", EVTCHNOP_unmask, &mut evtchn_unmask { port: first });
    run.step("unmask, nothing pending, word", Bits(queues.word(first)));
    op(run, "close", EVTCHNOP_close, &mut evtchn_close { port: second });
    run.step("close, word", Bits(queues.word(second)));
}

fn priority(port: evtchn_port_t, priority: u32) -> evtchn_set_priority {
    evtchn_set_priority { port, priority }
}

/// A port of its own.
fn ipi<G: Guest>(run: &mut Run<'_, G>) -> evtchn_port_t {
    let bound = xen_ops::hypercall::event_channel_op::bind_ipi(run.guest.xen(), 0);
    bound.unwrap_or_default()
}

fn op<G: Guest, T: Plain>(
    run: &mut Run<'_, G>,
    name: impl core::fmt::Display,
    command: u32,
    argument: &mut T,
) {
    let at = ptr::from_mut(argument).expose_provenance();
    // SAFETY: Xen reads and writes the argument, and pages that nothing else uses.
    unsafe { run.raw(name, __HYPERVISOR_event_channel_op, [command as usize, at, 0]) };
}

/// A word in hexadecimal digits.
struct Bits(u32);

impl core::fmt::Display for Bits {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
