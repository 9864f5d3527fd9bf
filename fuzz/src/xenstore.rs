//! Hostile clients of a xenstore server, and a hostile server of a client.

use xen_abi::io::xs_wire::xsd_sockmsg;
use xen_abi::xen::domid_t;
use xen_io::xenstore::server::{ConnectionId, Quota, Quotas, Server, ServerConfig};
use xen_io::xenstore::wire::{HEADER_SIZE, Request};
use xen_io::xenstore::{Connection, Path};

use crate::bytes::Bytes;

/// Parts of payloads: paths, permissions and numbers that meet one another.
const WORDS: [&[u8]; 16] = [
    b"/local/domain/1/data\0",
    b"/local/domain/2/data\0",
    b"/local/domain/1/data/a",
    b"data\0",
    b"data/a/b/c\0",
    b"@introduceDomain\0",
    b"@releaseDomain\0",
    b"token\0",
    b"n1\0",
    b"r2\0",
    b"b0\0",
    b"1\0",
    b"2\0",
    b"T\0",
    b"F\0",
    b"\0",
];

/// Unprivileged domains.
const DOMAINS: [domid_t; 2] = [domid_t(1), domid_t(2)];

/// What a domain can have beside its quota of memory: replies, and the request that is not complete.
const BEYOND: usize = 32 * 4200;

/// Feeds `bytes` to a server and to a client.
///
/// # Panics
///
/// If an invariant is broken.
pub fn xenstore(bytes: &[u8]) {
    let bytes = Bytes::new(bytes);
    if bytes.is_kind() { server(&bytes) } else { client(&bytes) }
}

fn server(bytes: &Bytes<'_>) {
    let mut server = Server::new(ServerConfig::default());
    let control = server.connect(domid_t(0));
    let introduce = |server: &mut Server, domid| {
        let id = server.introduce(domid).expect("no reserved id");
        let payload = format!("/local/domain/{}/data\0", domid.0);
        send(server, control, 11, 0, payload.as_bytes());
        let owner = format!("{payload}n{}\0", domid.0);
        send(server, control, 14, 0, owner.as_bytes());
        id
    };
    let mut clients = DOMAINS.map(|domid| introduce(&mut server, domid));
    while !bytes.is_empty() {
        let index = usize::from(bytes.byte() % 2);
        let id = if bytes.byte() % 8 == 0 { control } else { clients[index] };
        match bytes.byte() % 16 {
            0 => {
                let any: Vec<u8> = (0..bytes.byte()).map(|_| bytes.byte()).collect();
                if server.receive(id, &any).is_err() {
                    server.reset(id);
                }
            }
            1 => {
                server.domain_destroyed(DOMAINS[index]);
                clients[index] = introduce(&mut server, DOMAINS[index]);
            }
            2 => server.domain_shutdown(DOMAINS[index]),
            3..6 => {
                let count = server.output(id).len().min(usize::from(bytes.byte()));
                server.sent(id, count);
            }
            _ => {
                let mut payload = Vec::new();
                for _ in 0..bytes.byte() % 5 {
                    payload.extend_from_slice(WORDS[usize::from(bytes.byte() % 16)]);
                }
                let (kind, transaction) = (bytes.byte() % 32, bytes.byte() % 4);
                send(&mut server, id, kind.into(), transaction.into(), &payload);
            }
        }
        while server.next_action().is_some() {}
        // A client of the control domain may have released one.
        for (domid, client) in DOMAINS.into_iter().zip(&mut clients) {
            if !server.is_introduced(domid) {
                *client = introduce(&mut server, domid);
            }
        }
        while !server.output(control).is_empty() {
            let count = server.output(control).len();
            server.sent(control, count);
        }
        let most = Quotas::default().get(Quota::Memory) as usize + BEYOND;
        assert!(DOMAINS.iter().all(|domid| server.memory(*domid) <= most));
    }
    server.check().expect("the tree and its counts agree");
}

/// Has the server take a whole message, or as much as it takes now.
fn send(server: &mut Server, id: ConnectionId, kind: u32, tx_id: u32, payload: &[u8]) {
    let header = xsd_sockmsg { type_: kind.into(), req_id: 7, tx_id, len: payload.len() as u32 };
    let message = [xen_abi::as_bytes(&header), payload].concat();
    assert!(message.len() >= HEADER_SIZE);
    if server.is_ready(id) && server.receive(id, &message).is_err() {
        server.reset(id);
    }
}

fn client(bytes: &Bytes<'_>) {
    let mut connection = Connection::new();
    let path = Path::new("data").expect("a valid path");
    while !bytes.is_empty() {
        if bytes.byte() % 4 == 0 {
            let _ = connection.submit(0, &Request::Read(path));
            let count = connection.output().len();
            connection.sent(count);
        }
        // A header with small numbers most of the time.
        let is_kind = bytes.is_kind();
        let space = connection.space();
        let count = space.len().min(1 + usize::from(bytes.byte()));
        for byte in &mut space[..count] {
            *byte = if is_kind { bytes.byte() % 8 } else { bytes.byte() };
        }
        if connection.received(count).is_err() {
            return;
        }
        while let Ok(Some(_)) = connection.poll() {}
    }
}
