//! A client of 9pfs whose server answers whatever the test says.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use proptest::prelude::*;
use xen_io::EventChannel;
use xen_io::p9fs::{BadReply, Client, Error, Fid, Mode};
use xen_io::stream::{Blocking, Stream, StreamError, flex};
use xen_ops::{ReadWrite, View};

use super::{pages, views};

/// Nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server is silent")
    }
}

impl std::error::Error for Silent {}

#[derive(Debug, Default)]
struct Events {
    sent: Cell<usize>,
}

impl EventChannel for Events {
    type Error = Silent;

    fn notify(&self) -> Result<(), Silent> {
        self.sent.set(self.sent.get() + 1);
        Ok(())
    }

    fn wait(&self, _: Option<Duration>) -> Result<bool, Silent> {
        Err(Silent)
    }
}

type Test<'v> = Client<Stream<Vec<View<'v, ReadWrite>>>, Events, Vec<u8>>;
type Server<'v> = Stream<Vec<View<'v, ReadWrite>>>;

/// A message with these fields.
fn message(kind: u8, tag: u16, fields: &[u8]) -> Vec<u8> {
    let length = (7 + fields.len()) as u32;
    [&length.to_le_bytes()[..], &[kind], &tag.to_le_bytes(), fields].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}

fn version(size: u32, dialect: &str) -> Vec<u8> {
    message(101, 0xffff, &[&size.to_le_bytes()[..], &text(dialect)].concat())
}

const QID: [u8; 13] = [0x80, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];

fn put(server: &mut Server<'_>, bytes: &[u8]) {
    assert_eq!(server.write(bytes).unwrap().bytes, bytes.len(), "the ring is large enough");
}

/// Runs `test` with a client that is connected and has attached.
fn connected(test: impl FnOnce(Test<'_>, Fid, &mut Server<'_>)) {
    let memory = pages(5);
    let layout = flex::layout(flex::P9FS, 2).unwrap();
    let mut server = Stream::attach(views(&memory), layout.reversed()).unwrap();
    put(&mut server, &version(1024, "9P2000.u"));
    put(&mut server, &message(105, 0, &QID));
    let stream = Stream::attach(views(&memory), layout).unwrap();
    let mut client = Client::new(Blocking::new(stream, Events::default()), vec![0; 2048]).unwrap();
    let root = client.attach("guest", "/").unwrap();
    let mut requests = [0; 200];
    let read = server.read(&mut requests).unwrap().bytes;
    let own = message(100, 0xffff, &[&2048_u32.to_le_bytes()[..], &text("9P2000.u")].concat());
    assert_eq!(requests[..own.len()], own);
    // The numbers of the file, of no authentication and of no user.
    let none = u32::MAX.to_le_bytes();
    let fields = [&[0; 4][..], &none, &text("guest"), &text("/"), &none].concat();
    assert_eq!(requests[own.len()..read], message(104, 0, &fields));
    test(client, root, &mut server);
}

#[test]
fn a_file_is_found_opened_read_written_and_ended() {
    connected(|mut client, root, server| {
        put(server, &message(111, 0, &[&[2, 0][..], &QID, &QID].concat()));
        let mut file = client.walk(&root, &["a", "b"]).unwrap();
        // The server reads and writes 10 bytes at once.
        put(server, &message(113, 0, &[&QID[..], &10_u32.to_le_bytes()].concat()));
        assert!(client.open(&mut file, Mode::READ_WRITE | Mode::TRUNCATE).unwrap().is_directory());
        put(server, &message(119, 0, &9_u32.to_le_bytes()));
        assert_eq!(client.write(&file, 7, &[1; 100]).unwrap(), 9);
        put(server, &message(117, 0, &[&3_u32.to_le_bytes()[..], b"abc"].concat()));
        let mut buffer = [0; 100];
        assert_eq!(client.read(&file, 1 << 40, &mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..4], b"abc\0");
        // xen-9pfsd says 10 bytes too many.
        put(server, &message(125, 0, &stat(10)));
        let stat = client.stat(&file).unwrap();
        assert_eq!((stat.mode, stat.accessed, stat.modified, stat.length), (1, 2, 3, 4));
        put(server, &message(121, 0, &[]));
        client.clunk(file).unwrap();

        let mut found = [0; 400];
        let read = server.read(&mut found).unwrap().bytes;
        let file = 1_u32.to_le_bytes();
        let walk = [&[0; 4][..], &file, &[2, 0], &text("a"), &text("b")].concat();
        let write = [&file[..], &7_u64.to_le_bytes(), &10_u32.to_le_bytes(), &[1; 10]].concat();
        let read_request = [&file[..], &(1_u64 << 40).to_le_bytes(), &10_u32.to_le_bytes()];
        let requests = [
            message(110, 0, &walk),
            message(112, 0, &[&file[..], &[0x12]].concat()),
            message(118, 0, &write),
            message(116, 0, &read_request.concat()),
            message(124, 0, &file),
            message(120, 0, &file),
        ];
        assert_eq!(found[..read], requests.concat());
    });
}

