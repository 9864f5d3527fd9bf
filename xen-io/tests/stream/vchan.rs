//! vchan: orders, notification on demand, and ends that leave.

use std::sync::atomic::Ordering::Relaxed;

use xen_io::stream::vchan::{BadOrders, Orders};
use xen_io::stream::{Transfer, Vchan};

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
