//! Random operations of both ends beside a plain queue, and random words in the page.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::ring::protocols::NetifRx;
use xen_io::ring::{Back, Front, Position};
use xen_ops::view::Field;

use super::{REQ_PROD, RSP_PROD, pages, request, response, views};

#[derive(Clone, Copy, Debug)]
enum Operation {
    Put(u8),
    PushRequests,
    TakeRequests(u8),
    Answer(u8),
    PushResponses,
    TakeResponses(u8),
    Reconnect,
    FinalChecks,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        4 => any::<u8>().prop_map(Put),
        3 => Just(PushRequests),
        4 => any::<u8>().prop_map(TakeRequests),
        4 => any::<u8>().prop_map(Answer),
        3 => Just(PushResponses),
        4 => any::<u8>().prop_map(TakeResponses),
        1 => Just(Reconnect),
        2 => Just(FinalChecks),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Every request is answered once, in order, whatever the two ends do when.
    #[test]
    fn requests_and_responses_are_neither_lost_nor_doubled(
        start in any::<u32>(),
        operations in vec(operation(), 0..200),
    ) {
        let pages = pages::<1>();
        let position = Position { req_prod: start, rsp_cons: start };
        for field in [REQ_PROD, RSP_PROD] {
            views(&pages)[0].at(field).store(start, Relaxed);
        }
        let mut front = Front::<NetifRx, _>::attach(views(&pages), position).unwrap();
        let mut back = Back::<NetifRx, _>::attach(views(&pages)).unwrap();
        // Whether the back end is a successor that has not pushed, which may notify of what another one has pushed.
        let mut succeeds = true;
        let mut next = 0_u16;
        let (mut written, mut pushed) = (VecDeque::new(), VecDeque::new());
        let (mut taken, mut answered, mut expected) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        for operation in operations {
            match operation {
                Operation::Put(count) => for _ in 0..count {
                    let fits = front.put(&request(next)).is_ok();
                    let held = written.len() + pushed.len() + taken.len() + answered.len() + expected.len();
                    prop_assert_eq!(fits, held < 256);
                    if fits {
                        written.push_back(next);
                        next = next.wrapping_add(1);
                    }
                },
                Operation::PushRequests => {
                    let _ = front.push();
                    pushed.append(&mut written);
                }
                Operation::TakeRequests(count) => for _ in 0..count {
                    let found = back.take().unwrap().map(|request| request.id);
                    prop_assert_eq!(found, pushed.pop_front());
                    taken.extend(found);
                },
                Operation::Answer(count) => for _ in 0..count {
                    let Some(id) = taken.pop_front() else { break };
                    back.put(&response(id)).unwrap();
                    answered.push_back(id);
                },
                Operation::PushResponses => {
                    let notify = back.push();
                    prop_assert!(!notify || !answered.is_empty() || succeeds);
                    succeeds = false;
                    expected.append(&mut answered);
                }
                Operation::TakeResponses(count) => for _ in 0..count {
                    let found = front.take().unwrap().map(|response| response.id);
                    prop_assert_eq!(found, expected.pop_front());
                },
                Operation::Reconnect => {
                    // Requests that are taken and not answered are taken again: but see `Back::detach`.
                    prop_assert_eq!(back.outstanding() as usize, taken.len());
                    let (memory, notify) = back.detach();
                    prop_assert!(!notify || !answered.is_empty() || succeeds);
                    succeeds = true;
                    expected.append(&mut answered);
                    back = Back::attach(memory).unwrap();
                    while let Some(id) = taken.pop_back() {
                        pushed.push_front(id);
                    }
                    let (memory, position) = front.detach();
                    written.clear();
                    front = Front::attach(memory, position).unwrap();
                }
                Operation::FinalChecks => {
                    prop_assert_eq!(back.final_check().unwrap(), !pushed.is_empty());
                    prop_assert_eq!(front.final_check().unwrap(), !expected.is_empty());
                }
            }
        }
    }

    /// Whatever is in the page, each end takes at most as many entries as the ring holds, or says which
    /// index is wrong.
    #[test]
    fn no_indices_make_an_end_take_more_than_there_can_be(
        words in vec((0..16_usize, any::<u32>()), 0..60),
        near in vec((0..4_usize, 0..600_u32), 0..60),
    ) {
        let pages = pages::<1>();
        let page = views(&pages)[0];
        let mut front = Front::<NetifRx, _>::new(page).unwrap();
        let mut back = Back::<NetifRx, _>::attach(page).unwrap();
        for (word, value) in words.into_iter().chain(near) {
            page.at(Field::<u32>::at_offset(word * 4).unwrap()).store(value, Relaxed);
            let mut taken = 0;
            while let Ok(Some(request)) = back.take() {
                taken += 1;
                prop_assert!(back.put(&response(request.id)).is_ok());
            }
            prop_assert!(taken <= 256);
            prop_assert_eq!(back.outstanding(), 0);
            let _ = (back.push(), back.final_check());
            let asked = u32::from(front.put(&request(1)).is_ok());
            let before = front.outstanding();
            let _ = front.push();
            let mut answers = 0;
            while let Ok(Some(_)) = front.take() {
                answers += 1;
            }
            prop_assert!(answers <= before, "{answers} answers to {before} requests, {asked} new");
            let _ = front.final_check_for(value);
        }
    }
}