/// The fields of a reply to a stat, whose inner length is wrong by `off`.
fn stat(off: u16) -> Vec<u8> {
    let numbers: Vec<u8> = (1..=3_u32).flat_map(u32::to_le_bytes).collect();
    let names: Vec<u8> = ["file", "user", "group", "last", ""].into_iter().flat_map(text).collect();
    let inner = [&[0; 6][..], &QID, &numbers, &4_u64.to_le_bytes(), &names, &[0xff; 12]].concat();
    let length = inner.len() as u16;
    [&(length + 2).to_le_bytes()[..], &length.wrapping_add(off).to_le_bytes(), &inner].concat()
}

#[test]
fn an_error_of_the_server_leaves_the_connection_in_order() {
    connected(|mut client, root, server| {
        put(server, &message(107, 0, &[&text("no such file")[..], &[2, 0, 0, 0]].concat()));
        assert_eq!(client.walk(&root, &["a"]), Err(Error::Server { errno: 2 }));
        put(server, &message(111, 0, &[&[1, 0][..], &QID].concat()));
        assert_eq!(client.walk(&root, &["a", "b"]), Err(Error::NotFound { found: 1 }));
        // What does not fit is not sent.
        assert_eq!(client.walk(&root, &["a"; 17]), Err(Error::TooLong));
        assert_eq!(client.walk(&root, &["a".repeat(1020).as_str()]), Err(Error::TooLong));
        assert_eq!(client.walk(&root, &["a".repeat(70_000).as_str()]), Err(Error::TooLong));
        put(server, &message(125, 0, &stat(0)));
        assert!(client.stat(&root).is_ok());
    });
}

