//! A peer that writes what it likes.

use std::sync::atomic::Ordering::Relaxed;

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::AttachError;
use xen_io::stream::{Stream, console};

use super::{cases, pages, views};

#[test]
fn more_bytes_than_the_ring_holds_are_refused() {
    for case in cases() {
        let memory = pages(case.pages);
        let views = views(&memory);
        let mut stream = Stream::attach(&views[..], case.layout).unwrap();
        let size = case.layout.incoming.size();
        for lie in [size + 1, u32::MAX, 1 << 31] {
            views[0].at_offset::<u32>(case.read[0]).unwrap().store(lie, Relaxed);
            let error = stream.read(&mut [0; 8]).unwrap_err();
            assert_eq!((error.value, error.first, error.last), (lie, 0, size));
            assert_eq!(stream.available(), Err(error));
            let failed = Stream::attach(&views[..], case.layout).unwrap_err();
            assert_eq!(failed.error, AttachError::Index(error));
        }
    }
}

#[test]
fn bytes_that_were_not_written_cannot_have_been_read() {
    for case in cases() {
        let memory = pages(case.pages);
        let views = views(&memory);
        let mut stream = Stream::attach(&views[..], case.layout).unwrap();
        assert_eq!(stream.write(b"four").unwrap().bytes, 4);
        let cons = views[0].at_offset::<u32>(case.written[1]).unwrap();
        for lie in [5, u32::MAX] {
            cons.store(lie, Relaxed);
            let error = stream.write(b"x").unwrap_err();
            assert_eq!((error.value, error.first, error.last), (lie, 0, 4));
            assert_eq!(stream.free(), Err(error));
        }
        cons.store(3, Relaxed);
        assert_eq!(stream.write(b"x").unwrap().bytes, 1);
        cons.store(2, Relaxed);
        assert_eq!(stream.write(b"x").unwrap_err().value, 2, "it moved backwards");
    }
}

#[test]
fn own_indices_are_not_read_back() {
    let memory = pages(1);
    let page = views(&memory)[0];
    let mut stream = Stream::attach(page, console::FRONT).unwrap();
    let own = [3072, 3084].map(|offset| page.at_offset::<u32>(offset).unwrap());
    page.at_offset::<u32>(3076).unwrap().store(2, Relaxed);
    for word in own {
        word.store(999, Relaxed);
    }
    assert_eq!(stream.write(b"abc").unwrap().bytes, 3);
    assert_eq!(stream.read(&mut [0; 8]).unwrap().bytes, 2);
    assert_eq!(own.map(|word| word.load(Relaxed)), [2, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_indices_make_an_end_copy_more_than_the_ring_holds(
        words in vec((0..4_usize, prop_oneof![any::<u32>(), 0..3000_u32]), 0..40),
    ) {
        for case in cases() {
            let memory = pages(case.pages);
            let views = views(&memory);
            let mut stream = Stream::attach(&views[..], case.layout).unwrap();
            let offsets = [case.read[0], case.read[1], case.written[0], case.written[1]];
            let mut buffer = vec![0; 20_000];
            for (word, value) in &words {
                views[0].at_offset::<u32>(offsets[*word]).unwrap().store(*value, Relaxed);
                if let Ok(read) = stream.read(&mut buffer) {
                    prop_assert!(read.bytes <= case.layout.incoming.size() as usize);
                }
                if let Ok(written) = stream.write(&buffer) {
                    prop_assert!(written.bytes <= case.layout.outgoing.size() as usize);
                }
            }
        }
    }
}
