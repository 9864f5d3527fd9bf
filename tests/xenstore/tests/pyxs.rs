//! The Python package pyxs as a client of our server.

#![cfg(feature = "network")]

use std::fs;
use std::process::Command;

use xen_xenstore::Xenstored;

const REQUIREMENT: &str =
    "pyxs==0.4.1 --hash=sha256:ae6016b05e7a99d0a4e8b3eb83bbc32362d1b013498d64c5fb1b429f43bb049f\n";

/// Each statement fails by an assertion.
const PROGRAM: &str = r#"
import sys, pyxs
with pyxs.Client(unix_socket_path=sys.argv[1]) as client:
    client.write(b"/py/x", b"1")
    assert client.read(b"/py/x") == b"1"
    assert client.list(b"/py") == [b"x"]
    assert client.get_perms(b"/py") == [b"n0"]
    monitor = client.monitor()
    monitor.watch(b"/py", b"token")
    assert tuple(next(monitor.wait())) == (b"/py", b"token")
    client[b"/py/y"] = b"2"
    assert tuple(next(monitor.wait())) == (b"/py/y", b"token")
    client.transaction()
    client[b"/py/z"] = b"3"
    assert client.commit()
    assert client[b"/py/z"] == b"3"
    assert client.get_domain_path(3) == b"/local/domain/3"
    assert not client.is_domain_introduced(3)
    client.set_perms(b"/py/x", [b"n0", b"r3"])
    assert client.get_perms(b"/py/x") == [b"n0", b"r3"]
    client.delete(b"/py")
    assert not client.exists(b"/py")
"#;

#[test]
fn pyxs_does_every_operation() {
    let server = Xenstored::start();
    let requirement = server.directory().join("pin.txt");
    let packages = server.directory().join("py");
    fs::write(&requirement, REQUIREMENT).unwrap();
    let installed = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target"])
        .arg(&packages)
        .arg("-r")
        .arg(&requirement)
        .current_dir(server.directory())
        .status()
        .expect("python3 is installed");
    assert!(installed.success(), "pip installs pyxs");
    let program = server.directory().join("program.py");
    fs::write(&program, PROGRAM).unwrap();
    let output = Command::new("python3")
        .arg(&program)
        .arg(server.socket())
        .env("PYTHONPATH", &packages)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
