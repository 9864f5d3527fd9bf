//! Devices: both ends and the toolstack.

use std::time::Duration;

use xen_io::xenbus::toolstack::Device;
use xen_io::xenbus::{End, Error, Key, state_from_value};
use xen_io::xenstore::server::{Local, Server, ServerConfig};
use xen_io::xenstore::wire::ErrorName;
use xen_io::xenstore::{Client, Permission, Store};
use xen_ops::xen_abi::io::xenbus::*;
use xen_ops::xen_abi::xen::domid_t;

const DEVICE: Device<'_> = Device::new("vbd", 7, domid_t(3), domid_t(1));
const RING_REF: Key<u32> = Key::new("ring-ref");
const NOW: Option<Duration> = Some(Duration::ZERO);

fn client(server: &mut Server, domid: u16) -> Client<Local<'_>> {
    Client::new(server.local(domid_t(domid)))
}

fn server() -> Server {
    let mut server = Server::new(ServerConfig::default());
    DEVICE.create(&mut client(&mut server, 0), &[("protocol", "x86_64-abi")], &[]).unwrap();
    server
}

fn front(server: &mut Server) -> End {
    End::frontend(&mut client(server, 3), "vbd", 7).unwrap()
}

fn back(server: &mut Server) -> End {
    End::backend(&mut client(server, 1), "vbd", domid_t(3), 7).unwrap()
}

#[test]
fn both_ends_find_each_other() {
    let mut server = server();
    let (front, back) = (front(&mut server), back(&mut server));
    assert_eq!(front.other_directory(), "/local/domain/1/backend/vbd/3/7");
    assert_eq!(back.other_directory(), "/local/domain/3/device/vbd/7");
    assert_eq!((front.other_domain(), back.other_domain()), (domid_t(1), domid_t(3)));
    let mut guest = client(&mut server, 3);
    assert_eq!(front.state(&mut guest), Ok(XenbusStateInitialising));
    front.publish(&mut guest, RING_REF, 8).unwrap();
    front.set_state(&mut guest, XenbusStateInitialised).unwrap();
    let other = Permission::read(domid_t(1));
    assert_eq!(guest.permissions("device/vbd/7").unwrap(), [Permission::none(domid_t(3)), other]);
    drop(guest);
    let mut driver_domain = client(&mut server, 1);
    assert_eq!(back.other_state(&mut driver_domain), Ok(XenbusStateInitialised));
    assert_eq!(back.other(&mut driver_domain, RING_REF), Ok(Some(8)));
    assert_eq!(back.other(&mut driver_domain, Key::<u32>::new("missing")), Ok(None));
    back.set_state(&mut driver_domain, XenbusStateConnected).unwrap();
    // Neither writes to the other's directory.
    let refused = driver_domain.write("/local/domain/3/device/vbd/7/state", "6").unwrap_err();
    assert_eq!(refused.refused(), Some(ErrorName::EACCES));
    drop(driver_domain);
    assert_eq!(front.other_state(&mut client(&mut server, 3)), Ok(XenbusStateConnected));
}

#[test]
fn values_that_are_no_numbers_and_no_states_are_errors_or_unknown() {
    let mut server = server();
    let (front, back) = (front(&mut server), back(&mut server));
    let mut guest = client(&mut server, 3);
    front.publish(&mut guest, Key::new("ring-ref"), "-8").unwrap();
    front.publish(&mut guest, Key::new("state"), "99").unwrap();
    drop(guest);
    let mut driver_domain = client(&mut server, 1);
    let error = back.other(&mut driver_domain, RING_REF).unwrap_err();
    let path = "/local/domain/3/device/vbd/7/ring-ref".to_owned();
    assert_eq!(error, Error::BadValue { path, value: "-8".to_owned() });
    assert_eq!(back.other_state(&mut driver_domain), Ok(XenbusStateUnknown));
    for (value, state) in [("4", XenbusStateConnected), ("8", XenbusStateReconfigured)] {
        assert_eq!(state_from_value(value.as_bytes()), state);
    }
    for value in [&b""[..], b"9", b"x", b"4x", b"\xff", b"4294967296"] {
        assert_eq!(state_from_value(value), XenbusStateUnknown);
    }
}

