//! The client against servers that break the protocol.

use std::time::Duration;

use xen_io::xenstore::wire::{ErrorName, MalformedReply, PayloadTooLong};
use xen_io::xenstore::{Client, Connection, Error, Incoming, MAX_EVENTS, ProtocolError, Store};
use xen_ops::xen_abi::io::xs_wire::{XS_READ, XS_WRITE};

use crate::support::Script;

const READ: u32 = 2;
const EVENT: u32 = 15;
const ERROR: u32 = 16;

#[test]
fn events_are_stored_while_a_reply_is_waited_for() {
    let script = Script::new([vec![
        (EVENT, b"/a\0t\0"),
        (EVENT, b"/b\0t\0"),
        (EVENT, b"/a\0t\0"),
        (READ, b"value"),
    ]]);
    let mut client = Client::new(script);
    assert_eq!(client.read("/x").unwrap(), b"value");
    let now = Some(Duration::ZERO);
    assert_eq!(client.wait_event(now).unwrap().unwrap().path(), "/a");
    assert_eq!(client.next_event().unwrap().path(), "/b");
    assert_eq!(client.wait_event(now).unwrap(), None);
}

#[test]
fn errors_name_the_request_and_the_path() {
    let mut client = Client::new(Script::new([vec![(ERROR, b"EACCES\0")]]));
    let error = client.write("/a", "").unwrap_err();
    assert_eq!(error.refused(), Some(ErrorName::EACCES));
    assert_eq!(error.to_string(), "WRITE /a: no permission (EACCES)");
}

#[test]
fn an_error_that_the_protocol_does_not_have_is_malformed() {
    let mut client = Client::new(Script::new([vec![(ERROR, b"EFOO\0")]]));
    let malformed = MalformedReply { expected: "the name of an error" };
    assert_eq!(client.read("/a"), Err(Error::Protocol(ProtocolError::Malformed(malformed))));
}

#[test]
fn a_reply_of_another_type_is_an_error() {
    let mut client = Client::new(Script::new([vec![(11, b"OK\0")], vec![(READ, b"v")]]));
    match client.read("/a").unwrap_err() {
        Error::Protocol(ProtocolError::WrongType {
            expected: XS_READ, found: XS_WRITE, ..
        }) => {}
        other => panic!("{other}"),
    }
    // The next request works.
    assert_eq!(client.read("/a").unwrap(), b"v");
}

#[test]
fn an_event_without_a_token_is_an_error_and_the_reply_is_not_lost() {
    for event in [&b"/a\0"[..], b"", b"/a\0t", b"/a\0t\0x\0", b"a b\0t\0"] {
        let script = Script::new([vec![(EVENT, event), (READ, b"1")], vec![(READ, b"2")]]);
        let mut client = Client::new(script);
        assert!(matches!(client.read("/a"), Err(Error::Protocol(ProtocolError::Malformed(_)))));
        // The late reply to the first request is not taken for the second's.
        assert_eq!(client.read("/b").unwrap(), b"2");
    }
}

#[test]
fn too_many_events_are_reported() {
    let texts: Vec<String> = (0..=MAX_EVENTS).map(|number| format!("/{number}\0t\0")).collect();
    let mut answer: Vec<(u32, &[u8])> = texts.iter().map(|text| (EVENT, text.as_bytes())).collect();
    answer.push((READ, b""));
    let mut client = Client::new(Script::new([answer]));
    client.read("/a").unwrap();
    for number in 0..MAX_EVENTS {
        assert_eq!(client.next_event().unwrap().path(), format!("/{number}"));
    }
    assert_eq!(client.next_event(), Err(Error::EventsLost));
    assert_eq!(client.wait_event(Some(Duration::ZERO)), Ok(None));
}

#[test]
fn a_directory_that_changes_while_it_is_read_is_read_again() {
    let script = Script::new([
        vec![(ERROR, b"E2BIG\0")],
        vec![(22, b"1\0a\0")],
        vec![(22, b"2\0c\0\0")],
        vec![(22, b"2\0b\0")],
        vec![(22, b"2\0c\0\0")],
    ]);
    let mut client = Client::new(script);
    assert_eq!(client.directory("/a").unwrap(), ["b", "c"]);
    let offsets: Vec<&[u8]> =
        client.transport().requests[1..].iter().map(|(_, payload)| &payload[3..]).collect();
    assert_eq!(offsets, [b"0\0", b"2\0", b"0\0", b"2\0"]);
}

#[test]
fn a_directory_that_is_too_long_without_parts_says_so() {
    let script = Script::new([vec![(ERROR, b"E2BIG\0")], vec![(ERROR, b"ENOSYS\0")]]);
    let error = Client::new(script).directory("/a").unwrap_err();
    assert_eq!(error.refused(), Some(ErrorName::E2BIG));
}

#[test]
fn nothing_is_sent_for_what_is_not_valid() {
    let mut client = Client::new(Script::new([]));
    assert!(matches!(client.read("/a b"), Err(Error::Path(_))));
    assert!(matches!(client.write("/a", [0; 5000]), Err(Error::Encode(_))));
    assert!(matches!(client.watch("/a", "t\0"), Err(Error::Encode(_))));
}

#[test]
fn a_transaction_of_id_0_is_none() {
    let mut client = Client::new(Script::new([vec![(6, b"0\0")]]));
    assert!(matches!(client.begin().map(drop), Err(Error::Malformed(_))));
}

#[test]
fn a_message_that_is_too_long_ends_the_connection() {
    let mut connection = Connection::new();
    let header = [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 16, 0, 0];
    assert_eq!(connection.feed(&header), Err(PayloadTooLong { length: 4097 }));
}

#[test]
fn replies_in_any_order_find_their_requests() {
    use xen_io::xenstore::Path;
    use xen_io::xenstore::wire::Request;
    let mut connection = Connection::new();
    let read = |connection: &mut Connection, path| {
        connection.submit(0, &Request::Read(Path::new(path).unwrap())).unwrap()
    };
    let (first, second) = (read(&mut connection, "/a"), read(&mut connection, "/b"));
    assert_eq!(connection.open_requests(), 2);
    for (id, value) in [(second, b'2'), (first, b'1')] {
        let mut reply = Vec::new();
        for word in [READ, id.0, 0, 1] {
            reply.extend(word.to_le_bytes());
        }
        reply.push(value);
        assert_eq!(connection.feed(&reply), Ok(17));
        match connection.poll().unwrap() {
            Some(Incoming::Reply(reply)) => {
                assert_eq!((reply.request, reply.result), (id, Ok(vec![value])));
            }
            other => panic!("{other:?}"),
        }
        // A second reply to the same request.
        connection.feed(&reply).unwrap();
        let error = ProtocolError::NoSuchRequest { request_id: id.0 };
        assert_eq!(connection.poll(), Err(error));
    }
    assert_eq!(connection.open_requests(), 0);
}
