//! Which watches see what.

use xen_io::xenstore::wire::ErrorName::*;
use xen_io::xenstore::{Permission, Store};
use xen_ops::xen_abi::xen::domid_t;

use crate::support::{World, events, refused};

#[test]
fn a_watch_fires_at_once_and_for_what_is_below() {
    let world = World::new();
    let (mut watcher, mut writer) = (world.control(), world.control());
    watcher.watch("/a", "token").unwrap();
    let first = watcher.next_event().unwrap();
    assert_eq!((first.path(), &first.token[..]), ("/a", &b"token"[..]));
    writer.write("/a/b/c", "").unwrap();
    writer.mkdir("/a/d").unwrap();
    // It exists: nothing changes.
    writer.mkdir("/a/d").unwrap();
    writer.set_permissions("/a/d", &[Permission::none(domid_t(0))]).unwrap();
    writer.write("/ab", "").unwrap();
    writer.remove("/a/b").unwrap();
    // A second event that is the same as one that waits is left out.
    assert_eq!(events(&mut watcher), ["/a/b/c", "/a/d", "/a/b"]);
    watcher.unwatch("/a", "token").unwrap();
    writer.write("/a", "").unwrap();
    assert!(events(&mut watcher).is_empty());
    assert_eq!(refused(watcher.unwatch("/a", "token")), ENOENT);
}

#[test]
fn removal_of_something_above_fires_with_the_watchs_own_path() {
    let world = World::new();
    let (mut watcher, mut writer) = (world.control(), world.control());
    writer.write("/a/b/c", "").unwrap();
    watcher.watch("/a/b", "t").unwrap();
    watcher.watch("/a/b/not-there", "t").unwrap();
    events(&mut watcher);
    writer.remove("/a").unwrap();
    assert_eq!(events(&mut watcher), ["/a/b"]);
}

#[test]
fn events_of_relative_watches_are_relative() {
    let world = World::new();
    let mut domain = world.domain(3);
    domain.watch("device", "t").unwrap();
    domain.watch("/local/domain/3/device", "absolute").unwrap();
    assert_eq!(events(&mut domain), ["device", "/local/domain/3/device"]);
    world.control().write("/local/domain/3/device/vif/0", "").unwrap();
    assert_eq!(events(&mut domain), ["device/vif/0", "/local/domain/3/device/vif/0"]);
}

#[test]
fn the_same_watch_twice_is_an_error() {
    let world = World::new();
    let mut client = world.domain(3);
    client.watch("data", "t").unwrap();
    assert_eq!(refused(client.watch("/local/domain/3/data", "t")), EEXIST);
    client.watch("data", "other").unwrap();
}

#[test]
fn a_depth_limits_a_watch() {
    let world = World::new();
    let (mut watcher, mut writer) = (world.control(), world.control());
    watcher.watch_depth("/a", "t", 1).unwrap();
    watcher.watch_depth("/", "root", 0).unwrap();
    events(&mut watcher);
    for path in ["/a", "/a/b", "/a/b/c"] {
        writer.write(path, "").unwrap();
    }
    assert_eq!(events(&mut watcher), ["/a", "/a/b"]);
}

#[test]
fn special_watches_can_name_the_domain() {
    let world = World::new();
    let mut toolstack = world.control();
    toolstack.watch_depth("@releaseDomain", "all", 1).unwrap();
    toolstack.watch("@releaseDomain/4", "four").unwrap();
    assert_eq!(events(&mut toolstack), ["@releaseDomain", "@releaseDomain/4"]);
    let domains = [world.domain(3), world.domain(4)];
    world.server().domain_destroyed(domid_t(3));
    assert_eq!(events(&mut toolstack), ["@releaseDomain/3"]);
    world.server().domain_shutdown(domid_t(4));
    assert_eq!(events(&mut toolstack), ["@releaseDomain/4", "@releaseDomain/4"]);
    drop(domains);
}

#[test]
fn special_watches_follow_permissions() {
    let world = World::new();
    let (mut domain, mut toolstack) = (world.domain(3), world.control());
    domain.watch("@introduceDomain", "i").unwrap();
    domain.watch("@releaseDomain", "r").unwrap();
    events(&mut domain);
    let other = world.domain(4);
    world.server().domain_destroyed(domid_t(4));
    assert_eq!(events(&mut domain), ["@releaseDomain"]);
    let list = [Permission::none(domid_t(0)), Permission::read(domid_t(3))];
    toolstack.set_permissions("@introduceDomain", &list).unwrap();
    events(&mut domain);
    drop(other);
    let _other = world.domain(5);
    assert_eq!(events(&mut domain), ["@introduceDomain"]);
}

#[test]
fn unwatching_drops_events_that_were_not_taken() {
    let world = World::new();
    let (mut watcher, mut writer) = (world.control(), world.control());
    watcher.watch("/a", "a").unwrap();
    watcher.watch("/b", "b").unwrap();
    writer.write("/a/x", "").unwrap();
    // The client stores events while it waits for a reply.
    watcher.read("/").unwrap();
    watcher.unwatch("/a", "a").unwrap();
    assert_eq!(events(&mut watcher), ["/b"]);
}

#[test]
fn resetting_removes_watches_and_transactions() {
    let world = World::new();
    let (mut client, mut writer) = (world.domain(3), world.control());
    client.watch("data", "t").unwrap();
    let transaction = client.begin().unwrap();
    let id = transaction.id();
    std::mem::forget(transaction);
    client.reset_watches().unwrap();
    writer.write("/local/domain/3/data", "").unwrap();
    assert!(events(&mut client).is_empty());
    client.watch("data", "t").unwrap();
    assert_ne!(client.begin().unwrap().id(), id);
}

#[test]
fn what_a_domain_loses_sight_of_is_its_last_event() {
    let world = World::new();
    let (mut domain, mut control) = (world.domain(3), world.control());
    control.write("/node", "").unwrap();
    control.set_permissions("/node", &[Permission::read(domid_t(0))]).unwrap();
    domain.watch("/node", "t").unwrap();
    events(&mut domain);
    control.set_permissions("/node", &[Permission::none(domid_t(0))]).unwrap();
    assert_eq!(events(&mut domain), ["/node"]);
    control.write("/node", "").unwrap();
    assert!(events(&mut domain).is_empty());
}
