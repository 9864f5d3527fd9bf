//! Transactions.

use std::time::Duration;

use xen_io::xenstore::wire::ErrorName::*;
use xen_io::xenstore::{Error, Store};

use crate::support::{Script, World, events, refused};

#[test]
fn changes_take_effect_together() {
    let world = World::new();
    let (mut client, mut other) = (world.control(), world.control());
    other.watch("/a", "t").unwrap();
    events(&mut other);
    let mut transaction = client.begin().unwrap();
    transaction.write("/a/x", "1").unwrap();
    transaction.write("/a/y", "2").unwrap();
    assert_eq!(transaction.read("/a/x").unwrap(), b"1");
    assert_eq!(transaction.directory("/a").unwrap(), ["x", "y"]);
    assert_eq!(other.try_read("/a").unwrap(), None);
    assert!(events(&mut other).is_empty());
    assert!(transaction.commit().unwrap());
    assert_eq!(other.directory("/a").unwrap(), ["x", "y"]);
    assert_eq!(events(&mut other), ["/a/x", "/a/y"]);
    world.check();
}

#[test]
fn an_aborted_or_dropped_transaction_changes_nothing() {
    let world = World::new();
    let mut client = world.control();
    let mut transaction = client.begin().unwrap();
    transaction.write("/a", "").unwrap();
    transaction.abort().unwrap();
    let mut transaction = client.begin().unwrap();
    transaction.write("/a", "").unwrap();
    drop(transaction);
    assert_eq!(client.try_read("/a").unwrap(), None);
    let failed: Result<(), _> = client.transaction(|transaction| {
        transaction.write("/a", "")?;
        transaction.read("/not-there").map(drop)
    });
    assert_eq!(refused(failed), ENOENT);
    assert_eq!(client.try_read("/a").unwrap(), None);
}

#[test]
fn a_change_of_what_was_read_conflicts() {
    let world = World::new();
    let (mut client, mut other) = (world.control(), world.control());
    client.write("/a", "1").unwrap();
    client.write("/b", "1").unwrap();
    for (change, conflict) in [("/a", true), ("/b", false), ("/c", true), ("/a/child", true)] {
        let mut transaction = client.begin().unwrap();
        transaction.read("/a").unwrap();
        transaction.try_read("/c").unwrap();
        transaction.write("/d", "").unwrap();
        other.write(change, "2").unwrap();
        assert_eq!(transaction.commit().unwrap(), !conflict, "{change}");
        other.remove("/c").unwrap();
        other.remove("/d").unwrap();
    }
    // Removed and made again is not the same.
    let mut transaction = client.begin().unwrap();
    transaction.read("/b").unwrap();
    other.remove("/b").unwrap();
    other.write("/b", "2").unwrap();
    assert!(!transaction.commit().unwrap());
    world.check();
}

#[test]
fn a_conflicting_transaction_is_repeated() {
    let world = World::new();
    let (mut client, mut other) = (world.control(), world.control());
    client.write("/count", "0").unwrap();
    let mut attempts = 0;
    let result = client.transaction(|transaction| {
        attempts += 1;
        let count: u32 = transaction.read_string("/count")?.parse().unwrap();
        if attempts < 3 {
            other.write("/count", format!("{}", count + 10)).unwrap();
        }
        transaction.write("/count", format!("{}", count + 1))?;
        Ok(count + 1)
    });
    assert_eq!((result.unwrap(), attempts), (21, 3));
    assert_eq!(client.read_string("/count").unwrap(), "21");
}

#[test]
fn a_transaction_that_conflicts_each_time_is_an_error() {
    let world = World::new();
    let (mut client, mut other) = (world.control(), world.control());
    let result: Result<(), _> = client.transaction(|transaction| {
        transaction.try_read("/a")?;
        other.write("/a", "").unwrap();
        Ok(())
    });
    assert_eq!(result, Err(Error::Conflict { attempts: 1000 }));
}

#[test]
fn removal_in_a_transaction_tells_watches_once_it_commits() {
    let world = World::new();
    let (mut client, mut watcher) = (world.control(), world.control());
    client.write("/a/b/c", "").unwrap();
    watcher.watch("/a/b/c", "t").unwrap();
    watcher.watch("/a", "t").unwrap();
    events(&mut watcher);
    let mut transaction = client.begin().unwrap();
    transaction.remove("/a/b").unwrap();
    assert_eq!(transaction.try_read("/a/b/c").unwrap(), None);
    assert!(transaction.commit().unwrap());
    let mut seen = events(&mut watcher);
    seen.sort();
    assert_eq!(seen, ["/a/b", "/a/b/c"]);
    world.check();
}

#[test]
fn what_is_made_and_removed_in_a_transaction_was_never_there() {
    let world = World::new();
    let mut client = world.control();
    client
        .transaction(|transaction| {
            transaction.write("/a/b", "")?;
            transaction.remove("/a")
        })
        .unwrap();
    assert_eq!(client.try_read("/a").unwrap(), None);
    world.check();
}

#[test]
fn transactions_do_not_nest_and_their_ids_are_the_connections_own() {
    let world = World::new();
    let (mut client, mut other) = (world.control(), world.control());
    let mut transaction = client.begin().unwrap();
    let nested = transaction.call(&xen_io::xenstore::wire::Request::TransactionStart);
    assert_eq!(refused(nested), EBUSY);
    let _ = other.begin().unwrap().abort();
    // The other connection has no transaction with this id any more.
    let id = transaction.id();
    assert!(transaction.commit().unwrap());
    assert_eq!(id, 1);
    let end = client.call(&xen_io::xenstore::wire::Request::TransactionEnd { commit: true });
    assert_eq!(refused(end), ENOENT);
}

#[test]
fn a_reply_of_eagain_makes_the_client_begin_again() {
    let start = || vec![(6, &b"5\0"[..])];
    let ok = |kind: u32| vec![(kind, &b"OK\0"[..])];
    let again = vec![(16, &b"EAGAIN\0"[..])];
    let script = Script::new([start(), ok(11), again, start(), ok(11), ok(7)]);
    let mut client = xen_io::xenstore::Client::new(script);
    client.transaction(|transaction| transaction.write("a", "1")).unwrap();
    let kinds: Vec<u32> = client.transport().requests.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [6, 11, 7, 6, 11, 7]);
    assert_eq!(client.wait_event(Some(Duration::ZERO)).unwrap(), None);
}
