//! Debian's `xenstore-read`, `-write`, `-ls` and so on as clients of our server.

#![cfg(all(feature = "network", target_arch = "x86_64"))]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use xen_io::xenstore::Store as _;
use xen_xenstore::{Xenstored, install_clients};

fn command(server: &Xenstored, arguments: &[&str]) -> Command {
    let mut command = Command::new(server.directory().join("bin/xenstore"));
    command
        .args(arguments)
        .env("XENSTORED_PATH", server.socket())
        .env("LD_LIBRARY_PATH", server.directory().join("lib"));
    command
}

/// What the program writes; `None` if it fails.
fn run(server: &Xenstored, arguments: &[&str]) -> Option<String> {
    let output = command(server, arguments).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn expect(server: &Xenstored, arguments: &[&str], output: &str) {
    assert_eq!(run(server, arguments).as_deref(), Some(output), "{arguments:?}");
}

fn start() -> Xenstored {
    let server = Xenstored::start();
    install_clients(server.directory()).unwrap();
    server
}

#[test]
fn debians_clients_read_write_list_and_remove() {
    let server = start();
    expect(&server, &["write", "/a/b", "hello", "/a/c", "world"], "");
    expect(&server, &["read", "/a/b", "/a/c"], "hello\nworld\n");
    expect(&server, &["list", "/a"], "b\nc\n");
    expect(&server, &["exists", "/a/b"], "");
    let tree =
        "/tool = \"\"\n/tool/xenstored = \"\"\n/a = \"\"\n/a/b = \"hello\"\n/a/c = \"world\"\n";
    expect(&server, &["ls", "-f"], tree);
    expect(&server, &["chmod", "/a/b", "n0", "r3"], "");
    let permissions = run(&server, &["ls", "-p", "/a"]).unwrap();
    assert!(permissions.lines().next().unwrap().ends_with("(n0,r3)"), "{permissions}");
    expect(&server, &["rm", "/a/b"], "");
    assert_eq!(run(&server, &["read", "/a/b"]), None);
    assert_eq!(run(&server, &["exists", "/a/b"]), None);
    assert_eq!(server.client().directory("/a").unwrap(), ["c"]);
}

#[test]
fn debians_client_reads_a_list_that_is_longer_than_a_message() {
    let server = start();
    let mut client = server.client();
    let names: Vec<String> = (0..1000).map(|number| format!("a-child-{number}")).collect();
    for name in &names {
        client.mkdir(format!("/long/{name}")).unwrap();
    }
    expect(&server, &["list", "/long"], &(names.join("\n") + "\n"));
}

#[test]
fn debians_client_sees_our_writes_as_events() {
    let server = start();
    let mut client = server.client();
    client.mkdir("/watched").unwrap();
    let mut watch = command(&server, &["watch", "-n", "3", "/watched"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    // The first comes at once; only then is the watch set.
    assert_eq!(lines.next().unwrap().unwrap(), "/watched");
    client.write("/watched/x", "1").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "/watched/x");
    client.remove("/watched").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "/watched");
    assert!(watch.wait().unwrap().success());
}
