//! Keyboards and framebuffers, with events of every kind.

#![allow(clippy::useless_conversion, reason = "64-bit integers of 32-bit ABIs are wrapped")]

use core::sync::atomic::Ordering::Relaxed;

use xen_io::framebuffer::{Area, Framebuffer, FramebufferError, Geometry, Update};
use xen_io::keyboard::{InputEvent, Keyboard, Touch, UnknownEvent};
use xen_io::ring::event::{
    EventProtocol, EventReceiver, EventSender, FbifIn, FbifOut, KbdifIn, KbdifOut,
};
use xen_io::xen_abi::io::fbif::{
    XENFB_TYPE_REFRESH_PERIOD, xenfb_in_event, xenfb_out_event, xenfb_page, xenfb_refresh_period,
    xenfb_resize, xenfb_update,
};
use xen_io::xen_abi::io::kbdif::xenkbd_in_event;

use super::{pages, views};

#[test]
fn every_event_of_a_keyboard_arrives_as_it_was_sent() {
    let pages = pages::<1>();
    let mut keyboard = Keyboard::new(views(&pages)).unwrap();
    let mut back = EventSender::<KbdifIn, _>::attach(views(&pages)).unwrap();
    let touch = |touch| InputEvent::Touch { contact: 200, touch };
    let events = [
        InputEvent::Motion { x: -1, y: 2, wheel: i32::MIN },
        InputEvent::Key { code: 30, pressed: true },
        InputEvent::Key { code: u32::MAX, pressed: false },
        InputEvent::Position { x: 0x7fff, y: -5, wheel: 1 },
        touch(Touch::Down { x: 1, y: -2 }),
        touch(Touch::Motion { x: 3, y: 4 }),
        touch(Touch::Shape { major: 5, minor: 6 }),
        touch(Touch::Orientation(-180)),
        touch(Touch::Sync),
        touch(Touch::Up),
    ];
    for event in events {
        assert!(back.send(&event.encode()).unwrap());
    }
    for event in events {
        assert_eq!(keyboard.next().unwrap(), Some(Ok(event)));
    }
    assert_eq!(keyboard.next().unwrap(), None);
}

#[test]
fn events_of_unknown_types_are_told_apart() {
    let pages = pages::<1>();
    let mut keyboard = Keyboard::new(views(&pages)).unwrap();
    let mut back = EventSender::<KbdifIn, _>::attach(views(&pages)).unwrap();
    let entry = |kind: u8, touch: u8| {
        let mut bytes = [0xff; 40];
        bytes[..2].copy_from_slice(&[kind, touch]);
        xenkbd_in_event::from_pad(bytes)
    };
    for (kind, touch, told) in [(0, 9, 0), (2, 9, 0), (6, 9, 0), (255, 9, 0), (5, 6, 6)] {
        back.send(&entry(kind, touch)).unwrap();
        assert_eq!(keyboard.next().unwrap(), Some(Err(UnknownEvent { kind, touch: told })));
    }
    // A key that is pressed by another value than 1.
    back.send(&entry(3, 2)).unwrap();
    let pressed = InputEvent::Key { code: u32::MAX, pressed: true };
    assert_eq!(keyboard.next().unwrap(), Some(Ok(pressed)));
}

#[test]
fn a_keyboard_believes_no_index() {
    let pages = pages::<1>();
    let page = views(&pages)[0];
    let mut keyboard = Keyboard::new(page).unwrap();
    for index in [KbdifIn::LEN + 1, u32::MAX] {
        page.at(KbdifIn::PROD).store(index, Relaxed);
        assert_eq!(keyboard.next().unwrap_err().value, index);
        assert!(Keyboard::new(page).is_err());
    }
    page.at(KbdifIn::PROD).store(KbdifIn::LEN, Relaxed);
    let events = (0..).take_while(|_| keyboard.next().unwrap().is_some()).count();
    assert_eq!(events, KbdifIn::LEN as usize);
    // The other ring is no matter of the front end's.
    page.at(KbdifOut::PROD).store(77, Relaxed);
    assert_eq!(keyboard.next().unwrap(), None);
}

