//! xenstored: reading, writing, watching, and transactions.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use xen_guest::println;
use xen_io::xenstore::wire::ErrorName;
use xen_io::xenstore::{Permission, Store as _};

use crate::machine::Machine;

pub(crate) fn run(machine: &Machine) {
    let mut store = machine.store();
    println!("store name {}", store.read_string("name").expect("the domain's name"));
    println!("store domid {}", store.read_string("domid").expect("the domain's number"));
    println!("store features {:#x}", store.transport().server_features());

    store.write("data/greeting", "hello").expect("a node of its own");
    println!("store read {:?}", store.read_string("data/greeting").expect("the node"));
    let refused = store.write("name", "another").expect_err("the toolstack's");
    println!("store refused {:?}", refused.refused() == Some(ErrorName::EACCES));
    println!("store missing {}", store.read("data/missing").expect_err("none").is_not_found());

    // Until a quota is used up: how large a node is with the names of its children.
    for number in 0..300 {
        let path = format!("data/many/a-name-that-is-long-{number:04}");
        match store.write(path, "") {
            Ok(()) => {}
            Err(error) if error.refused() == Some(ErrorName::ENOSPC) => break,
            Err(error) => panic!("{error}"),
        }
    }
    match store.directory("data/many") {
        Ok(mut names) => {
            names.sort_unstable();
            let last: Option<&String> = names.last();
            println!("store directory {} {last:?}", names.len());
        }
        Err(error) => println!("store directory refused {:?}", error.refused()),
    }

    // A watch: once at first, and once for what is written below.
    store.watch("data/watched", "token").expect("a watch");
    let first = store.next_event().expect("an event");
    store.write("data/watched/below", "1").expect("a node");
    let second = store.next_event().expect("an event");
    println!("store events {:?} {:?}", first.path(), second.path());
    store.unwatch("data/watched", "token").expect("the watch");

    // A transaction that nothing disturbs, and one that ends without effect.
    let values = store
        .transaction(|transaction| {
            transaction.write("data/a", "1")?;
            transaction.write("data/b", "2")?;
            transaction.directory("data")
        })
        .expect("a transaction");
    println!("store transaction {}", values.iter().any(|name| name == "b"));
    let transaction = store.begin().expect("a transaction");
    transaction.abort().expect("its end");

    let permissions: Vec<Permission> = store.permissions("data/a").expect("permissions");
    println!("store owner {:?}", permissions.first().map(|first| first.domid));
    store.remove("data/many").expect("its removal");
    println!("store removed {}", store.read("data/many").expect_err("none").is_not_found());
}
