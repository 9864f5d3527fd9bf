use core::sync::atomic::Ordering::{self, Relaxed};

use xen_abi::xen::shared_info;

use super::*;
use crate::field;

#[repr(C, align(4096))]
struct Frame([u8; PAGE_SIZE]);

fn view(frame: &mut Frame) -> View<'_, ReadWrite> {
    // SAFETY: the frame is borrowed for as long as the view.
    unsafe { View::new(NonNull::from(&mut frame.0).cast()) }
}

#[test]
fn what_is_written_at_any_offset_is_read_back() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    // Clearing a page takes seconds under Miri.
    let lengths: &[u8] = if cfg!(miri) { &[9] } else { &[0, 1, 2, 8, 9, 17, 64] };
    for offset in [0, 1, 7, 8, 13, 4000] {
        for &length in lengths {
            let from: alloc::vec::Vec<u8> = (0..length).map(|at| at + 1).collect();
            view.clear();
            view.write(offset, &from).unwrap();
            let mut to = alloc::vec![0; from.len() + 2];
            view.read(offset.saturating_sub(1), &mut to).unwrap();
            let before = usize::from(offset > 0);
            assert_eq!(to[before..before + from.len()], from, "{offset} {length}");
            assert_eq!(to[before + from.len()], 0, "{offset} {length}");
        }
    }
}

#[test]
fn a_range_that_leaves_the_page_is_refused() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    assert_eq!(view.write(4095, &[1, 2]), Err(OutOfBounds { offset: 4095, length: 2 }));
    assert_eq!(view.read(usize::MAX, &mut [0]), Err(OutOfBounds { offset: usize::MAX, length: 1 }));
    assert_eq!(
        view.at_offset::<u32>(4094).map(|_| ()),
        Err(AccessError::OutOfBounds(OutOfBounds { offset: 4094, length: 4 }))
    );
    assert_eq!(
        view.at_offset::<u32>(2).map(|_| ()),
        Err(AccessError::Misaligned(Misaligned { offset: 2, align: 4 }))
    );
    assert!(view.at_offset::<[u8; PAGE_SIZE + 1]>(0).is_err());
    assert!(view.at_offset::<u8>(usize::MAX).is_err());
    assert_eq!(view.read(4096, &mut []), Ok(()));
    assert_eq!(view.at_offset::<u8>(4095).map(|last| last.load(Relaxed)), Ok(0));
}

/// What was checked is what is used: the peer changes the page, not what was read.
#[test]
fn xsa_155_what_was_read_once_does_not_change() {
    use xen_abi::grant_table::gnttab_set_version;

    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    view.write_obj(0, &gnttab_set_version { version: 1 }).unwrap();
    let checked: gnttab_set_version = view.read_obj(0).unwrap();
    view.write_obj(0, &gnttab_set_version { version: u32::MAX }).unwrap();
    assert_eq!(checked.version, 1);
}

#[test]
fn values_are_plain_bytes() {
    use xen_abi::grant_table::gnttab_set_version;

    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    view.write_obj(5, &gnttab_set_version { version: 0x0102_0304 }).unwrap();
    assert_eq!(view.read_obj::<gnttab_set_version>(5).unwrap().version, 0x0102_0304);
    for order in [Relaxed, Ordering::Release, Ordering::Acquire, Ordering::SeqCst] {
        const WORD: Field<u32> = Field::at::<8>();
        view.at(WORD).store(7, order);
        assert_eq!(view.at(WORD).load(order), 7);
    }
}

#[test]
fn members_are_found_by_name() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    const MASK: Field<u8> = field!(shared_info, vcpu_info[3].evtchn_upcall_mask);
    let first = core::mem::offset_of!(shared_info, vcpu_info);
    let size = size_of::<xen_abi::xen::vcpu_info>();
    let member = core::mem::offset_of!(xen_abi::xen::vcpu_info, evtchn_upcall_mask);
    assert_eq!(MASK.offset(), first + 3 * size + member);
    view.at(MASK).store(1, Relaxed);
    let vcpus = view.at(field!(shared_info, vcpu_info));
    assert_eq!(vcpus.element(3).unwrap().read().evtchn_upcall_mask, 1);
    assert!(vcpus.element(32).is_none());
    assert!(field!(shared_info, vcpu_info).element(32).is_none());
    assert_eq!(MASK.moved(4096 - MASK.offset() - 1).unwrap().offset(), 4095);
    assert!(MASK.moved(4096 - MASK.offset()).is_err());
    assert!(MASK.moved(usize::MAX).is_err());
}

