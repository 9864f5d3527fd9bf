//! Zephyr's `gnttab.h` and `memory.h`, promise by promise, kept by xen-ops on the simulator; and
//! Zephyr's defects, absent. `xen_ops::zephyr` has the table that names these tests.

mod defects;
mod gnttab;
mod memory;

use std::sync::{Arc, Mutex};

use xen_abi::GrantStatus;
use xen_abi::grant_table::grant_ref_t;
use xen_ops::gnttab::RemoteGrant;
use xen_ops::gnttab::map::{MapError, Mapping, Reason};
use xen_ops::gnttab::retry::NoRetry;
use xen_ops::gnttab::{Access, DomainId};
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

fn peer(domain: &Domain) -> DomainId {
    DomainId::new(domain.domid()).unwrap()
}

fn foreign(granter: &Domain, reference: grant_ref_t) -> RemoteGrant {
    RemoteGrant::new(peer(granter), reference)
}

fn map<'d, A: Access>(
    mapper: &'d Domain,
    granter: &Domain,
    reference: grant_ref_t,
) -> Result<Mapped<'d, A>, MapError<GuestTarget>> {
    Mapping::new(mapper, foreign(granter, reference), mapper.target(), &mut NoRetry)
}

/// The status with which Xen refused; the target must be free again.
#[track_caller]
fn refused<A: Access>(mapped: Result<Mapped<'_, A>, MapError<GuestTarget>>) -> GrantStatus {
    let error = mapped.unwrap_err();
    assert!(error.target.is_some(), "{error}");
    status(error.reason)
}

#[track_caller]
fn status(reason: Reason) -> GrantStatus {
    match reason {
        Reason::Xen(error) => error.status().unwrap(),
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
