//! Messages as bytes.

use proptest::prelude::*;
use xen_io::xenstore::wire::{
    DirectoryPart, EncodeError, ErrorName, MESSAGE_MAX, PAYLOAD_MAX, QuotaName, Receiver, Request,
    WatchEvent, header_from_bytes, header_to_bytes, type_name,
};
use xen_io::xenstore::{Path, PathError, Permission, Permissions};
use xen_ops::xen_abi::io::xs_wire::{xsd_sockmsg, xsd_sockmsg_type};
use xen_ops::xen_abi::xen::domid_t;

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

/// Every request with its type and payload as the protocol's document has them.
fn requests() -> Vec<(Request<'static>, u32, &'static [u8])> {
    const PERMISSIONS: &[Permission] =
        &[Permission::none(domid_t(3)), Permission::both(domid_t(0))];
    let node = path("/a/b");
    let d = domid_t;
    vec![
        (Request::Control { arguments: b"check\0" }, 0, b"check\0"),
        (Request::Directory(node), 1, b"/a/b\0"),
        (Request::Read(path("x-Y_9@/z")), 2, b"x-Y_9@/z\0"),
        (Request::GetPerms(node), 3, b"/a/b\0"),
        (Request::Watch { path: node, token: b"t", depth: None }, 4, b"/a/b\0t\0"),
        (Request::Watch { path: node, token: b"", depth: Some(0) }, 4, b"/a/b\0\x000\0"),
        (Request::Unwatch { path: node, token: b"t" }, 5, b"/a/b\0t\0"),
        (Request::TransactionStart, 6, b"\0"),
        (Request::TransactionEnd { commit: true }, 7, b"T\0"),
        (Request::TransactionEnd { commit: false }, 7, b"F\0"),
        (Request::Introduce { domid: d(3), gfn: 0xfefff, port: 1 }, 8, b"3\x001044479\x001\0"),
        (Request::Release(d(3)), 9, b"3\0"),
        (Request::GetDomainPath(d(65535)), 10, b"65535\0"),
        (Request::Write { path: node, value: b"1\x002" }, 11, b"/a/b\x001\x002"),
        (Request::Write { path: node, value: b"" }, 11, b"/a/b\0"),
        (Request::Mkdir(node), 12, b"/a/b\0"),
        (Request::Rm(node), 13, b"/a/b\0"),
        (
            Request::SetPerms { path: node, permissions: Permissions::from(PERMISSIONS) },
            14,
            b"/a/b\0n3\0b0\0",
        ),
        (Request::IsDomainIntroduced(d(0)), 17, b"0\0"),
        (Request::Resume(d(3)), 18, b"3\0"),
        (Request::SetTarget { domid: d(4), target: d(3) }, 19, b"4\x003\0"),
        (Request::ResetWatches, 21, b"\0"),
        (Request::DirectoryPart { path: node, offset: 4000 }, 22, b"/a/b\x004000\0"),
        (Request::GetFeature(None), 23, b""),
        (Request::GetFeature(Some(d(3))), 23, b"3\0"),
        (Request::SetFeature { domid: d(3), features: 7 }, 24, b"3\x007\0"),
        (Request::GetQuota(QuotaName::Names), 25, b""),
        (Request::GetQuota(QuotaName::Global(b"nodes")), 25, b"nodes\0"),
        (Request::GetQuota(QuotaName::Domain(d(3), b"nodes")), 25, b"3\0nodes\0"),
        (Request::SetQuota { quota: QuotaName::Global(b"nodes"), value: 5 }, 26, b"nodes\x005\0"),
        (
            Request::SetQuota { quota: QuotaName::Domain(d(3), b"nodes"), value: 5 },
            26,
            b"3\0nodes\x005\0",
        ),
    ]
}

#[test]
fn every_request_has_the_bytes_of_the_document() {
    for (request, kind, payload) in requests() {
        let mut buffer = [0xff; MESSAGE_MAX];
        let message = request.encode(0x0102_0304, 5, &mut buffer).unwrap();
        let (header, bytes) = message.split_at(16);
        let mut expected = Vec::new();
        for word in [kind, 0x0102_0304, 5, payload.len() as u32] {
            expected.extend(word.to_le_bytes());
        }
        assert_eq!(header, expected, "{request:?}");
        assert_eq!(bytes, payload, "{request:?}");
        assert_eq!(Request::decode(xsd_sockmsg_type(kind), payload), Ok(request));
    }
}

