//! A xenstored on a unix socket, for programs that look for one in `XENSTORED_PATH`.
//!
//!     cargo run -p xen-io --features std --example xenstored -- /tmp/xenstored
//!     XENSTORED_PATH=/tmp/xenstored xenstore-ls -f

use std::time::Duration;

use xen_io::xenstore::server::socket::SocketServer;
use xen_io::xenstore::server::{Server, ServerConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give the path of a socket that does not exist")?;
    let mut server = SocketServer::bind(Server::new(ServerConfig::default()), &path)?;
    println!("XENSTORED_PATH={path}");
    loop {
        server.serve_once(Duration::from_secs(60))?;
    }
}
