//! Security advisories about xenstored, as tests of the server.
//!
//! | XSA | what was wrong | here |
//! |---|---|---|
//! | 115 | watches told of nodes that the watcher may not read | `xsa_115_...` |
//! | 322 | a new domain got the nodes and permissions of an old one with its id | `xsa_322_...` |
//! | 323, 418 | exhaustion of the stack by deep trees | `xsa_418_...` |
//! | 324, 325, 326, 330, 352, 353, 412 | memory that no quota counts, or nodes that others own | `xsa_326_...`, `xsa_353_...`, tests in `quotas` and `hostile` |
//! | 416 | nodes are created while permissions name domains that are gone | `xsa_322_...` |
//! | 417, 419, 420, 421 | wrong counts after failed transactions, orphans, and changes of owners | `xsa_417_...`, `xsa_419_...`, `xsa_421_...` |
//! | 423, 424 | not about xenstore | |

use xen_io::xenstore::wire::ErrorName::*;
use xen_io::xenstore::{Permission, Store};
use xen_ops::xen_abi::xen::domid_t;

use crate::support::{World, events, refused};

const fn d(domid: u16) -> domid_t {
    domid_t(domid)
}

#[test]
fn xsa_115_watches_do_not_tell_of_what_may_not_be_read() {
    let world = World::new();
    let (mut control, mut spy) = (world.control(), world.domain(3));
    control.write("/local/domain/4/secret/name", "").unwrap();
    for path in ["/", "/local/domain/4", "/local/domain/4/secret/name"] {
        spy.watch(path, "t").unwrap();
    }
    events(&mut spy);
    control.write("/local/domain/4/secret/name", "").unwrap();
    control.write("/local/domain/4/secret/other", "").unwrap();
    control.remove("/local/domain/4/secret").unwrap();
    control.transaction(|transaction| transaction.write("/local/domain/4/x", "")).unwrap();
    assert!(events(&mut spy).is_empty());
}

#[test]
fn xsa_322_a_new_domain_gets_nothing_of_an_old_one() {
    let world = World::new();
    let (mut control, mut old) = (world.control(), world.domain(3));
    old.write("data/x", "secret").unwrap();
    control.write("/shared/dir/child", "").unwrap();
    let list = [Permission::none(d(0)), Permission::both(d(3)), Permission::read(d(4))];
    control.set_permissions("/shared", &list).unwrap();
    control.set_permissions("/shared/dir", &[Permission::none(d(3))]).unwrap();
    control.set_permissions("@introduceDomain", &list).unwrap();
    world.server().domain_destroyed(d(3));
    assert_eq!(world.server().nodes(d(3)), 0);
    assert_eq!(control.try_read("/local/domain/3").unwrap(), None);
    assert_eq!(control.try_read("/shared/dir").unwrap(), None);
    let left = [Permission::none(d(0)), Permission::read(d(4))];
    assert_eq!(control.permissions("/shared").unwrap(), left);
    assert_eq!(control.permissions("@introduceDomain").unwrap(), left);
    let mut new = world.domain(3);
    assert_eq!(refused(new.read("/shared")), EACCES);
    assert_eq!(refused(new.read("data/x")), ENOENT);
    world.check();
}

#[test]
fn xsa_326_events_that_are_not_taken_are_bounded() {
    let mut quotas = xen_io::xenstore::server::Quotas::default();
    quotas.set(xen_io::xenstore::server::Quota::Memory, 100_000);
    let world =
        World::with(xen_io::xenstore::server::ServerConfig { quotas, ..Default::default() });
    let (mut control, victim) = (world.control(), world.domain(3));
    control.mkdir("/events").unwrap();
    control.set_permissions("/events", &[Permission::read(d(0))]).unwrap();
    let mut watching = victim;
    watching.watch("/events", "t").unwrap();
    for number in 0..1000 {
        control.mkdir(format!("/events/{number:0200}")).unwrap();
        control.remove(format!("/events/{number:0200}")).unwrap();
        assert!(world.server().memory(d(3)) <= 100_000);
    }
    assert!(world.server().memory(d(3)) > 90_000, "the events were not queued at all");
    // Those that were queued arrive.
    assert!(events(&mut watching).len() > 300);
}