#[test]
fn a_change_of_the_other_end_is_waited_for() {
    let mut server = server();
    let (front, back) = (front(&mut server), back(&mut server));
    let mut guest = client(&mut server, 3);
    front.watch(&mut guest, "vbd-7").unwrap();
    assert_eq!(front.changed(&mut guest, XenbusStateInitialising, NOW), Ok(None));
    let changed = front.changed(&mut guest, XenbusStateUnknown, NOW);
    assert_eq!(changed, Ok(Some(XenbusStateInitialising)));
    front.unwatch(&mut guest, "vbd-7").unwrap();
    drop(guest);
    back.set_state(&mut client(&mut server, 1), XenbusStateInitWait).unwrap();
    let mut guest = client(&mut server, 3);
    let changed = front.changed(&mut guest, XenbusStateInitialising, NOW);
    assert_eq!(changed, Ok(Some(XenbusStateInitWait)));
}

#[test]
fn a_device_that_was_removed_is_gone_and_is_not_made_again() {
    let mut server = server();
    let (front, back) = (front(&mut server), back(&mut server));
    DEVICE.remove(&mut client(&mut server, 0)).unwrap();
    // A second removal is no error.
    DEVICE.remove(&mut client(&mut server, 0)).unwrap();
    let mut guest = client(&mut server, 3);
    let gone = Error::Gone { directory: "device/vbd/7".to_owned() };
    assert_eq!(front.set_state(&mut guest, XenbusStateClosed), Err(gone.clone()));
    assert_eq!(front.changed(&mut guest, XenbusStateConnected, NOW), Err(gone.clone()));
    assert_eq!(End::frontend(&mut guest, "vbd", 7), Err(gone));
    drop(guest);
    let mut driver_domain = client(&mut server, 1);
    assert_eq!(back.state(&mut driver_domain), Ok(XenbusStateUnknown));
    drop(driver_domain);
    server.check().unwrap();
}

#[test]
fn a_toolstack_closes_a_device_and_makes_it_anew() {
    let mut server = server();
    let back = back(&mut server);
    DEVICE.close(&mut client(&mut server, 0)).unwrap();
    let mut driver_domain = client(&mut server, 1);
    assert_eq!(back.state(&mut driver_domain), Ok(XenbusStateClosing));
    assert_eq!(back.own(&mut driver_domain, Key::<u32>::new("online")), Ok(Some(0)));
    drop(driver_domain);
    // Reconnection: both directories are as at the beginning.
    DEVICE.create(&mut client(&mut server, 0), &[], &[]).unwrap();
    let front = front(&mut server);
    let mut guest = client(&mut server, 3);
    assert_eq!(front.state(&mut guest), Ok(XenbusStateInitialising));
    assert_eq!(front.own(&mut guest, Key::<String>::new("protocol")), Ok(None));
    drop(guest);
    DEVICE.remove(&mut client(&mut server, 0)).unwrap();
    let error = DEVICE.close(&mut client(&mut server, 0)).unwrap_err();
    assert!(error.is_not_found());
}

