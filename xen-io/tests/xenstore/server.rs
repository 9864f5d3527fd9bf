//! The server: nodes, permissions, domains.

use xen_io::xenstore::server::{Action, DOMID_ANY, IntroduceError};
use xen_io::xenstore::wire::ErrorName::*;
use xen_io::xenstore::{Permission, Store};
use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::xen::{domid_t, xen_pfn_t};

use crate::support::{World, events, refused};

const fn d(domid: u16) -> domid_t {
    domid_t(domid)
}

#[test]
fn nodes_are_written_read_and_removed() {
    let world = World::new();
    let mut client = world.control();
    client.write("/a/b/c", "value").unwrap();
    assert_eq!(client.read("/a/b/c").unwrap(), b"value");
    // Parents are made, with empty values.
    assert_eq!(client.read("/a/b").unwrap(), b"");
    client.mkdir("/a/d").unwrap();
    client.write("/a/d", [0, 255]).unwrap();
    client.mkdir("/a/d").unwrap();
    assert_eq!(client.read("/a/d").unwrap(), [0, 255]);
    assert_eq!(client.directory("/a").unwrap(), ["b", "d"]);
    assert_eq!(client.directory("/").unwrap(), ["tool", "a"]);
    client.remove("/a/b").unwrap();
    assert_eq!(refused(client.read("/a/b/c")), ENOENT);
    assert_eq!(client.directory("/a").unwrap(), ["d"]);
    // To remove what does not exist is no error if the parent exists.
    client.remove("/a/b").unwrap();
    assert_eq!(refused(client.remove("/a/b/c")), ENOENT);
    assert_eq!(refused(client.remove("/")), EINVAL);
    assert_eq!(client.try_read("/a/x").unwrap(), None);
    world.check();
}

#[test]
fn relative_paths_are_below_the_callers_own_directory() {
    let world = World::new();
    let mut domain = world.domain(3);
    domain.write("data/x", "1").unwrap();
    let mut control = world.control();
    assert_eq!(control.read_string("/local/domain/3/data/x").unwrap(), "1");
    control.write("name", "Domain-0").unwrap();
    assert_eq!(control.read_string("/local/domain/0/name").unwrap(), "Domain-0");
    assert_eq!(control.domain_path(d(7)).unwrap(), "/local/domain/7");
}

#[test]
fn special_paths_are_no_nodes() {
    let world = World::new();
    let mut client = world.control();
    for result in [
        client.read("@introduceDomain").map(drop),
        client.write("@introduceDomain", ""),
        client.mkdir("@foo"),
        client.remove("@releaseDomain"),
        client.directory("@releaseDomain").map(drop),
    ] {
        assert_eq!(refused(result), EINVAL);
    }
    let expected = [Permission::none(d(0)), Permission::read(DOMID_ANY)];
    assert_eq!(client.permissions("@releaseDomain").unwrap(), expected);
}

#[test]
fn a_domain_owns_what_it_creates_and_others_inherit() {
    let world = World::new();
    let mut control = world.control();
    let mut domain = world.domain(3);
    control.mkdir("/shared").unwrap();
    control.set_permissions("/shared", &[Permission::both(d(0)), Permission::read(d(4))]).unwrap();
    domain.write("/shared/mine", "").unwrap();
    let inherited = [Permission::both(d(3)), Permission::read(d(4))];
    assert_eq!(domain.permissions("/shared/mine").unwrap(), inherited);
    // The control domain inherits the owner too.
    control.write("/local/domain/3/device", "").unwrap();
    assert_eq!(control.permissions("/local/domain/3/device").unwrap(), [Permission::none(d(3))]);
}