#[test]
fn a_reply_that_is_wrong_ends_the_connection() {
    type Call = fn(&mut Test<'_>, &mut Fid) -> Result<(), Error<Silent>>;
    let walk: Call = |client, root| client.walk(root, &["a"]).map(drop);
    let open: Call = |client, root| client.open(root, Mode::READ).map(drop);
    let create: Call = |client, root| client.create(root, "a", 0o644, Mode::WRITE).map(drop);
    let read: Call = |client, root| client.read(root, 0, &mut [0; 2]).map(drop);
    let write: Call = |client, root| client.write(root, 0, &[0; 2]).map(drop);
    let stats: Call = |client, root| client.stat(root).map(drop);
    let three = 3_u32.to_le_bytes();
    let cases = [
        (walk, vec![6, 0, 0, 0, 111, 0, 0], BadReply::Length(6)),
        (walk, vec![0xff, 0xff, 0xff, 0xff, 111, 0, 0], BadReply::Length(u32::MAX)),
        // Above what was agreed, though the buffer is longer.
        (walk, vec![1, 4, 0, 0, 111, 0, 0], BadReply::Length(1025)),
        (walk, message(111, 1, &[]), BadReply::Tag(1)),
        (walk, message(113, 0, &[]), BadReply::Type { request: 110, reply: 113 }),
        (walk, message(110, 0, &[]), BadReply::Type { request: 110, reply: 110 }),
        (walk, message(111, 0, &[2, 0]), BadReply::Contents { reply: 111 }),
        (
            walk,
            message(111, 0, &[&[2, 0][..], &QID, &QID].concat()),
            BadReply::Count { count: 2, max: 1 },
        ),
        (walk, message(107, 0, &[9, 0, b'a', 2, 0, 0, 0]), BadReply::Contents { reply: 107 }),
        (walk, message(107, 0, &[0, 0, 2, 0, 0, 0, 0]), BadReply::Contents { reply: 107 }),
        (open, message(113, 0, &QID), BadReply::Contents { reply: 113 }),
        (create, message(115, 0, &[0; 18]), BadReply::Contents { reply: 115 }),
        (read, message(117, 0, &[&three[..], b"ab"].concat()), BadReply::Contents { reply: 117 }),
        (
            read,
            message(117, 0, &[&three[..], b"abc"].concat()),
            BadReply::Count { count: 3, max: 2 },
        ),
        (read, message(117, 0, &[0xff; 4]), BadReply::Contents { reply: 117 }),
        (write, message(119, 0, &three), BadReply::Count { count: 3, max: 2 }),
        (stats, message(125, 0, &[&stat(0)[..], &[0]].concat()), BadReply::Contents { reply: 125 }),
        (stats, message(125, 0, &stat(0)[..60]), BadReply::Contents { reply: 125 }),
    ];
    for (call, reply, expected) in cases {
        connected(|mut client, mut root, server| {
            put(server, &reply);
            assert_eq!(call(&mut client, &mut root), Err(Error::Reply(expected)), "{reply:?}");
            // Nothing is sent or believed any more.
            put(server, &message(125, 0, &stat(0)));
            assert_eq!(client.stat(&root), Err(Error::Broken));
        });
    }
}

#[test]
fn the_first_reply_decides_whether_there_is_a_connection() {
    let memory = pages(3);
    let layout = flex::layout(flex::P9FS, 1).unwrap();
    let connect = |reply: &[u8], buffer| {
        let mut server = Stream::attach(views(&memory), layout.reversed()).unwrap();
        put(&mut server, reply);
        let stream = Stream::attach(views(&memory), layout).unwrap();
        let stream = Blocking::new(stream, Events::default());
        let result = match Client::new(stream, vec![0; buffer]) {
            Ok(_) => Ok(()),
            Err(failed) => {
                // The ring's pages come back.
                let (stream, buffer_again) = failed.returned.unwrap();
                assert_eq!(stream.into_parts().0.detach().len(), 3);
                assert_eq!(buffer_again.len(), buffer);
                Err(failed.error)
            }
        };
        // For the next one.
        let _ = server.read(&mut [0; 100]).unwrap();
        let mut rest = Stream::attach(views(&memory), layout).unwrap();
        let _ = rest.read(&mut [0; 4096]).unwrap();
        result
    };
    assert_eq!(connect(&version(4096, "unknown"), 4096), Err(Error::Version));
    assert_eq!(connect(&[], 511), Err(Error::TooLong));
    for size in [0, 511, 4097, u32::MAX] {
        let expected = Error::Reply(BadReply::MessageSize(size));
        assert_eq!(connect(&version(size, "9P2000.u"), 4096), Err(expected));
    }
    assert_eq!(connect(&version(512, "9P2000.u"), 4096), Ok(()));
    let silent = Error::Stream(StreamError::Events(Silent));
    assert_eq!(connect(&version(512, "9P2000.u")[..9], 4096), Err(silent));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_reply_makes_the_client_panic(
        replies in prop::collection::vec(
            (prop::sample::select(vec![107_u8, 111, 113, 115, 117, 119, 121, 125]),
             prop::collection::vec(any::<u8>(), 0..80)), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        connected(|mut client, mut root, server| {
            for (kind, fields) in &replies {
                put(server, &message(*kind, 0, fields));
            }
            put(server, &noise);
            let mut buffer = [0; 64];
            for _ in 0..2 {
                let _ = client.walk(&root, &["a", "b"]);
                let _ = client.open(&mut root, Mode::READ);
                let _ = client.read(&root, 0, &mut buffer);
                let _ = client.write(&root, 0, &buffer);
                let _ = client.stat(&root);
            }
        });
    }
}