#[test]
fn the_page_of_a_keyboard_is_found_by_its_grant_or_by_its_frame() {
    use xen_io::keyboard::setup::{self, Features, Page};
    use xen_ops::xen_abi::event_channel::evtchn_port_t;
    use xen_ops::xen_abi::grant_table::grant_ref_t;

    const KEYBOARD: Device<'_> = Device { kind: "vkbd", id: 0, ..DEVICE };
    let port = evtchn_port_t(5);
    let both = Page { grant: Some(grant_ref_t(8)), frame: Some(1234), port };
    for page in [both, Page { frame: None, ..both }, Page { grant: None, ..both }] {
        let mut server = server();
        KEYBOARD.create(&mut client(&mut server, 0), &[], &[]).unwrap();
        let mut guest = client(&mut server, 3);
        let front = End::frontend(&mut guest, "vkbd", 0).unwrap();
        setup::publish_frontend(&front, &mut guest, Features::default(), page).unwrap();
        drop(guest);
        let mut driver_domain = client(&mut server, 1);
        let back = End::backend(&mut driver_domain, "vkbd", domid_t(3), 0).unwrap();
        let found = setup::other_page(&back, &mut driver_domain).unwrap();
        assert_eq!(found, (Features::default(), page));
    }

    // One of both has to be there.
    let mut server = server();
    KEYBOARD.create(&mut client(&mut server, 0), &[], &[]).unwrap();
    let mut guest = client(&mut server, 3);
    let front = End::frontend(&mut guest, "vkbd", 0).unwrap();
    front.publish(&mut guest, Key::new("event-channel"), 5).unwrap();
    drop(guest);
    let mut driver_domain = client(&mut server, 1);
    let back = End::backend(&mut driver_domain, "vkbd", domid_t(3), 0).unwrap();
    let path = "/local/domain/3/device/vkbd/0/page-gref".to_owned();
    assert_eq!(setup::other_page(&back, &mut driver_domain), Err(Error::Missing { path }));
}

#[test]
fn a_back_end_may_call_its_kind_otherwise() {
    const FILES: Device<'_> =
        Device::new("9pfs", 0, domid_t(3), domid_t(1)).with_backend_kind("xen_9pfs");
    let mut server = server();
    FILES.create(&mut client(&mut server, 0), &[("tag", "share")], &[]).unwrap();
    let mut guest = client(&mut server, 3);
    let front = End::frontend(&mut guest, "9pfs", 0).unwrap();
    assert_eq!(front.other_directory(), "/local/domain/1/backend/xen_9pfs/3/0");
    drop(guest);
    let mut driver_domain = client(&mut server, 1);
    let back = End::backend(&mut driver_domain, "xen_9pfs", domid_t(3), 0).unwrap();
    assert_eq!(back.other_directory(), "/local/domain/3/device/9pfs/0");
    assert_eq!(back.other(&mut driver_domain, Key::<String>::new("tag")), Ok(Some("share".into())));
    drop(driver_domain);
    FILES.remove(&mut client(&mut server, 0)).unwrap();
    assert_eq!(back.state(&mut client(&mut server, 1)), Ok(XenbusStateUnknown));
}

#[test]
fn an_end_that_closes_or_is_gone_is_told_from_one_that_is_reconfigured() {
    let mut server = server();
    let (front, back) = (front(&mut server), back(&mut server));
    for (state, is_closing) in [
        (XenbusStateInitWait, false),
        (XenbusStateConnected, false),
        (XenbusStateReconfiguring, false),
        (XenbusStateReconfigured, false),
        (XenbusStateClosing, true),
        (XenbusStateClosed, true),
    ] {
        front.set_state(&mut client(&mut server, 3), state).unwrap();
        let found = back.other_is_closing(&mut client(&mut server, 1));
        assert_eq!(found, Ok(is_closing), "{state:?}");
    }
    front.set_state(&mut client(&mut server, 3), XenbusStateConnected).unwrap();
    DEVICE.remove(&mut client(&mut server, 0)).unwrap();
    assert_eq!(back.other_is_closing(&mut client(&mut server, 1)), Ok(true));
}

#[test]
fn a_feature_that_is_missing_is_off() {
    const FEATURE: Key<u32> = Key::new("feature");
    let mut server = server();
    let (front, back) = (front(&mut server), back(&mut server));
    assert_eq!(back.other_flag(&mut client(&mut server, 1), FEATURE), Ok(false));
    for (value, is_on) in [(0, false), (1, true), (2, true)] {
        front.publish(&mut client(&mut server, 3), FEATURE, value).unwrap();
        assert_eq!(back.other_flag(&mut client(&mut server, 1), FEATURE), Ok(is_on));
    }
    front.publish(&mut client(&mut server, 3), Key::new("feature"), "yes").unwrap();
    let error = back.other_flag(&mut client(&mut server, 1), FEATURE).unwrap_err();
    assert_eq!(error, back.bad_value(FEATURE, "yes"));
}
