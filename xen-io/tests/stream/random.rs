//! Random reads and writes beside a plain queue.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use proptest::collection::vec;
use proptest::prelude::*;
use xen_io::AttachError;
use xen_io::stream::{ByteRing, Layout, Stream, flex};
use xen_ops::view::Field;

use super::{cases, pages, views};

#[derive(Clone, Copy, Debug)]
enum Operation {
    Write(u16),
    Read(u16),
    Reattach,
}

fn operation() -> impl Strategy<Value = Operation> {
    let length = prop_oneof![0..20_u16, 0..10_000_u16];
    prop_oneof![
        8 => length.clone().prop_map(Operation::Write),
        8 => length.prop_map(Operation::Read),
        1 => Just(Operation::Reattach),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..Default::default() })]

    /// Every byte arrives once and in order, wherever the indices start.
    #[test]
    fn bytes_are_neither_lost_nor_changed(
        start in any::<u32>(),
        operations in vec(operation(), 1..60),
    ) {
        for case in cases() {
            for (layout, [prod, cons]) in
                [(case.layout, case.written), (case.layout.reversed(), case.read)]
            {
                let memory = pages(case.pages);
                let views = views(&memory);
                for offset in [prod, cons] {
                    views[0].at_offset::<u32>(offset).unwrap().store(start, Relaxed);
                }
                let mut writer = Stream::attach(&views[..], layout).unwrap();
                let mut reader = Stream::attach(&views[..], layout.reversed()).unwrap();
                let size = layout.outgoing.size() as usize;
                let (mut queue, mut next) = (VecDeque::<u8>::new(), 0_u32);
                for operation in &operations {
                    match *operation {
                        Operation::Write(length) => {
                            let bytes: Vec<u8> =
                                (0..u32::from(length)).map(|i| ((next + i) % 251) as u8).collect();
                            let expected = bytes.len().min(size - queue.len());
                            prop_assert_eq!(writer.free().unwrap(), size - queue.len());
                            let transfer = writer.write(&bytes).unwrap();
                            prop_assert_eq!(transfer.bytes, expected);
                            prop_assert_eq!(transfer.notify, expected > 0);
                            queue.extend(&bytes[..expected]);
                            next += expected as u32;
                        }
                        Operation::Read(length) => {
                            let mut buffer = vec![0xff; length.into()];
                            let expected = buffer.len().min(queue.len());
                            prop_assert_eq!(reader.available().unwrap(), queue.len());
                            let transfer = reader.read(&mut buffer).unwrap();
                            prop_assert_eq!(transfer.bytes, expected);
                            prop_assert!(queue.drain(..expected).eq(buffer[..expected].iter().copied()));
                        }
                        Operation::Reattach => {
                            writer = Stream::attach(writer.detach(), layout).unwrap();
                            reader = Stream::attach(reader.detach(), layout.reversed()).unwrap();
                        }
                    }
                }
                let index = |offset| views[0].at_offset::<u32>(offset).unwrap().load(Relaxed);
                prop_assert_eq!(index(prod).wrapping_sub(index(cons)) as usize, queue.len());
                prop_assert_eq!(index(prod), start.wrapping_add(next));
            }
        }
    }
}

#[test]
fn too_few_pages_are_refused() {
    for case in cases() {
        let memory = pages(case.pages);
        let views = views(&memory);
        let failed = Stream::attach(&views[..case.pages - 1], case.layout).unwrap_err();
        assert!(
            matches!(failed.error, AttachError::Pages { pages, .. } if pages == case.pages - 1),
            "{failed:?}"
        );
        assert_eq!(failed.returned.map(<[_]>::len), Some(case.pages - 1));
    }
}

#[test]
fn sizes_are_powers_of_two() {
    let field = (Field::at::<0>(), "");
    for size in [0, 3, 1000, u32::MAX] {
        assert_eq!(ByteRing::new("", field, field, 0, size), None);
    }
    let ring = ByteRing::new("", field, field, usize::MAX - 1, 1 << 31).unwrap();
    let layout = Layout { incoming: ring, outgoing: ring };
    let memory = pages(1);
    assert!(Stream::attach(&views(&memory)[..], layout).is_err());
}

#[test]
fn the_two_halves_of_a_stream_are_used_apart() {
    let memory = pages(1);
    let views = views(&memory);
    let mut front = Stream::attach(views[0], xen_io::stream::console::FRONT).unwrap();
    let mut back = Stream::attach(views[0], xen_io::stream::console::BACK).unwrap();
    {
        let (mut reader, mut writer) = front.split();
        assert_eq!(writer.write(b"out").unwrap().bytes, 3);
        assert_eq!(writer.free().unwrap(), 2045);
        assert_eq!(back.write(b"in").unwrap().bytes, 2);
        assert_eq!(reader.available().unwrap(), 2);
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer).unwrap().bytes, 2);
        assert_eq!(&buffer[..2], b"in");
    }
    let mut buffer = [0; 8];
    assert_eq!(back.read(&mut buffer).unwrap().bytes, 3);
    assert_eq!(front.free().unwrap(), 2048);
}

#[test]
fn the_interface_page_of_9pfs_is_checked() {
    use flex::{BadOrder, Interface, MAX_ORDER, P9FS};
    use xen_io::xen_abi::grant_table::grant_ref_t;

    let memory = pages(1);
    let page = views(&memory)[0];
    let grants: Vec<_> = (1000..1512).map(grant_ref_t).collect();
    assert_eq!(Interface::write(page, &grants[..3]), Err(BadOrder::Pages(3)));
    assert_eq!(Interface::write(page, &[]), Err(BadOrder::Pages(0)));
    for order in 0..=MAX_ORDER {
        let grants = &grants[..1 << order];
        Interface::write(page, grants).unwrap();
        let interface = Interface::read(page).unwrap();
        // Once it is read the peer cannot change it.
        page.write(132, &[0xff; 64]).unwrap();
        assert_eq!(interface.order(), order);
        assert!(interface.grants().eq(grants.iter().copied()));
        assert!(flex::layout(P9FS, order).is_some());
    }
    for order in [MAX_ORDER + 1, 31, 32, u32::MAX] {
        page.at_offset::<u32>(128).unwrap().store(order, Relaxed);
        assert_eq!(Interface::read(page).unwrap_err(), BadOrder::Order(order));
        assert_eq!(flex::layout(P9FS, order), None);
    }
}