#[test]
fn xsa_353_removal_of_the_root_is_refused() {
    let world = World::new();
    let mut control = world.control();
    control.write("/a", "").unwrap();
    assert_eq!(refused(control.remove("/")), EINVAL);
    assert_eq!(refused(control.transaction(|transaction| transaction.remove("/"))), EINVAL);
    assert_eq!(control.directory("/").unwrap(), ["tool", "a"]);
}

#[test]
fn xsa_417_a_transaction_that_fails_changes_no_count() {
    let world = World::new();
    let mut domain = world.domain(3);
    let used = || {
        let server = world.server();
        (server.nodes(d(3)), server.memory(d(3)))
    };
    let before = used();
    let mut transaction = domain.begin().unwrap();
    // Some in each directory, since a directory's size is limited too.
    let name = |number: u32| format!("{}/{number}", number % 8);
    let created =
        (0..2000).take_while(|number| transaction.write(name(*number), "").is_ok()).count();
    assert_eq!(created, 1000 - 1 - 8);
    transaction.abort().unwrap();
    assert_eq!(used(), before);
    // One write that would create several nodes, and may create only some.
    for number in 0..989 {
        domain.write(name(number), "").unwrap();
    }
    assert_eq!(refused(domain.write("a/b/c", "")), ENOSPC);
    assert_eq!(domain.try_read("a").unwrap(), None);
    assert_eq!(world.server().nodes(d(3)), 998);
    world.check();
}

#[test]
fn xsa_418_deep_trees_need_no_stack() {
    let world = World::new();
    let mut control = world.control();
    let deep = "/a".repeat(1536);
    control.write(&deep, "").unwrap();
    assert_eq!(control.read(&deep).unwrap(), b"");
    control.transaction(|transaction| transaction.remove("/a")).unwrap();
    assert_eq!(control.try_read("/a").unwrap(), None);
    world.check();
}

#[test]
fn xsa_419_nodes_of_a_domain_that_is_gone_go_with_it() {
    let world = World::new();
    let mut control = world.control();
    // Nodes of the domain's below those of another, and the other way round.
    for (path, owner) in
        [("/x", 3), ("/x/y", 4), ("/x/y/z", 3), ("/v", 4), ("/v/w", 3), ("/v/w/u", 4)]
    {
        control.write(path, "").unwrap();
        control.set_permissions(path, &[Permission::none(d(owner))]).unwrap();
    }
    world.server().domain_destroyed(d(3));
    assert_eq!(control.try_read("/x").unwrap(), None);
    assert_eq!(control.directory("/v").unwrap(), [""; 0]);
    assert_eq!(world.server().nodes(d(3)), 0);
    assert_eq!(world.server().nodes(d(4)), 1);
    world.check();
}

#[test]
fn xsa_421_nodes_created_in_a_transaction_are_counted_at_its_end() {
    let world = World::new();
    let mut domain = world.domain(3);
    for number in 0..500 {
        domain.write(format!("{}/{number}", number % 4), "").unwrap();
    }
    // Two at a time, each of which is within the quota as it began.
    let fill = |domain: &mut crate::support::TestClient, name: &str| {
        let id = domain.begin().unwrap();
        let number = id.id();
        std::mem::forget(id);
        for child in 0..300 {
            let path = format!("{name}{child}");
            let path = xen_io::xenstore::Path::new(&path).unwrap();
            let request = xen_io::xenstore::wire::Request::Write { path, value: b"" };
            let mut buffer = [0; 4112];
            let message = request.encode(9, number, &mut buffer).unwrap().to_vec();
            let mut server = world.server();
            let pipe = domain.transport().id;
            assert_eq!(server.receive(pipe, &message), Ok(message.len()));
            let count = server.output(pipe).len();
            server.sent(pipe, count);
        }
        number
    };
    let numbers = [fill(&mut domain, "a"), fill(&mut domain, "b")];
    let mut committed = 0;
    for number in numbers {
        let request = xen_io::xenstore::wire::Request::TransactionEnd { commit: true };
        let mut buffer = [0; 4112];
        let message = request.encode(9, number, &mut buffer).unwrap();
        let mut server = world.server();
        let pipe = domain.transport().id;
        server.receive(pipe, message).unwrap();
        let output = server.output(pipe);
        committed += usize::from(output[0] == 7);
        let count = output.len();
        server.sent(pipe, count);
    }
    assert_eq!(committed, 1);
    assert_eq!(world.server().nodes(d(3)), 1 + 4 + 500 + 300);
    world.check();
}
