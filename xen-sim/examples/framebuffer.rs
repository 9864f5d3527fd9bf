//! A screen and a keyboard between two domains: the back end types, the guest draws each letter, and the back end
//! shows the picture when it is complete.
//!
//!     cargo run --example framebuffer
//!
//! The back end is privileged, as QEMU is: it maps the guest's pages by their frame numbers.

use std::error::Error;
use std::thread;
use std::time::Duration;

use xen_abi::io::fbif::xenfb_page;
use xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
    XenbusStateInitialised,
};
use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
use xen_io::EventChannel;
use xen_io::framebuffer::{self, Area, Framebuffer, Geometry, Update};
use xen_io::keyboard::{self, InputEvent, Keyboard};
use xen_io::ring::event::{EventReceiver, EventSender, FbifOut, KbdifIn};
use xen_io::xenbus::End;
use xen_io::xenbus::toolstack::Device;
use xen_ops::events::Port;
use xen_ops::memory::{BatchSpace, add_to_physmap_batch, remove_from_physmap};
use xen_ops::page::PAGE_SIZE;
use xen_ops::{DomainId, Page, ReadWrite, View, field};
use xen_sim::{Channel, Domain, DomainConfig, GuestKind, GuestPage, Xen};

/// Linux's code of a key, and what the guest draws for it: a row of dots for each number.
const LETTERS: [(u32, [u8; 5]); 3] = [
    (45, [0b10001, 0b01010, 0b00100, 0b01010, 0b10001]),
    (18, [0b01110, 0b10001, 0b11111, 0b10000, 0b01110]),
    (49, [0b10110, 0b11001, 0b10001, 0b10001, 0b10001]),
];
/// A dot has so many pixels in both directions, and a letter so many dots.
const DOT: u32 = 8;
const LETTER: u32 = 6;
/// Bytes of a frame number in a directory.
const NUMBER: usize = size_of::<xen_pfn_t>();
const WHITE: u32 = 0x00ff_ffff;
/// From where on the back end maps the guest's pages: it has no memory there.
const FOREIGN: u64 = 0x10_0000;
/// How long an end waits for the other.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));

type AnyError = Box<dyn Error + Send + Sync>;

/// The guest's memory, in the back end's address space. It is unmapped when this is dropped.
struct Foreign<'d> {
    domain: &'d Domain,
    guest: DomainId,
    pages: u64,
}

#[allow(unsafe_code, reason = "maps the guest's memory")]
impl Foreign<'_> {
    /// Maps the page at a frame number that the guest gave: Xen refuses one that is not the guest's.
    fn map(&mut self, frame: u64) -> Result<xen_pfn_t, AnyError> {
        let (from, to) = (to_frame(frame), to_frame(FOREIGN + self.pages));
        let space = BatchSpace::GmfnForeign { domid: self.guest.into() };
        let mut errs = [0];
        // SAFETY: there is nothing at the frame yet.
        let placed = unsafe {
            add_to_physmap_batch(self.domain, DOMID_SELF, space, &[from.0], &[to], &mut errs)
        };
        placed.complete()?;
        self.pages += 1;
        Ok(to)
    }

    /// The page that is mapped at a frame.
    fn view(&self, frame: xen_pfn_t) -> View<'_, ReadWrite> {
        // SAFETY: `map` returned the frame, where the page stays as long as the borrow.
        unsafe { View::new(self.domain.address_of(frame)) }
    }
}

impl Drop for Foreign<'_> {
    #[allow(unsafe_code, reason = "unmaps the guest's memory")]
    fn drop(&mut self) {
        for number in 0..self.pages {
            // SAFETY: no view is left.
            let removed =
                unsafe { remove_from_physmap(self.domain, DOMID_SELF, to_frame(FOREIGN + number)) };
            if let Err(error) = removed {
                eprintln!("the back end: {error}");
            }
        }
    }
}

fn to_frame(number: u64) -> xen_pfn_t {
    xen_pfn_t(number as _)
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "64 or 32 bits wide")]
fn to_number(frame: xen_pfn_t) -> u64 {
    frame.0 as u64
}