#[test]
fn words_are_modified_in_one_access() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    let word = view.at(Field::<u16>::at::<6>());
    word.store(0b1100, Relaxed);
    assert_eq!(word.fetch_or(0b0011, Ordering::AcqRel), 0b1100);
    assert_eq!(word.fetch_and(!0b0101, Ordering::AcqRel), 0b1111);
    assert_eq!(word.swap(7, Ordering::AcqRel), 0b1010);
    assert_eq!(word.fetch_add(u16::MAX, Ordering::AcqRel), 7);
    assert_eq!(word.compare_exchange(7, 9, Ordering::AcqRel, Relaxed), Err(6));
    assert_eq!(word.compare_exchange(6, 9, Ordering::AcqRel, Relaxed), Ok(6));
    assert_eq!(word.load(Relaxed), 9);
    word.write(&0x0102);
    assert_eq!(word.read(), 0x0102);
    assert_eq!(view.read_obj::<u64>(0).unwrap().to_le(), 0x0102 << 48, "its neighbours are 0");
}

/// Threads of one program access the same bytes with words of every size, copy them and modify them. Run
/// under Miri, which reports an access for which Rust has no rule.
#[test]
fn threads_access_the_same_bytes_with_words_of_any_size() {
    fn both<W: Word + From<u8>>(view: View<'_, ReadWrite>, offset: usize) {
        let place = view.at_offset::<W>(offset).unwrap();
        place.store(W::from(0x55), Ordering::Release);
        let _ = place.load(Ordering::Acquire);
        place.swap(W::from(1), Ordering::AcqRel);
        place.fetch_or(W::from(0xff), Relaxed);
        place.fetch_and(W::from(0x55), Ordering::Release);
        place.fetch_add(W::from(0x10), Ordering::SeqCst);
        let _ = place.compare_exchange(W::from(0x65), W::from(0), Ordering::AcqRel, Relaxed);
    }

    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    let copy = |offset| {
        view.write(offset, &[0x55; 21]).unwrap();
        view.read(offset, &mut [0; 19]).unwrap();
        let copied: [u32; 2] = view.at(Field::<[u32; 2]>::at::<8>()).read();
        view.at(Field::<[u16; 4]>::at::<8>()).write(&[copied[0] as u16; 4]);
        view.clear();
    };
    std::thread::scope(|scope| {
        for round in 0..2 {
            scope.spawn(move || both::<u8>(view, 9 + round));
            scope.spawn(move || both::<u16>(view, 10 + 2 * round));
            scope.spawn(move || both::<u32>(view, 8 + 4 * round));
            #[cfg(target_pointer_width = "64")]
            scope.spawn(move || both::<u64>(view, 8));
            scope.spawn(move || copy(7 + round));
        }
    });
}

/// Bytes and the word that they are, by two threads: no store is lost, and no part of one.
#[test]
fn stores_of_any_size_are_whole() {
    const ROUNDS: u32 = if cfg!(miri) { 20 } else { 100_000 };
    let mut frame = Frame([0; PAGE_SIZE]);
    let view = view(&mut frame);
    let word = view.at(Field::<u32>::at::<16>());
    let low = view.at(Field::<u8>::at::<16>());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                // Bits above the lowest byte.
                word.fetch_add(0x100, Relaxed);
            }
        });
        for _ in 0..ROUNDS {
            low.store(0, Relaxed);
            low.store(1, Relaxed);
        }
    });
    assert_eq!(word.load(Relaxed), ROUNDS << 8 | 1);
}
