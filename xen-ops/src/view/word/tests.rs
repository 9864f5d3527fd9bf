//! The assembly does what the portable implementation says.

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};

use proptest::prelude::*;

use super::sealed::Sealed;
use super::{NonNull, portable};

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

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 256 },
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
}
