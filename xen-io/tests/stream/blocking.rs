//! Streams that wait, between two domains with an event channel.

use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use xen_io::EventChannel;
use xen_io::stream::vchan::Orders;
use xen_io::stream::{Blocking, ByteStream, Stream, Vchan, console};

use super::{pages, views};

/// An event channel: events that are not handled yet count as one.
struct Port {
    to: Sender<()>,
    from: Receiver<()>,
    sent: Cell<usize>,
}

#[derive(Debug)]
struct Timeout;

impl std::fmt::Display for Timeout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no event came")
    }
}

impl std::error::Error for Timeout {}

impl EventChannel for Port {
    type Error = Timeout;

    fn notify(&self) -> Result<(), Timeout> {
        self.sent.set(self.sent.get() + 1);
        // The other end may have left.
        let _ = self.to.send(());
        Ok(())
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Timeout> {
        assert_eq!(timeout, None);
        self.from.recv_timeout(Duration::from_secs(60)).map_err(|_| Timeout)?;
        while self.from.try_recv().is_ok() {}
        Ok(true)
    }
}

fn ports() -> [Port; 2] {
    let ((a, b), (c, d)) = (channel(), channel());
    [Port { to: a, from: d, sent: Cell::new(0) }, Port { to: c, from: b, sent: Cell::new(0) }]
}

const BYTES: usize = 100_000;

/// One side writes all bytes in pieces of every length, the other reads them likewise. Returns how often
/// the writer notified.
fn all_bytes_arrive<S: ByteStream + Send>(reading: S, writing: S) -> usize {
    let [ours, theirs] = ports();
    let bytes: Vec<u8> = (0..BYTES).map(|i| (i % 251) as u8).collect();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut stream = Blocking::new(reading, theirs);
            let (mut found, mut length) = (Vec::<u8>::new(), 1);
            while found.len() < BYTES {
                let mut buffer = vec![0; length];
                let read = Read::read(&mut stream, &mut buffer).unwrap();
                found.extend(&buffer[..read]);
                length = length % 3000 + 7;
            }
            found
        });
        let mut stream = Blocking::new(writing, ours);
        for piece in bytes.chunks(1234) {
            stream.write_all(piece).unwrap();
        }
        stream.flush().unwrap();
        assert_eq!(reader.join().unwrap(), bytes);
        stream.into_parts().1.sent.get()
    })
}

#[test]
fn a_console_that_is_slow_loses_nothing() {
    let memory = pages(1);
    let page = views(&memory)[0];
    let front = Stream::attach(page, console::FRONT).unwrap();
    let back = Stream::attach(page, console::BACK).unwrap();
    all_bytes_arrive(back, front);
}

#[test]
fn a_vchan_notifies_only_when_asked() {
    let memory = pages(3);
    let views = views(&memory);
    let orders = Orders { left: 12, right: 12 };
    let server = Vchan::server(&views[..], orders).unwrap();
    let client = Vchan::client(&views[..], Orders::read(&views[0]).unwrap()).unwrap();
    let sent = all_bytes_arrive(server, client);
    assert!(sent <= 2 * BYTES / 1234 + 2, "{sent} notifications");
}

#[test]
fn a_peer_that_left_ends_the_stream() {
    let memory = pages(1);
    let page = views(&memory)[0];
    let [ours, theirs] = ports();
    let server = Vchan::server(page, Orders { left: 10, right: 11 }).unwrap();
    let mut client =
        Blocking::new(Vchan::client(page, Orders::read(&page).unwrap()).unwrap(), ours);
    let mut server = Blocking::new(server, theirs);
    client.write_all(b"the last words").unwrap();
    let (client, port) = client.into_parts();
    let _ = client.close();
    port.notify().unwrap();
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "the last words");
    let error = Write::write(&mut server, b"too late").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[cfg(feature = "embedded-io")]
#[test]
fn the_traits_of_embedded_io_are_there() {
    use embedded_io::{ErrorKind, Read, ReadReady, Write, WriteReady};

    let memory = pages(1);
    let page = views(&memory)[0];
    let [ours, theirs] = ports();
    let mut front = Blocking::new(Stream::attach(page, console::FRONT).unwrap(), ours);
    let mut back = Blocking::new(Stream::attach(page, console::BACK).unwrap(), theirs);
    assert!(!back.read_ready().unwrap());
    assert!(front.write_ready().unwrap());
    Write::write_all(&mut front, b"hello").unwrap();
    Write::flush(&mut front).unwrap();
    assert!(back.read_ready().unwrap());
    let mut buffer = [0; 5];
    Read::read_exact(&mut back, &mut buffer).unwrap();
    assert_eq!(&buffer, b"hello");
    page.at_offset::<u32>(3076).unwrap().store(5000, std::sync::atomic::Ordering::Relaxed);
    let error = Read::read(&mut front, &mut buffer).unwrap_err();
    assert_eq!(embedded_io::Error::kind(&error), ErrorKind::InvalidData);
}