#[test]
fn permissions_decide_for_each_domain() {
    let world = World::new();
    let mut control = world.control();
    control.write("/node", "v").unwrap();
    let list = [
        Permission::none(d(1)),
        Permission::read(d(2)),
        Permission::write(d(3)),
        Permission::both(d(4)),
        Permission::none(d(5)),
    ];
    control.set_permissions("/node", &list).unwrap();
    for (domid, reads, writes) in [
        (1, true, true),
        (2, true, false),
        (3, false, true),
        (4, true, true),
        (5, false, false),
        (6, false, false),
    ] {
        let mut domain = world.domain(domid);
        let expected = |allowed: bool| if allowed { Ok(()) } else { Err(EACCES) };
        let result = domain.read("/node").map(drop).map_err(|error| error.refused().unwrap());
        assert_eq!(result, expected(reads), "reading by {domid}");
        let result = domain.write("/node", "v").map_err(|error| error.refused().unwrap());
        assert_eq!(result, expected(writes), "writing by {domid}");
        let result = domain.set_permissions("/node", &list);
        let result = result.map_err(|error| error.refused().unwrap());
        assert_eq!(result, expected(domid == 1), "owning by {domid}");
    }
    // The first entry is for all other domains.
    control.set_permissions("/node", &[Permission::read(d(1))]).unwrap();
    assert_eq!(world.domain(9).read("/node").unwrap(), b"v");
    control
        .set_permissions("/node", &[Permission::none(d(1)), Permission::read(DOMID_ANY)])
        .unwrap();
    assert_eq!(world.domain(9).read("/node").unwrap(), b"v");
}

#[test]
fn only_the_control_domain_changes_owners() {
    let world = World::new();
    let mut domain = world.domain(3);
    domain.write("data", "").unwrap();
    assert_eq!(refused(domain.set_permissions("data", &[Permission::none(d(4))])), EPERM);
    world.control().set_permissions("/local/domain/3/data", &[Permission::none(d(4))]).unwrap();
    assert_eq!(refused(domain.read("data")), EACCES);
    assert_eq!(world.server().nodes(d(4)), 1);
    world.check();
}

#[test]
fn what_a_domain_may_not_read_it_does_not_learn_to_exist() {
    let world = World::new();
    let mut control = world.control();
    control.write("/private/there", "").unwrap();
    let mut domain = world.domain(3);
    assert_eq!(refused(domain.read("/private/there")), EACCES);
    assert_eq!(refused(domain.read("/private/not-there")), EACCES);
    assert_eq!(refused(domain.write("/private/not-there", "")), EACCES);
    assert_eq!(refused(domain.remove("/private/not-there")), EACCES);
    control.set_permissions("/private", &[Permission::read(d(0))]).unwrap();
    assert_eq!(refused(domain.read("/private/not-there")), ENOENT);
    assert_eq!(refused(domain.read("/private/not-there/deeper")), ENOENT);
}

#[test]
fn a_domain_removes_what_others_created_below_its_own_node() {
    let world = World::new();
    let mut domain = world.domain(3);
    domain.mkdir("data").unwrap();
    world.control().write("/local/domain/3/data/x/y", "").unwrap();
    domain.remove("data").unwrap();
    assert_eq!(world.control().try_read("/local/domain/3/data").unwrap(), None);
    world.check();
}

#[test]
fn a_long_directory_is_read_in_parts() {
    let world = World::new();
    let mut client = world.control();
    let names: Vec<String> = (0..1000).map(|number| format!("child-{number}")).collect();
    for name in &names {
        client.mkdir(format!("/long/{name}")).unwrap();
    }
    assert_eq!(client.directory("/long").unwrap(), names);
    // The last part of a list whose end and a message's end are the same.
    for length in 4070..4100 {
        client.remove("/long").unwrap();
        client.mkdir(format!("/long/{}", "a".repeat(2000))).unwrap();
        client.mkdir(format!("/long/{}", "b".repeat(length - 2002))).unwrap();
        let names = client.directory("/long").unwrap();
        assert_eq!(names.iter().map(|name| name.len() + 1).sum::<usize>(), length);
    }
}

#[test]
fn unprivileged_domains_manage_no_domains() {
    let world = World::new();
    let mut domain = world.domain(3);
    for result in [
        domain.introduce(d(4), xen_pfn_t(1), evtchn_port_t(1)),
        domain.release(d(4)),
        domain.is_introduced(d(4)).map(drop),
        domain.resume(d(4)),
        domain.set_target(d(3), d(4)),
        domain.domain_features(d(3)).map(drop),
        domain.set_domain_features(d(3), 0),
        domain.quota_names().map(drop),
        domain.set_quota(Some(d(3)), "nodes", 0),
        domain.control(&["help"]).map(drop),
    ] {
        assert_eq!(refused(result), EACCES);
    }
    assert_eq!(domain.features().unwrap(), 15);
    assert_eq!(domain.domain_path(d(4)).unwrap(), "/local/domain/4");
}