#[test]
fn a_framebuffer_tells_where_its_pixels_are_and_what_has_changed() {
    let pages = pages::<1>();
    let page = views(&pages)[0];
    let geometry = Geometry::new(800, 600, 32).unwrap();
    let bytes = 800 * 600 * 4;
    assert_eq!(geometry.pages(), bytes / 4096 + 1);
    let mut screen = Framebuffer::new(page, geometry, &[1234]).unwrap();
    let shared: xenfb_page = page.read_obj(0).unwrap();
    assert_eq!((shared.width, shared.height, shared.depth), (800, 600, 32));
    assert_eq!((shared.line_length, shared.mem_length), (3200, bytes as u32));
    assert_eq!(u64::from(shared.pd[0]), 1234);
    assert_eq!(u64::from(shared.pd[1]), 0);

    let mut back = EventReceiver::<FbifOut, _>::attach(page).unwrap();
    let area = Area { x: 1, y: 2, width: 799, height: 598 };
    assert_eq!(screen.update(area), Ok(true));
    let smaller = Geometry::new(640, 480, 16).unwrap();
    assert_eq!(screen.resize(smaller), Ok(true));
    assert_eq!(screen.update(area), Err(FramebufferError::Area(area)));
    let event = back.receive().unwrap().unwrap();
    assert_eq!(Update::decode(&event), Some(Update::Changed(area)));
    let event = back.receive().unwrap().unwrap();
    let resized = Update::Resized { geometry: smaller, offset: 0 };
    assert_eq!(Update::decode(&event), Some(resized));
    let larger = Geometry::new(800, 601, 32).unwrap();
    assert_eq!(screen.resize(larger), Err(FramebufferError::TooLarge));

    // A back end that takes nothing.
    let corner = Area { x: 639, y: 479, width: 1, height: 1 };
    let sent = (0..100).filter(|_| screen.update(corner).unwrap()).count();
    assert_eq!(sent, FbifOut::LEN as usize);
    page.at(FbifOut::CONS).store(1, Relaxed);
    assert!(
        matches!(screen.update(corner), Err(FramebufferError::Index(error)) if error.value == 1)
    );
}

#[test]
fn areas_and_sizes_that_are_not_possible_are_refused() {
    for (width, height, depth) in
        [(0, 1, 32), (1, 0, 32), (1, 1, 15), (1, 1, 0), (u32::MAX, 1, 32), (1 << 16, 1 << 16, 8)]
    {
        assert_eq!(Geometry::new(width, height, depth), None, "{width} {height} {depth}");
    }
    let geometry = Geometry::new(10, 20, 8).unwrap();
    let pages = pages::<1>();
    let page = views(&pages)[0];
    for given in [0, 2] {
        let error = Framebuffer::new(page, geometry, &vec![1; given]).unwrap_err();
        assert_eq!(error, FramebufferError::Directories { given, needed: 1 });
    }
    let mut screen = Framebuffer::new(page, geometry, &[1]).unwrap();
    for (x, y, width, height) in
        [(0, 0, 0, 1), (0, 0, 1, 0), (10, 0, 1, 1), (0, 20, 1, 1), (1, 0, 10, 1), (0, 1, 1, 20)]
    {
        let area = Area { x, y, width, height };
        assert_eq!(screen.update(area), Err(FramebufferError::Area(area)));
    }
    let largest = Area { x: u32::MAX, y: 1, width: u32::MAX, height: 1 };
    assert_eq!(screen.update(largest), Err(FramebufferError::Area(largest)));
    assert_eq!(screen.update(Area { x: 0, y: 0, width: 10, height: 20 }), Ok(true));

    // What a hostile front end sends.
    let update = |x, width| {
        xenfb_out_event::from_update(xenfb_update { type_: 2, x, width, ..xenfb_update::ZERO })
    };
    assert_eq!(Update::decode(&update(-1, 1)), None);
    assert_eq!(Update::decode(&update(1, i32::MIN)), None);
    let resize = |width, height, stride, depth| {
        xenfb_out_event::from_resize(xenfb_resize {
            type_: 3,
            width,
            height,
            stride,
            depth,
            ..xenfb_resize::ZERO
        })
    };
    assert!(Update::decode(&resize(10, 20, 40, 32)).is_some());
    for entry in [
        resize(10, 20, 39, 32),
        resize(-10, 20, 40, 32),
        resize(10, i32::MAX, 40, 32),
        resize(10, 20, 40, 32 + 256),
        xenfb_out_event::from_pad([0xff; 40]),
    ] {
        assert_eq!(Update::decode(&entry), None);
    }
}

#[test]
fn a_framebuffer_reads_wishes_and_believes_no_index() {
    let pages = pages::<1>();
    let page = views(&pages)[0];
    let geometry = Geometry::new(10, 20, 8).unwrap();
    let mut screen = Framebuffer::new(page, geometry, &[1]).unwrap();
    let mut back = EventSender::<FbifIn, _>::attach(page).unwrap();
    assert_eq!(screen.refresh_period(), Ok(None));
    back.send(&xenfb_in_event::from_pad([0xff; 40])).unwrap();
    let wish = xenfb_refresh_period {
        type_: XENFB_TYPE_REFRESH_PERIOD as u8,
        period: 40,
        ..xenfb_refresh_period::ZERO
    };
    back.send(&xenfb_in_event::from_refresh_period(wish)).unwrap();
    assert_eq!(screen.refresh_period(), Ok(Some(40)));
    page.at(FbifIn::PROD).store(2 + FbifIn::LEN + 1, Relaxed);
    assert_eq!(screen.refresh_period().unwrap_err().index, FbifIn::PROD_NAME);
    assert!(Framebuffer::new(page, geometry, &[1]).is_err());
}
