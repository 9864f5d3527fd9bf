//! A front end and a back end, one of which is in C, on two threads.

use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use xen_io::Pages;
use xen_io::ring::protocols::{Blkif, NetifRx, NetifTx, Vscsiif};
use xen_io::ring::{Back, Front, Protocol};
use xen_io::xen_abi::{Plain, as_bytes, from_bytes};
use xen_rings::{End, Memory};

use super::peer;

const REQUESTS: u32 = 40_000;

/// An event channel in one direction.
#[derive(Default)]
struct Event {
    pending: Mutex<bool>,
    changed: Condvar,
}

impl Event {
    fn notify(&self) {
        *self.pending.lock().unwrap() = true;
        self.changed.notify_one();
    }

    /// Waits for an event. None in a minute means that the other end sleeps too.
    fn wait(&self) {
        let guard = self.pending.lock().unwrap();
        let (mut pending, timeout) = self
            .changed
            .wait_timeout_while(guard, Duration::from_secs(60), |pending| !*pending)
            .unwrap();
        assert!(!timeout.timed_out(), "asleep forever");
        *pending = false;
    }
}

/// A side of a ring, in Rust or in C.
trait Side<In, Out> {
    fn take(&mut self) -> Option<In>;
    fn put(&mut self, entry: &Out) -> bool;
    fn push(&mut self) -> bool;
    fn final_check(&mut self) -> bool;
}

impl<P: Protocol, M: Pages> Side<P::Response, P::Request> for Front<P, M> {
    fn take(&mut self) -> Option<P::Response> {
        Self::take(self).unwrap()
    }

    fn put(&mut self, entry: &P::Request) -> bool {
        Self::put(self, entry).is_ok()
    }

    fn push(&mut self) -> bool {
        Self::push(self)
    }

    fn final_check(&mut self) -> bool {
        Self::final_check(self).unwrap()
    }
}

impl<P: Protocol, M: Pages> Side<P::Request, P::Response> for Back<P, M> {
    fn take(&mut self) -> Option<P::Request> {
        Self::take(self).unwrap()
    }

    fn put(&mut self, entry: &P::Response) -> bool {
        Self::put(self, entry).is_ok()
    }

    fn push(&mut self) -> bool {
        Self::push(self)
    }

    fn final_check(&mut self) -> bool {
        Self::final_check(self).unwrap()
    }
}

impl<In: Plain, Out: Plain> Side<In, Out> for End {
    fn take(&mut self) -> Option<In> {
        Self::take(self)
    }

    fn put(&mut self, entry: &Out) -> bool {
        Self::put(self, entry)
    }

    fn push(&mut self) -> bool {
        Self::push(self)
    }

    fn final_check(&mut self) -> bool {
        Self::final_check(self)
    }
}

/// An entry whose bytes all depend on its number.
fn entry<T: Plain>(number: u32) -> T {
    let bytes: Vec<u8> = (0..size_of::<T>())
        .map(|at| (number.wrapping_mul(31).wrapping_add(at as u32) % 253) as u8)
        .collect();
    from_bytes(&bytes).unwrap()
}

fn check<T: Plain>(found: &T, number: u32) {
    assert_eq!(as_bytes(found), as_bytes(&entry::<T>(number)), "entry {number}");
}

/// Makes requests in batches of changing length, and checks the responses. Returns how often it notified.
fn front_end<In: Plain, Out: Plain>(
    side: &mut impl Side<In, Out>,
    to_back: &Event,
    from_back: &Event,
) -> u32 {
    let (mut asked, mut answered, mut notified) = (0, 0, 0);
    while answered < REQUESTS {
        let batch = asked % 37 + 1;
        for _ in 0..batch {
            if asked == REQUESTS || !side.put(&entry(asked)) {
                break;
            }
            asked += 1;
        }
        if side.push() {
            notified += 1;
            to_back.notify();
        }
        while let Some(response) = side.take() {
            check(&response, answered);
            answered += 1;
        }
        if answered < asked && !side.final_check() {
            from_back.wait();
        }
    }
    notified
}

/// Answers all requests.
fn back_end<In: Plain, Out: Plain>(
    side: &mut impl Side<In, Out>,
    to_front: &Event,
    from_front: &Event,
) {
    let mut done = 0;
    while done < REQUESTS {
        while let Some(request) = side.take() {
            check(&request, done);
            assert!(side.put(&entry(done)));
            done += 1;
            // Sometimes at once, sometimes several at a time.
            if done % 5 == 0 && side.push() {
                to_front.notify();
            }
        }
        if side.push() {
            to_front.notify();
        }
        if done < REQUESTS && !side.final_check() {
            from_front.wait();
        }
    }
}

fn run<In: Plain, Out: Plain>(
    mut front: impl Side<In, Out> + Send,
    mut back: impl Side<Out, In> + Send,
) {
    let (to_back, to_front) = (Event::default(), Event::default());
    let notified = thread::scope(|scope| {
        scope.spawn(|| back_end(&mut back, &to_front, &to_back));
        front_end(&mut front, &to_back, &to_front)
    });
    assert!(notified > 0 && notified <= REQUESTS);
}

/// Both roles, in as many pages.
fn both_roles<P: Protocol>(tag: &str, pages: usize) {
    let memory = Memory::new(pages);
    let front = Front::<P, _>::new(memory.views()).unwrap();
    run(front, End::new(peer(), tag, "back", &memory));
    let memory = Memory::new(pages);
    let front = End::new(peer(), tag, "front", &memory);
    run(front, Back::<P, _>::attach(memory.views()).unwrap());
}

#[test]
fn block_requests_reach_c_and_come_back() {
    both_roles::<Blkif>("blkif", 1);
}

#[test]
fn block_requests_in_four_pages_reach_c_and_come_back() {
    both_roles::<Blkif>("blkif", 4);
}

#[test]
fn packets_reach_c_and_come_back() {
    both_roles::<NetifTx>("netif_tx", 1);
    both_roles::<NetifRx>("netif_rx", 1);
}

#[test]
fn entries_that_extend_into_the_next_page_reach_c_and_come_back() {
    both_roles::<Vscsiif>("vscsiif", 2);
}
