//! vchan: orders, notification on demand, and ends that leave.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use xen_io::EventChannel;
use xen_io::stream::vchan::{BadOrders, Orders};
use xen_io::stream::{Blocking, StreamError, Transfer, Vchan};
use xen_io::xen_abi::grant_table::grant_ref_t;

use super::{pages, views};

#[test]
fn orders_are_those_that_the_library_in_c_takes() {
    let memory = pages(1);
    let page = views(&memory)[0];
    for (left, right, is_possible) in [
        (10, 11, true),
        (11, 10, true),
        (10, 10, false),
        (11, 11, false),
        (10, 12, true),
        (12, 12, true),
        (20, 20, true),
        (21, 12, false),
        (9, 12, false),
        (12, 9, false),
        (0, 0, false),
        (u16::MAX, 10, false),
    ] {
        page.at_offset::<u16>(16).unwrap().store(left, Relaxed);
        page.at_offset::<u16>(18).unwrap().store(right, Relaxed);
        let orders = Orders { left, right };
        let expected = if is_possible { Ok(orders) } else { Err(BadOrders(orders)) };
        assert_eq!(Orders::read(&page), expected);
        assert_eq!(Vchan::server(page, orders).is_ok(), is_possible && left.max(right) < 12);
    }
    assert_eq!(Orders { left: 13, right: 12 }.pages(), [2, 1]);
    assert_eq!(Orders { left: 10, right: 20 }.pages(), [0, 256]);
}

#[test]
fn the_peer_is_notified_of_what_it_asked_for() {
    let memory = pages(1);
    let page = views(&memory)[0];
    let mut server = Vchan::server(page, Orders { left: 10, right: 11 }).unwrap();
    let mut client = Vchan::client(page, Orders::read(&page).unwrap()).unwrap();
    let transfer = |bytes, notify| Ok(Transfer { bytes, notify });
    // Each side asks for a notification of the first bytes when it starts.
    assert_eq!(client.write(&[1; 100]), transfer(100, true));
    assert_eq!(client.write(&[2; 100]), transfer(100, false));
    assert_eq!(server.write(&[3; 100]), transfer(100, true));
    let mut buffer = [0; 3000];
    assert!(server.final_check_for_data().unwrap(), "there is data");
    assert_eq!(server.read(&mut buffer), transfer(200, false));
    assert!(!server.final_check_for_data().unwrap());
    assert_eq!(client.write(&[4; 2000]), transfer(1024, true));
    assert!(!client.final_check_for_space().unwrap());
    assert_eq!(client.write(&[5; 1]), transfer(0, false));
    assert_eq!(server.read(&mut buffer[..1]), transfer(1, true));
    assert_eq!(server.read(&mut buffer), transfer(1023, false));
    assert!(client.final_check_for_space().unwrap());
}

#[test]
fn each_side_sees_the_other_come_and_go() {
    let memory = pages(1);
    let page = views(&memory)[0];
    let server = Vchan::server(page, Orders { left: 10, right: 11 }).unwrap();
    assert_eq!(server.is_open(), None);
    let client = Vchan::client(page, Orders::read(&page).unwrap()).unwrap();
    assert_eq!((server.is_open(), client.is_open()), (Some(true), Some(true)));
    let _ = client.close();
    assert_eq!(server.is_open(), Some(false));
    let client = Vchan::client(server.close(), Orders::read(&page).unwrap()).unwrap();
    assert_eq!(client.is_open(), Some(false));
}

/// XSA-86: the peer's indices are checked. A stream that waits returns an error, and does not wait for what
/// cannot come.
#[test]
fn corrupted_indices_are_an_error_for_a_stream_that_waits() {
    struct NoEvents;

    impl EventChannel for NoEvents {
        type Error = std::fmt::Error;

        fn notify(&self) -> Result<(), std::fmt::Error> {
            Ok(())
        }

        fn wait(&self, _: Option<Duration>) -> Result<bool, std::fmt::Error> {
            panic!("it waits");
        }
    }

    let memory = pages(1);
    let page = views(&memory)[0];
    let orders = Orders { left: 10, right: 11 };
    // Which side of both rings is corrupted, by whom it is seen, and how it is called there.
    for (offset, is_server, ring, index) in [
        (0, false, "vchan left", "left.cons"),
        (4, true, "vchan left", "left.prod"),
        (8, true, "vchan right", "right.cons"),
        (12, false, "vchan right", "right.prod"),
    ] {
        page.clear();
        let server = Vchan::server(page, orders).unwrap();
        let client = Vchan::client(page, orders).unwrap();
        let mut stream = Blocking::new(if is_server { server } else { client }, NoEvents);
        for value in [u32::MAX, 0x8000_0000, 4097] {
            page.at_offset::<u32>(offset).unwrap().store(value, Relaxed);
            let result = if index.ends_with("prod") {
                stream.read(&mut [0; 10])
            } else {
                stream.write(&[0; 10])
            };
            match result {
                Err(StreamError::Index(error)) => {
                    assert_eq!((error.ring, error.index, error.value), (ring, index, value));
                }
                other => panic!("{ring} {index}: {other:?}"),
            }
        }
    }
}

#[test]
fn grants_of_the_rings_pages_are_those_that_the_server_wrote() {
    let memory = pages(1);
    let page = views(&memory)[0];
    let orders = Orders { left: 13, right: 12 };
    let grants = [8, 9, 10].map(grant_ref_t);
    assert!(!orders.write_grants(&page, &grants[..2]));
    assert!(orders.write_grants(&page, &grants));
    assert_eq!(orders.grants(&page).collect::<Vec<_>>(), grants);
    let largest = Orders { left: 20, right: 20 };
    assert_eq!(largest.grants(&page).count(), 512);
}
