//! The server and the client over a unix socket.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use xen_io::xenstore::server::socket::SocketServer;
use xen_io::xenstore::server::{Server, ServerConfig};
use xen_io::xenstore::transport::{Descriptor, DescriptorError};
use xen_io::xenstore::{Client, Error, Store};

/// A server's socket, which another thread serves until the value is dropped.
struct Served {
    path: std::path::PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Served {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir();
        let path = directory.join(format!("xen-io-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut server = SocketServer::bind(Server::new(ServerConfig::default()), &path).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                server.serve_once(Duration::from_millis(20)).unwrap();
            }
            server.server().check().unwrap();
        });
        Self { path, stop, thread: Some(thread) }
    }

    fn client(&self) -> Client<Descriptor> {
        Client::new(Descriptor::open(&self.path).unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let result = self.thread.take().unwrap().join();
        let _ = std::fs::remove_file(&self.path);
        assert!(result.is_ok() || thread::panicking());
    }
}

#[test]
fn clients_on_threads_count_together() {
    let served = Served::new("count");
    served.client().write("/count", "0").unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = served.client();
                for _ in 0..50 {
                    client
                        .transaction(|transaction| {
                            let count: u32 = transaction.read_string("/count")?.parse().unwrap();
                            transaction.write("/count", (count + 1).to_string())
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(served.client().read_string("/count").unwrap(), "200");
}

#[test]
fn a_watch_wakes_a_client_that_waits() {
    let served = Served::new("watch");
    let (mut watcher, mut writer) = (served.client(), served.client());
    watcher.watch("/a", "t").unwrap();
    watcher.next_event().unwrap();
    assert_eq!(watcher.wait_event(Some(Duration::from_millis(30))).unwrap(), None);
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(50));
            writer.write("/a/b", "").unwrap();
        });
        assert_eq!(watcher.next_event().unwrap().path(), "/a/b");
    });
}

#[test]
fn a_client_that_breaks_the_protocol_is_disconnected_alone() {
    use std::io::{Read as _, Write as _};
    let served = Served::new("broken");
    let mut client = served.client();
    let mut broken = UnixStream::connect(&served.path).unwrap();
    broken.write_all(&[0xff; 16]).unwrap();
    assert_eq!(broken.read(&mut [0; 16]).unwrap(), 0);
    client.write("/a", "").unwrap();
}

#[test]
fn the_end_of_the_stream_and_a_missing_socket_are_errors() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    let mut client = Client::new(Descriptor::from(ours));
    let error = client.read("/a").unwrap_err();
    assert!(matches!(error, Error::Transport(DescriptorError::Closed)), "{error}");
    let error = Descriptor::open("/nowhere/socket").unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/socket: "), "{error}");
}
