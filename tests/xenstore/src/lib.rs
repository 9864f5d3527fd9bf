//! xen-io's xenstore server, as the programs of others see it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use debian_packages::{Options, PackageFiles};
use serde::Deserialize;
use xen_io::xenstore::Client;
use xen_io::xenstore::server::socket::SocketServer;
use xen_io::xenstore::server::{Server, ServerConfig};
use xen_io::xenstore::transport::Descriptor;

/// A server on a socket in a directory of its own, until it is dropped.
#[derive(Debug)]
pub struct Xenstored {
    directory: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Xenstored {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// If the socket cannot be made.
    #[must_use]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory for the socket");
        let socket = directory.path().join("socket");
        let server = Server::new(ServerConfig::default());
        let mut server = SocketServer::bind(server, socket).expect("a socket");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                server.serve_once(Duration::from_millis(20)).expect("the socket works");
            }
            server.server().check().expect("the tree is consistent");
        });
        Self { directory, stop, thread: Some(thread) }
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// A directory that is removed with the server.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A client of ours.
    ///
    /// # Panics
    ///
    /// If the server does not accept it.
    #[must_use]
    pub fn client(&self) -> Client<Descriptor> {
        Client::new(Descriptor::open(self.socket()).expect("the server accepts clients"))
    }
}

impl Drop for Xenstored {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let result = self.thread.take().map(JoinHandle::join);
        assert!(matches!(result, Some(Ok(()))) || thread::panicking(), "the server has failed");
    }
}

/// Puts Debian's clients below `directory`, executable: `bin/xenstore` and `lib`.
///
/// # Errors
///
/// Of the mirror, the packages, and the directory.
pub fn install_clients(directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Packages {
        part: Vec<PackageFiles>,
    }
    let packages: Packages = toml::from_str(include_str!("../packages.toml"))?;
    let files = PackageFiles::obtain_all(&packages.part, &Options::from_env())?;
    for replaced in files.replaced {
        eprintln!("{replaced}");
    }
    for (name, file) in files.paths {
        let to = directory.join(name);
        fs::create_dir_all(to.parent().unwrap_or(directory))?;
        fs::copy(file, &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
