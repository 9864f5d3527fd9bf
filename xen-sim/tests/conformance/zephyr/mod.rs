//! Zephyr's `gnttab.h` and `memory.h`, promise by promise, kept by xen-ops on the simulator; and
//! Zephyr's defects, absent. `xen_ops::zephyr` has the table that names these tests.

mod defects;
mod gnttab;
mod memory;

use std::sync::{Arc, Mutex};

use xen_abi::GrantStatus;
use xen_abi::grant_table::grant_ref_t;
use xen_ops::gnttab::map::MapError;
use xen_ops::view::Access;
use xen_ops::{Failed, Mapping, RemoteGrant};
use xen_sim::{Domain, DomainConfig, GuestKind, GuestTarget, Xen};

// Zephyr runs on Arm, and Miri takes its time.
const KINDS: &[GuestKind] =
    if cfg!(miri) { &[GuestKind::Arm] } else { &[GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] };
const TRANSLATED: &[GuestKind] =
    if cfg!(miri) { &[GuestKind::Arm] } else { &[GuestKind::Pvh, GuestKind::Arm] };

type Mapped<'d, A> = Mapping<&'d Domain, GuestTarget, A>;

/// A machine with two domains, of which none has its grant table mapped.
fn two(kind: GuestKind) -> (Xen, Domain, Domain) {
    let xen = Xen::new();
    let [a, b] = [(); 2].map(|()| xen.domain(DomainConfig::new(kind).pages(8)).unwrap());
    (xen, a, b)
}

fn remote(granter: &Domain, reference: grant_ref_t) -> RemoteGrant {
    RemoteGrant::new(granter.domid(), reference)
}

fn map<'d, A: Access>(
    mapper: &'d Domain,
    granter: &Domain,
    reference: grant_ref_t,
    access: A,
) -> Result<Mapped<'d, A>, Failed<MapError, GuestTarget>> {
    Mapping::new(mapper, remote(granter, reference), mapper.target(), access)
}

/// The status with which Xen refused; the target must be free again.
#[track_caller]
fn refused<A: Access>(mapped: Result<Mapped<'_, A>, Failed<MapError, GuestTarget>>) -> GrantStatus {
    let failed = mapped.unwrap_err();
    assert!(failed.returned.is_some(), "{failed}");
    status(failed.error)
}

#[track_caller]
fn status(error: MapError) -> GrantStatus {
    match error {
        MapError::Xen(error) => error.status().unwrap(),
        other => panic!("{other}"),
    }
}

/// The hypercalls made from now on, in words.
fn calls(xen: &Xen) -> Arc<Mutex<Vec<String>>> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&calls);
    xen.on_hypercall(move |call| log.lock().unwrap().push(call.to_string()));
    calls
}