#[test]
fn every_type_but_the_retired_has_a_request_or_is_the_servers() {
    let known: Vec<u32> = requests().iter().map(|(_, kind, _)| *kind).collect();
    for kind in 0..=26 {
        let server_only = [15, 16].contains(&kind);
        assert_eq!(known.contains(&kind), !server_only && kind != 20, "{kind}");
        assert_eq!(type_name(xsd_sockmsg_type(kind)).is_some(), kind != 20, "{kind}");
    }
}

#[test]
fn a_negative_frame_is_accepted_as_the_document_has_it() {
    let request = Request::decode(xsd_sockmsg_type(8), b"3\0-1\x002\0").unwrap();
    assert_eq!(request, Request::Introduce { domid: domid_t(3), gfn: u64::MAX, port: 2 });
}

#[test]
fn payloads_end_at_4096_bytes() {
    let (node, mut buffer) = (path("/a"), [0; MESSAGE_MAX + 100]);
    let value = [1; PAYLOAD_MAX];
    let longest = Request::Write { path: node, value: &value[3..] };
    assert_eq!(longest.encode(1, 0, &mut buffer).map(<[u8]>::len), Ok(MESSAGE_MAX));
    let longer = Request::Write { path: node, value: &value[2..] };
    let error = EncodeError::TooLong { length: PAYLOAD_MAX + 1, max: PAYLOAD_MAX };
    assert_eq!(longer.encode(1, 0, &mut buffer), Err(error));
    // A buffer that is too small is no panic, whatever its size.
    for size in 0..19 {
        let result = Request::Read(node).encode(1, 0, &mut buffer[..size]);
        assert!(
            matches!(result, Err(EncodeError::TooLong { length: 3, .. })),
            "{size}: {result:?}"
        );
    }
    assert!(Request::Read(node).encode(1, 0, &mut buffer[..19]).is_ok());
}

#[test]
fn a_token_with_a_zero_byte_is_refused() {
    let request = Request::Watch { path: path("/a"), token: b"a\0b", depth: None };
    assert_eq!(request.encode(1, 0, &mut [0; MESSAGE_MAX]), Err(EncodeError::ZeroByte));
}

#[test]
fn paths_follow_the_documents_rules() {
    let valid = ["/", "/a", "a", "a/b", "@introduceDomain", "/-_@/0Z", "@releaseDomain/3"];
    for text in valid {
        assert_eq!(Path::new(text).map(Path::as_str), Ok(text));
    }
    let character = |byte, offset| PathError::Character { byte, offset };
    for (text, error) in [
        ("", PathError::Empty),
        ("//", PathError::EmptyName),
        ("/a/", PathError::EmptyName),
        ("a//b", PathError::EmptyName),
        ("a b", character(b' ', 1)),
        ("/a.b", character(b'.', 2)),
        ("/\u{e9}", character(0xc3, 1)),
        ("/a\0", character(0, 2)),
    ] {
        assert_eq!(Path::new(text), Err(error), "{text:?}");
        assert_eq!(Path::from_bytes(text.as_bytes()), Err(error), "{text:?}");
    }
    let long = "a".repeat(3072);
    assert_eq!(Path::new(&long[..2049]), Err(PathError::TooLong { length: 2049, max: 2048 }));
    assert!(Path::new(&long[..2048]).is_ok());
    let absolute = format!("/{long}");
    assert_eq!(Path::new(&absolute), Err(PathError::TooLong { length: 3073, max: 3072 }));
    assert!(Path::new(&absolute[..3072]).is_ok());
}

#[test]
fn paths_know_their_parts() {
    assert_eq!(path("/a/b").parent(), Some(path("/a")));
    assert_eq!(path("/a").parent(), Some(Path::ROOT));
    assert_eq!(Path::ROOT.parent(), None);
    assert_eq!(path("a").parent(), None);
    assert_eq!(path("a/b").parent(), Some(path("a")));
    assert_eq!(path("/a/b").components().collect::<Vec<_>>(), ["a", "b"]);
    assert!(path("/ab").below(path("/a")).is_none());
    assert_eq!(path("/a/b/c").below(path("/a")), Some("b/c"));
    assert_eq!(path("/a").below(Path::ROOT), Some("a"));
    assert_eq!(Path::ROOT.below(Path::ROOT), Some(""));
}

