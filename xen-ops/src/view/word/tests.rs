//! The assembly does what the portable implementation says.

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};

use proptest::prelude::*;

use super::sealed::Sealed;
use super::{NonNull, bulk, portable};
use crate::page_size::PAGE_SIZE;
use crate::view;

#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bytes([u8; 16]);

impl Bytes {
    fn at(&mut self, offset: usize) -> NonNull<u8> {
        NonNull::from(&mut self.0).cast::<u8>().map_addr(|at| at | offset)
    }
}

const ORDERS: [Ordering; 5] = [Relaxed, Acquire, Release, AcqRel, SeqCst];

/// Everything that can be done to a word, beside the same by the portable implementation.
fn check<W>(bytes: [u8; 16], place: usize, [value, other]: [u64; 2], number: impl Fn(u64) -> W)
where
    W: Sealed + Copy + PartialEq + core::fmt::Debug + Into<u64>,
{
    let size = size_of::<W>();
    let offset = place % (16 / size) * size;
    let (word, bits) = (number(value), |word: W| Into::<u64>::into(word) as usize);
    let compare = |ours: &dyn Fn(NonNull<u8>) -> Result<W, W>,
                   theirs: &dyn Fn(usize) -> Option<usize>| {
        let (mut one, mut two) = (Bytes(bytes), Bytes(bytes));
        let result = ours(one.at(offset)).map(bits).map_err(bits);
        // SAFETY: the word is inside the bytes, which are as aligned as any granule.
        let expected = unsafe { portable::modify(two.at(offset), size, [Relaxed; 2], theirs) };
        assert_eq!((result, one), (expected, two), "{size} {offset}");
    };
    let with = bits(word);
    // SAFETY (of all blocks): the word is inside the bytes.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "argued once")]
    {
        let mut same = Bytes(bytes);
        let at = same.at(offset);
        let current = unsafe { W::load(at) };
        assert_eq!(bits(current), unsafe { portable::load(at, size) });
        compare(&|at| unsafe { Ok((W::load(at), W::store(at, word)).0) }, &|_| Some(with));
        for order in ORDERS {
            compare(&|at| unsafe { Ok(W::swap(at, word, order)) }, &|_| Some(with));
            compare(&|at| unsafe { Ok(W::fetch_and(at, word, order)) }, &|was| Some(was & with));
            compare(&|at| unsafe { Ok(W::fetch_or(at, word, order)) }, &|was| Some(was | with));
            compare(&|at| unsafe { Ok(W::fetch_add(at, word, order)) }, &|was| {
                Some(was.wrapping_add(with))
            });
            for failure in [Relaxed, Acquire, SeqCst] {
                for expected in [current, number(other)] {
                    compare(
                        &|at| unsafe { W::compare_exchange(at, expected, word, order, failure) },
                        &|was| (was == bits(expected)).then_some(with),
                    );
                }
            }
        }
    }
}

#[repr(C, align(4096))]
struct Frame([u8; PAGE_SIZE]);

/// What a page or a buffer holds at first: no byte is as its neighbours.
fn pattern(bytes: &mut [u8], seed: u8) {
    for (byte, at) in bytes.iter_mut().zip(0_usize..) {
        *byte = (at as u8).wrapping_mul(29).wrapping_add((at >> 8) as u8) ^ seed;
    }
}

/// Copies `length` bytes between a page and a buffer, `places` into each, out and in, beside the same by the
/// portable implementation, byte by byte.
fn check_copies(places: [usize; 2], length: usize, seed: u8) {
    let [offset, buffer_offset] = places;
    let range = buffer_offset..buffer_offset + length;
    let case = (places, length);
    let mut frame = Frame([0; PAGE_SIZE]);
    pattern(&mut frame.0, seed);
    let mut buffer = alloc::vec![seed; range.end + 8];
    let mut expected = buffer.clone();
    let at = NonNull::from(&mut frame.0).cast::<u8>().map_addr(|at| at | offset);
    for (byte, next) in expected[range.clone()].iter_mut().zip(0..) {
        // SAFETY: inside the page.
        *byte = unsafe { portable::load(at.add(next), 1) } as u8;
    }
    // SAFETY: inside the page.
    unsafe { bulk::read(at, &mut buffer[range.clone()]) };
    assert!(buffer == expected, "read {case:?}");

    pattern(&mut buffer, !seed);
    let mut twin = Frame(frame.0);
    let twin_at = NonNull::from(&mut twin.0).cast::<u8>().map_addr(|at| at | offset);
    for (byte, next) in buffer[range.clone()].iter().zip(0..) {
        let new = |_| Some(usize::from(*byte));
        // SAFETY: inside the page.
        let _ = unsafe { portable::modify(twin_at.add(next), 1, [Relaxed; 2], new) };
    }
    let at = NonNull::from(&mut frame.0).cast::<u8>().map_addr(|at| at | offset);
    // SAFETY: inside the page.
    unsafe { bulk::write(at, &buffer[range]) };
    assert!(frame.0 == twin.0, "write {case:?}");
}

/// Around each length from which on a copy is done another way, at each alignment of both sides.
#[test]
fn copies_of_any_alignment_do_what_the_portable_implementation_does() {
    for offset in 0..8 {
        for buffer_offset in 0..8 {
            for length in (0..=152).chain(504..=544).chain(2040..=2072) {
                check_copies([offset, buffer_offset], length, length as u8);
            }
            check_copies([offset, buffer_offset], PAGE_SIZE - 8, 0x5a);
        }
    }
}

#[test]
fn a_page_is_cleared_to_its_end_and_no_further() {
    let mut frames = alloc::vec::Vec::from([(); 3].map(|()| Frame([0x5a; PAGE_SIZE])));
    // SAFETY: the frame is borrowed for as long as the view.
    let view: view::View<'_, crate::ReadWrite> =
        unsafe { view::View::new(NonNull::from(&mut frames[1].0).cast()) };
    view.clear();
    assert!([&frames[0], &frames[2]].iter().all(|frame| frame.0 == [0x5a; PAGE_SIZE]));
    assert!(frames[1].0 == [0; PAGE_SIZE]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn assembly_does_what_the_portable_implementation_does(
        bytes in any::<[u8; 16]>(),
        place in 0..16_usize,
        values in any::<[u64; 2]>(),
    ) {
        check(bytes, place, values, |value| value as u8);
        check(bytes, place, values, |value| value as u16);
        check(bytes, place, values, |value| value as u32);
        #[cfg(target_pointer_width = "64")]
        check(bytes, place, values, |value| value);
    }

    #[test]
    fn copies_of_any_length_do_what_the_portable_implementation_does(
        (offset, length) in (0..PAGE_SIZE).prop_flat_map(|at| (Just(at), 0..=PAGE_SIZE - at)),
        buffer_offset in 0..16_usize,
        seed in any::<u8>(),
    ) {
        check_copies([offset, buffer_offset], length, seed);
    }
}