/// The back end types the letters, and returns the lines of the picture.
fn viewer(domain: &Domain, guest: DomainId) -> Result<Vec<String>, AnyError> {
    let mut store = domain.xenstore()?;
    let screen = End::backend(&mut store, "vfb", guest, 0)?;
    let keys = End::backend(&mut store, "vkbd", guest, 0)?;
    screen.watch(&mut store, "vfb")?;
    keys.watch(&mut store, "vkbd")?;
    screen.publish(&mut store, framebuffer::setup::REQUEST_UPDATE, 1)?;
    for end in [&screen, &keys] {
        end.set_state(&mut store, XenbusStateInitWait)?;
    }
    for end in [&screen, &keys] {
        end.wait_for(&mut store, XenbusStateInitialised, TIMEOUT)?.ok_or("no front end")?;
    }

    let mut foreign = Foreign { domain, guest, pages: 0 };
    let (_, input) = keyboard::setup::other_page(&keys, &mut store)?;
    let input_page = foreign.map(input.frame.ok_or("a page without a number")?)?;
    let shared = framebuffer::setup::other_page(&screen, &mut store)?;
    let screen_page = foreign.map(shared.frame)?;
    let (geometry, pixels) = map_picture(&mut foreign, screen_page)?;
    let mut input_ring = EventSender::<KbdifIn, _>::attach(foreign.view(input_page))
        .map_err(|failed| failed.error)?;
    let mut updates = EventReceiver::<FbifOut, _>::attach(foreign.view(screen_page))
        .map_err(|failed| failed.error)?;
    let [input_port, screen_port] = [
        Port::bind_interdomain(domain, guest, input.port)?,
        Port::bind_interdomain(domain, guest, shared.port)?,
    ];
    let [input_events, screen_events] =
        [&input_port, &screen_port].map(|port| Channel::of(domain, port));
    for end in [&screen, &keys] {
        end.set_state(&mut store, XenbusStateConnected)?;
    }

    for (code, _) in LETTERS {
        for pressed in [true, false] {
            if !input_ring.send(&InputEvent::Key { code, pressed }.encode())? {
                return Err("the guest takes no events".into());
            }
        }
        input_events.notify()?;
        // The guest has drawn the letter when it says so.
        let event = loop {
            if let Some(event) = updates.receive()? {
                break event;
            }
            if !screen_events.wait(TIMEOUT)? {
                return Err("the guest draws nothing".into());
            }
        };
        match Update::decode(&event) {
            Some(Update::Changed(area)) if area.is_inside(&geometry) => {
                println!("the guest has drawn at {}, {}", area.x, area.y);
            }
            other => return Err(format!("the guest's update is {other:?}").into()),
        }
    }

    let dot = |x: u32, y: u32| {
        let at = (y * DOT * geometry.stride() + x * DOT * 4) as usize;
        let page = foreign.view(*pixels.get(at / PAGE_SIZE).ok_or("no such page")?);
        let pixel = page.read_obj::<u32>(at % PAGE_SIZE)?;
        Ok::<_, AnyError>(if pixel == WHITE { '#' } else { ' ' })
    };
    let line = |y| (0..geometry.width() / DOT).map(|x| dot(x, y)).collect();
    let lines = (0..geometry.height() / DOT).map(line).collect::<Result<_, _>>()?;
    for end in [&screen, &keys] {
        end.wait_for(&mut store, XenbusStateClosing, TIMEOUT)?.ok_or("no front end")?;
    }
    drop(foreign);
    for end in [&screen, &keys] {
        end.set_state(&mut store, XenbusStateClosed)?;
    }
    Ok(lines)
}

/// Maps the pages of the picture that the shared page describes. Each number is the guest's, so it is copied once and
/// checked.
fn map_picture(
    foreign: &mut Foreign<'_>,
    page: xen_pfn_t,
) -> Result<(Geometry, Vec<xen_pfn_t>), AnyError> {
    let shared = foreign.view(page);
    let size = [field!(xenfb_page, width), field!(xenfb_page, height)];
    let [width, height] = size.map(|field| shared.at(field).read());
    let depth = shared.at(field!(xenfb_page, depth)).read();
    let geometry = Geometry::new(width.try_into()?, height.try_into()?, depth);
    let geometry = geometry.filter(|size| size.directories() == 1 && depth == 32);
    let geometry = geometry.ok_or("a picture that this back end does not show")?;
    let directory = shared.at(field!(xenfb_page, pd)).element(0).ok_or("no directory")?.read();
    let directory = foreign.map(to_number(xen_pfn_t(directory)))?;
    let numbers = foreign.view(directory).read_obj::<[xen_pfn_t; PAGE_SIZE / NUMBER]>(0)?;
    let pages = numbers.iter().take(geometry.pages()).map(|frame| foreign.map(to_number(*frame)));
    Ok((geometry, pages.collect::<Result<_, _>>()?))
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(16))?;
    let server = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged())?;
    let (frontend, backend) = (guest.domid().into(), server.domid().into());
    for kind in ["vfb", "vkbd"] {
        let device = Device::new(kind, 0, frontend, backend);
        xen.toolstack(|store| device.create(store, &[], &[])).ok_or("no xenstore")??;
    }
    thread::scope(|scope| {
        let viewer = scope.spawn(|| {
            let report = |error: &AnyError| eprintln!("the back end: {error}");
            viewer(&server, guest.domid()).inspect_err(report)
        });
        run_guest(&guest)?;
        let lines = viewer.join().map_err(|_| "the back end panicked")??;
        println!("{}", lines.join("\n"));
        Ok::<_, AnyError>(())
    })?;
    xen.check_invariants()?;
    Ok(())
}

