use core::sync::atomic::Ordering;

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
    for offset in [0, 1, 7, 8, 13, 4000] {
        for length in [0, 1, 2, 8, 9, 17, 64] {
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