#[test]
fn permissions_are_letters_and_domains() {
    for text in ["n0", "r1", "w65535", "b32752"] {
        assert_eq!(Permission::from_bytes(text.as_bytes()).unwrap().to_string(), text);
    }
    for text in ["", "r", "x1", "r-1", "r65536", "r1 ", "rr1"] {
        assert_eq!(Permission::from_bytes(text.as_bytes()), None, "{text}");
    }
    assert!(Permissions::from_payload(b"").is_none());
    assert!(Permissions::from_payload(b"r1").is_none());
    assert!(Permissions::from_payload(b"r1\0\0").is_none());
}

#[test]
fn parts_of_directories_are_decoded() {
    let part = |payload| DirectoryPart::decode(payload).ok();
    let expected = |generation, names, last| Some(DirectoryPart { generation, names, last });
    assert_eq!(part(b"7\0a\0bc\0\0"), expected(7, b"a\0bc\0", true));
    assert_eq!(part(b"7\0a\0bc\0"), expected(7, b"a\0bc\0", false));
    assert_eq!(part(b"18446744073709551615\0\0"), expected(u64::MAX, b"", true));
    for payload in [&b""[..], b"7", b"7\0", b"7\0a", b"x\0a\0"] {
        assert_eq!(part(payload), None, "{payload:?}");
    }
}

#[test]
fn all_errors_have_names() {
    let names: Vec<_> = ErrorName::ALL.iter().map(|error| error.as_str()).collect();
    assert_eq!(names.len(), 16);
    assert_eq!((names[0], names[15]), ("EINVAL", "EPERM"));
    for error in ErrorName::ALL {
        assert_eq!(ErrorName::from_name(error.as_str().as_bytes()), Some(*error));
    }
    assert_eq!(ErrorName::from_name(b"EFOO"), None);
}

proptest! {
    #[test]
    fn headers_survive(bytes: [u8; 16]) {
        prop_assert_eq!(header_to_bytes(&header_from_bytes(bytes)), bytes);
    }

    /// Nothing panics; what is decoded encodes to something that decodes to the same.
    #[test]
    fn any_payload_is_a_request_or_an_error(
        kind in 0u32..30,
        payload in proptest::collection::vec(prop_oneof![Just(0u8), Just(b'/'), Just(b'1'), any::<u8>()], 0..40),
    ) {
        if let Ok(request) = Request::decode(xsd_sockmsg_type(kind), &payload) {
            let mut buffer = [0; MESSAGE_MAX];
            let message = request.encode(1, 0, &mut buffer).unwrap();
            prop_assert_eq!(Request::decode(xsd_sockmsg_type(kind), &message[16..]), Ok(request));
        }
        let _ = WatchEvent::decode(&payload);
        let _ = DirectoryPart::decode(&payload);
    }

    #[test]
    fn messages_arrive_whole_in_any_portions(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..5),
        portions in proptest::collection::vec(1usize..20, 1..100),
    ) {
        let mut stream = Vec::new();
        for (id, payload) in (0u32..).zip(&payloads) {
            let len = payload.len() as u32;
            let header = xsd_sockmsg { type_: xsd_sockmsg_type(2), req_id: id, tx_id: 0, len };
            stream.extend(header_to_bytes(&header));
            stream.extend(payload);
        }
        let (mut receiver, mut received, mut rest) = (Receiver::new(), Vec::new(), &stream[..]);
        for portion in portions.iter().cycle() {
            let (mut now, later) = rest.split_at((*portion).min(rest.len()));
            loop {
                now = &now[receiver.feed(now).unwrap()..];
                match receiver.message() {
                    Some(message) => received.push(message.payload.to_vec()),
                    None => break,
                }
                receiver.next();
            }
            prop_assert!(now.is_empty());
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(received, payloads);
    }
}