/// The guest draws the letters of the keys that are pressed.
fn run_guest(domain: &Domain) -> Result<(), AnyError> {
    let mut store = domain.xenstore()?;
    let screen_end = End::frontend(&mut store, "vfb", 0)?;
    let keys_end = End::frontend(&mut store, "vkbd", 0)?;
    let ends = [&screen_end, &keys_end];
    screen_end.watch(&mut store, "vfb")?;
    keys_end.watch(&mut store, "vkbd")?;
    for end in ends {
        end.wait_for(&mut store, XenbusStateInitWait, TIMEOUT)?.ok_or("no back end")?;
    }

    let geometry = Geometry::new(LETTERS.len() as u32 * LETTER * DOT, 5 * DOT, 32);
    let geometry = geometry.ok_or("no picture")?;
    let page = || domain.page().ok_or("no page");
    let pixels: Vec<GuestPage> = (0..geometry.pages()).map(|_| page()).collect::<Result<_, _>>()?;
    let (directory, shared, input) = (page()?, page()?, page()?);
    for (index, page) in pixels.iter().enumerate() {
        directory.view().write_obj(index * NUMBER, &page.frame())?;
    }
    let mut screen =
        Framebuffer::new(shared.view(), geometry, &[to_number(directory.frame()) as usize])?;
    let mut keyboard = Keyboard::new(input.view()).map_err(|failed| failed.error)?;
    let back = DomainId::new(screen_end.other_domain())?;
    let [screen_port, input_port] =
        [Port::alloc_unbound(domain, back)?, Port::alloc_unbound(domain, back)?];
    let [screen_events, input_events] =
        [&screen_port, &input_port].map(|port| Channel::of(domain, port));
    let page =
        framebuffer::setup::Page { frame: to_number(shared.frame()), port: screen_port.number() };
    framebuffer::setup::publish_frontend(&screen_end, &mut store, page)?;
    let page = keyboard::setup::Page {
        grant: None,
        frame: Some(to_number(input.frame())),
        port: input_port.number(),
    };
    let wanted = keyboard::setup::Features::of_other(&keys_end, &mut store)?;
    keyboard::setup::publish_frontend(&keys_end, &mut store, wanted, page)?;
    for end in ends {
        end.set_state(&mut store, XenbusStateInitialised)?;
    }
    for end in ends {
        end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?.ok_or("no back end")?;
    }
    for end in ends {
        end.set_state(&mut store, XenbusStateConnected)?;
    }

    let mut drawn = 0;
    while drawn < LETTERS.len() as u32 {
        match keyboard.next()? {
            Some(Ok(InputEvent::Key { code, pressed: true })) => {
                let letter = LETTERS.iter().find(|(other, _)| *other == code).ok_or("no letter")?;
                let x = drawn * LETTER * DOT;
                draw(&pixels, &geometry, x, &letter.1)?;
                drawn += 1;
                let area = Area { x, y: 0, width: LETTER * DOT, height: geometry.height() };
                if screen.update(area)? {
                    screen_events.notify()?;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(unknown)) => println!("{unknown}"),
            None => {
                if !input_events.wait(TIMEOUT)? {
                    return Err("the back end is silent".into());
                }
            }
        }
    }
    for end in ends {
        end.set_state(&mut store, XenbusStateClosing)?;
    }
    for end in ends {
        end.wait_for(&mut store, XenbusStateClosed, TIMEOUT)?.ok_or("no back end")?;
    }
    for end in ends {
        end.set_state(&mut store, XenbusStateClosed)?;
    }
    Ok(())
}

/// Draws a letter's dots, the leftmost of which begin at pixel `left`.
fn draw(pixels: &[GuestPage], geometry: &Geometry, left: u32, rows: &[u8]) -> Result<(), AnyError> {
    for y in 0..geometry.height() {
        let row = rows[(y / DOT) as usize];
        for x in (0..5 * DOT).filter(|x| row & (0b10000 >> (x / DOT)) != 0) {
            let at = (y * geometry.stride() + (left + x) * 4) as usize;
            pixels[at / PAGE_SIZE].view().write_obj(at % PAGE_SIZE, &WHITE)?;
        }
    }
    Ok(())
}
