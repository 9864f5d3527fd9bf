//! Clients that send anything.

use proptest::prelude::*;
use xen_io::xenstore::server::{ConnectionId, Server};
use xen_io::xenstore::wire::header_to_bytes;
use xen_io::xenstore::{Connection, Path};
use xen_ops::xen_abi::io::xs_wire::{xsd_sockmsg, xsd_sockmsg_type};
use xen_ops::xen_abi::xen::domid_t;

use crate::support::World;

/// The memory quota, and the replies that may be queued beyond it.
const MEMORY_MAX: usize = (5 << 19) + 20 * 4200;

fn send(server: &mut Server, id: ConnectionId, kind: u32, tx_id: u32, payload: &[u8]) {
    let len = payload.len() as u32;
    let header = xsd_sockmsg { type_: xsd_sockmsg_type(kind), req_id: 1, tx_id, len };
    let mut message = header_to_bytes(&header).to_vec();
    message.extend(payload);
    let mut rest = &message[..];
    while !rest.is_empty() {
        let used = server.receive(id, rest).unwrap();
        rest = &rest[used..];
        if used == 0 {
            let count = server.output(id).len();
            server.sent(id, count);
        }
    }
}

/// Few names, so that requests meet.
fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..4)
            .prop_map(|names| format!("/local/domain/3/{}", names.join("/"))),
        2 => proptest::collection::vec(prop_oneof![Just("a"), Just("b")], 1..3)
            .prop_map(|names| names.join("/")),
        1 => Just("/local/domain/3".to_owned()),
        1 => Just("/".to_owned()),
        1 => Just("@releaseDomain".to_owned()),
        1 => Just("//".to_owned()),
    ]
}

fn request() -> impl Strategy<Value = (u32, Vec<u8>)> {
    let one = (path(), 0usize..7)
        .prop_map(|(path, which)| ([1, 2, 3, 12, 13, 13, 1][which], format!("{path}\0")));
    let write = (path(), "[a-z]{0,9}").prop_map(|(path, value)| (11, format!("{path}\0{value}")));
    let perms = (path(), 0u32..5, 0u32..5)
        .prop_map(|(path, owner, other)| (14, format!("{path}\0n{owner}\0b{other}\0")));
    let watch = (path(), 4u32..6, 0u32..3)
        .prop_map(|(path, kind, token)| (kind, format!("{path}\0{token}\0")));
    let part = (path(), 0u32..9).prop_map(|(path, offset)| (22, format!("{path}\0{offset}\0")));
    let end = any::<bool>().prop_map(|commit| (7, (if commit { "T\0" } else { "F\0" }).to_owned()));
    let domains =
        (8u32..24, 0u32..6).prop_map(|(kind, domid)| (kind, format!("{domid}\x001\x002\0")));
    let request = prop_oneof![
        3 => one, 4 => write, 2 => perms, 2 => watch, 1 => part, 2 => end, 1 => domains,
        2 => Just((6, "\0".to_owned())),
        1 => Just((21, "\0".to_owned())),
    ];
    request.prop_map(|(kind, payload)| (kind, payload.into_bytes()))
}

proptest! {
    /// Any bytes: no panic, bounded memory, a consistent tree.
    #[test]
    fn any_bytes_are_survived(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..20),
    ) {
        let world = World::new();
        let domain = world.domain(3);
        let id = domain.transport().id;
        for chunk in chunks {
            let mut server = world.server();
            if server.receive(id, &chunk).is_err() {
                // Nothing more is taken from it.
                prop_assert!(!server.is_ready(id));
                prop_assert_eq!(server.receive(id, &chunk), Ok(chunk.len()));
                prop_assert!(server.output(id).is_empty());
                server.reset(id);
            }
        }
        world.check();
        prop_assert!(world.server().memory(domid_t(3)) < MEMORY_MAX);
    }

    /// Valid and less valid requests of three domains, in transactions and outside them, with domains that
    /// are destroyed meanwhile.
    #[test]
    fn the_tree_stays_consistent(
        steps in proptest::collection::vec((0usize..3, 0u32..4, request(), 0u32..60), 1..120),
    ) {
        let world = World::new();
        let clients = [world.control(), world.domain(3), world.domain(4)];
        let ids: Vec<_> = clients.iter().map(|client| client.transport().id).collect();
        for (client, tx_id, (kind, payload), destroyed) in steps {
            let mut server = world.server();
            send(&mut server, ids[client], kind, tx_id, &payload);
            if destroyed == 0 {
                server.domain_destroyed(domid_t(4));
            }
            drop(server);
            let checked = world.server().check();
            prop_assert!(checked.is_ok(), "{checked:?}");
            // The tree itself is never lost.
            prop_assert!(world.server().nodes(domid_t(0)) >= 5);
            prop_assert!(world.server().memory(domid_t(3)) < MEMORY_MAX);
        }
    }

    /// Any bytes from a server: no panic.
    #[test]
    fn a_client_survives_any_bytes(
        requests in 0u32..4,
        messages in proptest::collection::vec(
            (0u32..27, 0u32..6, proptest::collection::vec(any::<u8>(), 0..40)), 0..20),
        end in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut connection = Connection::new();
        for _ in 0..requests {
            let read = xen_io::xenstore::wire::Request::Read(Path::ROOT);
            connection.submit(0, &read).unwrap();
        }
        let mut stream = Vec::new();
        for (kind, req_id, payload) in messages {
            let len = payload.len() as u32;
            let header = xsd_sockmsg { type_: xsd_sockmsg_type(kind), req_id, tx_id: 0, len };
            stream.extend(header_to_bytes(&header));
            stream.extend(payload);
        }
        stream.extend(end);
        let mut rest = &stream[..];
        while !rest.is_empty() {
            match connection.feed(rest) {
                Ok(used) => rest = &rest[used..],
                Err(_) => break,
            }
            let _ = connection.poll();
        }
        prop_assert!(connection.open_requests() <= 4);
    }
}

#[test]
fn a_domain_that_floods_is_bounded() {
    let world = World::new();
    let mut control = world.control();
    let (flooder, victim) = (world.domain(3), world.domain(4));
    let home = "/local/domain/3";
    let list = [xen_io::xenstore::Permission::both(domid_t(3))];
    xen_io::xenstore::Store::set_permissions(&mut control, home, &list).unwrap();
    let (flooder_id, victim_id) = (flooder.transport().id, victim.transport().id);
    let mut server = world.server();
    // The victim watches with 128 long tokens, and takes no events.
    for number in 0..128 {
        let payload = format!("{home}\0{number:01500}\0");
        send(&mut server, victim_id, 4, 0, payload.as_bytes());
    }
    for number in 0..2000 {
        let payload = format!("{home}/n{}\0{:01$}", number % 900, number % 1900);
        send(&mut server, flooder_id, 11, 0, payload.as_bytes());
        if number % 100 == 0 {
            assert!(server.memory(domid_t(3)) < MEMORY_MAX);
            assert!(server.memory(domid_t(4)) < MEMORY_MAX, "{}", server.memory(domid_t(4)));
        }
    }
    server.check().unwrap();
}