#[test]
fn a_toolstack_introduces_and_releases_domains() {
    let world = World::new();
    let mut toolstack = world.control();
    assert!(!toolstack.is_introduced(d(3)).unwrap());
    toolstack.introduce(d(3), xen_pfn_t(0xfefff), evtchn_port_t(2)).unwrap();
    assert!(toolstack.is_introduced(d(3)).unwrap());
    let action = world.server().next_action();
    let Some(Action::Introduce { domid, gfn, port, connection }) = action else {
        panic!("{action:?}");
    };
    assert_eq!((domid, gfn, port), (d(3), 0xfefff, evtchn_port_t(2)));
    // Again, the connection is the same.
    toolstack.introduce(d(3), xen_pfn_t(0xfefff), evtchn_port_t(5)).unwrap();
    let action = world.server().next_action();
    assert!(
        matches!(action, Some(Action::Introduce { connection: again, .. }) if again == connection)
    );
    toolstack.release(d(3)).unwrap();
    assert_eq!(world.server().next_action(), Some(Action::Release { domid: d(3), connection }));
    assert_eq!(world.server().next_action(), None);
    assert_eq!(refused(toolstack.release(d(3))), ENOENT);
    assert_eq!(refused(toolstack.release(d(0))), EINVAL);
    assert_eq!(refused(toolstack.introduce(d(0x7ff0), xen_pfn_t(1), evtchn_port_t(1))), EINVAL);
    assert_eq!(refused(toolstack.introduce(d(4), xen_pfn_t(1), evtchn_port_t(0))), EINVAL);
    let error = world.server().introduce(d(0x7ff0)).unwrap_err();
    assert_eq!(error, IntroduceError { domid: d(0x7ff0) });
}

#[test]
fn domains_that_come_and_go_are_announced() {
    let world = World::new();
    let mut toolstack = world.control();
    toolstack.watch("@introduceDomain", "i").unwrap();
    toolstack.watch("@releaseDomain", "r").unwrap();
    let watches = ["@introduceDomain", "@releaseDomain"];
    assert_eq!(events(&mut toolstack), watches);
    let domain = world.domain(3);
    assert_eq!(events(&mut toolstack), [watches[0]]);
    world.server().domain_shutdown(d(3));
    // Once until it is resumed.
    world.server().domain_shutdown(d(3));
    assert_eq!(events(&mut toolstack), [watches[1]]);
    toolstack.resume(d(3)).unwrap();
    world.server().domain_shutdown(d(3));
    assert_eq!(events(&mut toolstack), [watches[1]]);
    world.server().domain_destroyed(d(3));
    assert_eq!(events(&mut toolstack), [watches[1]]);
    drop(domain);
}

#[test]
fn a_target_lends_its_permissions() {
    let world = World::new();
    let mut guest = world.domain(3);
    let mut device_model = world.domain(4);
    guest.write("data", "secret").unwrap();
    assert_eq!(refused(device_model.read("/local/domain/3/data")), EACCES);
    let mut toolstack = world.control();
    assert_eq!(refused(toolstack.set_target(d(4), d(9))), ENOENT);
    toolstack.set_target(d(4), d(3)).unwrap();
    assert_eq!(device_model.read("/local/domain/3/data").unwrap(), b"secret");
    device_model.write("/local/domain/3/data", "changed").unwrap();
    // Not the other way round.
    device_model.write("own", "").unwrap();
    assert_eq!(refused(guest.read("/local/domain/4/own")), EACCES);
}

#[test]
fn features_are_set_before_a_domain_is_introduced() {
    let world = World::new();
    let mut toolstack = world.control();
    assert_eq!(toolstack.features().unwrap(), 15);
    toolstack.set_domain_features(d(3), 3).unwrap();
    assert_eq!(refused(toolstack.set_domain_features(d(3), 16)), EINVAL);
    let mut domain = world.domain(3);
    assert_eq!(domain.features().unwrap(), 3);
    assert_eq!(world.server().features(d(3)), 3);
    assert_eq!(refused(toolstack.set_domain_features(d(3), 1)), EBUSY);
    // Without the feature there are no watches with a depth.
    assert_eq!(refused(domain.watch_depth("data", "t", 1)), EINVAL);
    assert_eq!(refused(toolstack.domain_features(d(0x7ff0))), ENOENT);
}

#[test]
fn control_has_two_commands() {
    let world = World::new();
    let mut client = world.control();
    assert_eq!(client.control(&["help"]).unwrap(), "check, help");
    assert_eq!(client.control(&["check"]).unwrap(), "OK");
    assert_eq!(refused(client.control(&["live-update", "-s"])), EINVAL);
}
