//! What an unprivileged domain may use.

use xen_io::xenstore::server::{Quota, Quotas, ServerConfig};
use xen_io::xenstore::wire::ErrorName::*;
use xen_io::xenstore::{Permission, Store};
use xen_ops::xen_abi::xen::domid_t;

use crate::support::{World, refused};

fn limited(quota: Quota, value: u32) -> World {
    let mut quotas = Quotas::default();
    quotas.set(quota, value);
    World::with(ServerConfig { quotas, ..ServerConfig::default() })
}

#[test]
fn nodes_are_counted_by_owner() {
    let world = limited(Quota::Nodes, 5);
    // Its own directory is one.
    let mut domain = world.domain(3);
    domain.write("a/b", "").unwrap();
    assert_eq!(refused(domain.write("c/d/e", "")), ENOSPC);
    assert!(domain.directory("").is_err());
    assert_eq!(domain.directory("/local/domain/3").unwrap(), ["a"]);
    domain.write("c/d", "").unwrap();
    assert_eq!(refused(domain.mkdir("f")), ENOSPC);
    // What exists can be written, and what is removed counts no more.
    domain.write("c/d", "x").unwrap();
    domain.remove("a").unwrap();
    domain.write("f", "").unwrap();
    assert_eq!(world.server().nodes(domid_t(3)), 4);
    // The control domain is not limited.
    world.control().write("/local/domain/3/1/2/3/4/5", "").unwrap();
    world.check();
}

#[test]
fn a_transaction_cannot_exceed_the_nodes() {
    let world = limited(Quota::Nodes, 3);
    let (mut domain, mut control) = (world.domain(3), world.control());
    let mut transaction = domain.begin().unwrap();
    transaction.write("a", "").unwrap();
    transaction.write("b", "").unwrap();
    assert_eq!(refused(transaction.write("c", "")), ENOSPC);
    // Meanwhile the domain gets another node elsewhere.
    control.write("/x", "").unwrap();
    control.set_permissions("/x", &[Permission::none(domid_t(3))]).unwrap();
    assert_eq!(refused(transaction.commit()), ENOSPC);
    assert_eq!(world.server().nodes(domid_t(3)), 2);
    world.check();
}

#[test]
fn watches_are_counted() {
    let world = limited(Quota::Watches, 2);
    let mut domain = world.domain(3);
    domain.watch("a", "1").unwrap();
    domain.watch("a", "2").unwrap();
    assert_eq!(refused(domain.watch("a", "3")), ENOSPC);
    domain.unwatch("a", "1").unwrap();
    domain.watch("a", "3").unwrap();
}

#[test]
fn transactions_are_counted() {
    let world = limited(Quota::Transactions, 1);
    let mut domain = world.domain(3);
    std::mem::forget(domain.begin().unwrap());
    assert_eq!(refused(domain.begin().map(drop)), ENOSPC);
    domain.reset_watches().unwrap();
    domain.begin().unwrap().abort().unwrap();
}

#[test]
fn nodes_in_a_transaction_are_counted() {
    let world = limited(Quota::TransactionNodes, 3);
    let mut domain = world.domain(3);
    for name in ["a", "b", "c", "d"] {
        domain.write(name, "").unwrap();
    }
    let mut transaction = domain.begin().unwrap();
    for name in ["a", "b", "c"] {
        transaction.read(name).unwrap();
    }
    assert_eq!(refused(transaction.read("d")), ENOSPC);
    // What it did in part cannot be committed.
    assert_eq!(refused(transaction.commit()), ENOMEM);
}

#[test]
fn values_permissions_and_paths_are_limited() {
    let world = World::new();
    let mut domain = world.domain(3);
    domain.write("a", [1; 2000]).unwrap();
    assert_eq!(refused(domain.write("a", [1; 2049])), ENOSPC);
    assert_eq!(refused(domain.write("b", [1; 2049])), ENOSPC);
    assert_eq!(domain.read("a").unwrap().len(), 2000);
    let list = [Permission::read(domid_t(3)); 6];
    domain.set_permissions("a", &list[..5]).unwrap();
    assert_eq!(refused(domain.set_permissions("a", &list)), ENOSPC);
    // The longest relative path, and the same as an absolute one.
    let longest = "p".repeat(2048);
    domain.watch(&longest, "t").unwrap();
    domain.watch(format!("/local/domain/3/{longest}"), "u").unwrap();
    assert_eq!(refused(domain.watch(format!("/{longest}"), "t")), EINVAL);
    world.control().write("/v", [1; 4000]).unwrap();
}

#[test]
fn memory_bounds_values_watches_and_transactions() {
    let world = limited(Quota::Memory, 20_000);
    let mut domain = world.domain(3);
    let written = (0..100).take_while(|n| domain.write(format!("n{n}"), [0; 1500]).is_ok()).count();
    assert!((8..=13).contains(&written), "{written}");
    assert_eq!(refused(domain.write("n99", [0; 1500])), ENOMEM);
    let watched = (0..100).take_while(|n| domain.watch("a", &format!("{n:01000}")).is_ok()).count();
    assert!(watched < 20, "{watched}");
    // A transaction keeps what it has read, even if that is changed in the tree.
    let mut transaction = domain.begin().unwrap();
    assert_eq!(refused(transaction.read("n0")), ENOMEM);
    drop(transaction);
    assert!(world.server().memory(domid_t(3)) <= 20_000);
    domain.remove("n0").unwrap();
    world.check();
}

#[test]
fn replies_that_are_not_taken_stop_requests() {
    let world = World::new();
    let domain = world.domain(3);
    let id = domain.transport().id;
    let mut requests = Vec::new();
    for number in 0..100u32 {
        // READ "a": ENOENT.
        for word in [2, number, 0, 2] {
            requests.extend(u32::to_le_bytes(word));
        }
        requests.extend(b"a\0");
    }
    let mut server = world.server();
    let used = server.receive(id, &requests).unwrap();
    assert_eq!(used, 20 * 18);
    assert!(!server.is_ready(id));
    assert_eq!(server.receive(id, &requests[used..]), Ok(0));
    let count = server.output(id).len();
    server.sent(id, count);
    assert_eq!(server.receive(id, &requests[used..]), Ok(18));
}

#[test]
fn a_toolstack_sets_quotas() {
    let world = World::new();
    let mut toolstack = world.control();
    let names: Vec<_> = Quota::ALL.iter().map(|quota| quota.name()).collect();
    assert_eq!(toolstack.quota_names().unwrap(), names);
    assert_eq!(toolstack.quota(None, "nodes").unwrap(), 1000);
    toolstack.set_quota(None, "watches", 1).unwrap();
    toolstack.set_quota(Some(domid_t(3)), "nodes", 2).unwrap();
    assert_eq!(toolstack.quota(Some(domid_t(3)), "watches").unwrap(), 1);
    assert_eq!(toolstack.quota(Some(domid_t(4)), "nodes").unwrap(), 1000);
    let mut domain = world.domain(3);
    domain.write("a", "").unwrap();
    assert_eq!(refused(domain.write("b", "")), ENOSPC);
    // 0 is no limit.
    toolstack.set_quota(Some(domid_t(3)), "nodes", 0).unwrap();
    domain.write("b", "").unwrap();
    assert_eq!(refused(toolstack.quota(None, "soup")), EINVAL);
    assert_eq!(refused(toolstack.set_quota(None, "soup", 1)), EINVAL);
}
