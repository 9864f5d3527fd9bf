//! A keyboard between two domains: the back end types a line and moves the pointer, and the guest takes the
//! events.
//!
//!     cargo run --example keyboard

use std::error::Error;
use std::thread;
use std::time::Duration;

use xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
    XenbusStateInitialised,
};
use xen_io::EventChannel;
use xen_io::keyboard::setup::{self, Features, Page};
use xen_io::keyboard::{InputEvent, Keyboard};
use xen_io::ring::event::{EventSender, KbdifIn};
use xen_io::xenbus::End;
use xen_io::xenbus::toolstack::Device;
use xen_ops::events::Port;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, Domain, DomainConfig, GuestKind, TableMemory, Xen};

/// Linux's codes of keys.
const KEYS: [(u32, char); 5] = [(45, 'x'), (18, 'e'), (49, 'n'), (23, 'i'), (24, 'o')];
/// How often the line is typed: more events than the ring holds.
const LINES: usize = 20;
/// How long an end waits for the other.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));

type AnyError = Box<dyn Error + Send + Sync>;

/// The back end, and how many events it sent.
fn typist(domain: &Domain, guest: DomainId) -> Result<usize, AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::backend(&mut store, "vkbd", guest, 0)?;
    end.watch(&mut store, "vkbd")?;
    Features { positions: true, touch: false }.publish(&end, &mut store)?;
    end.publish(&mut store, setup::WIDTH, 800)?;
    end.publish(&mut store, setup::HEIGHT, 600)?;
    end.set_state(&mut store, XenbusStateInitWait)?;
    end.wait_for(&mut store, XenbusStateInitialised, TIMEOUT)?.ok_or("no front end")?;
    let (wanted, page) = setup::other_page(&end, &mut store)?;
    let remote = RemoteGrant::new(guest, page.grant.ok_or("a page without a grant")?);
    let mapping = Mapping::new(domain, remote, domain.target(), ReadWrite)?;
    let mut ring = EventSender::<KbdifIn, _>::attach(mapping).map_err(|failed| failed.error)?;
    let port = Port::bind_interdomain(domain, guest, page.port)?;
    let events = Channel::of(domain, &port);
    end.set_state(&mut store, XenbusStateConnected)?;

    let key = |code| [true, false].map(|pressed| InputEvent::Key { code, pressed });
    let line: Vec<InputEvent> = KEYS.iter().flat_map(|(code, _)| key(*code)).collect();
    let mut sent = 0;
    for number in 0..LINES {
        let position = number as i32 * 10;
        let pointer = if wanted.positions {
            InputEvent::Position { x: position, y: position, wheel: 0 }
        } else {
            InputEvent::Motion { x: 10, y: 10, wheel: 0 }
        };
        for event in line.iter().chain([&pointer]) {
            // A real back end would drop it: a user who types does not wait.
            while !ring.send(&event.encode())? {
                thread::sleep(Duration::from_millis(1));
            }
            events.notify()?;
            sent += 1;
        }
    }
    end.wait_for(&mut store, XenbusStateClosing, TIMEOUT)?.ok_or("no front end")?;
    drop(ring);
    end.set_state(&mut store, XenbusStateClosed)?;
    Ok(sent)
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let [guest, server] = [
        xen.domain(DomainConfig::new(GuestKind::Pvh))?,
        xen.domain(DomainConfig::new(GuestKind::Pvh))?,
    ];
    let (frontend, backend) = (guest.domid().into(), server.domid().into());
    let device = Device::new("vkbd", 0, frontend, backend);
    xen.toolstack(|store| device.create(store, &[], &[])).ok_or("no xenstore")??;

    thread::scope(|scope| {
        let typist = scope.spawn(|| {
            let report = |error: &AnyError| eprintln!("the back end: {error}");
            typist(&server, guest.domid()).inspect_err(report)
        });
        run_guest(&guest)?;
        let sent = typist.join().map_err(|_| "the back end panicked")??;
        println!("the back end sent {sent} events");
        Ok::<_, AnyError>(())
    })?;
    xen.check_invariants()?;
    Ok(())
}

/// The guest takes events until it has every line.
fn run_guest(domain: &Domain) -> Result<(), AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::frontend(&mut store, "vkbd", 0)?;
    let back = DomainId::new(end.other_domain())?;
    end.watch(&mut store, "vkbd")?;
    end.wait_for(&mut store, XenbusStateInitWait, TIMEOUT)?.ok_or("no back end")?;
    let wanted = Features::of_other(&end, &mut store)?;
    println!("the back end has {wanted:?}");

    let mut memory = TableMemory::new(64, 16);
    let table = domain.grant_table(&mut memory, Default::default())?;
    let page = table.grant_zeroed(back, domain, ReadWrite)?;
    let port = Port::alloc_unbound(domain, back)?;
    let events = Channel::of(domain, &port);
    // Nothing in this machine finds the page by its frame number.
    let shared = Page { grant: Some(page.reference()), frame: None, port: port.number() };
    setup::publish_frontend(&end, &mut store, wanted, shared)?;
    let mut keyboard = Keyboard::new(page).map_err(|failed| failed.error)?;
    end.set_state(&mut store, XenbusStateInitialised)?;
    end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?.ok_or("no back end")?;
    end.set_state(&mut store, XenbusStateConnected)?;

    let (mut text, mut at) = (String::new(), (0, 0));
    while text.len() < LINES * KEYS.len() || at.0 < (LINES as i32 - 1) * 10 {
        match keyboard.next()? {
            Some(Ok(InputEvent::Key { code, pressed: true })) => {
                let key = KEYS.iter().find(|(other, _)| *other == code);
                text.extend(key.map(|(_, letter)| *letter));
            }
            Some(Ok(InputEvent::Position { x, y, .. })) => at = (x, y),
            Some(Ok(_)) => {}
            Some(Err(unknown)) => println!("{unknown}"),
            None => {
                if !events.wait(TIMEOUT)? {
                    return Err("the back end is silent".into());
                }
            }
        }
    }
    println!("typed: {} times {:?}; the pointer is at {at:?}", LINES, &text[..KEYS.len()]);
    end.set_state(&mut store, XenbusStateClosing)?;
    end.wait_for(&mut store, XenbusStateClosed, TIMEOUT)?.ok_or("no back end")?;
    end.set_state(&mut store, XenbusStateClosed)?;
    let (_reference, _page) =
        keyboard.detach().revoke().map_err(|revoking| revoking.to_string())?;
    Ok(())
}
