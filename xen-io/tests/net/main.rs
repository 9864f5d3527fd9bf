//! Network devices between two domains of the simulator, one of which may be hostile.
#![cfg(not(loom))]

mod advisories;
mod ctrl;
mod exchange;
mod hostile_back;
mod hostile_front;

use xen_io::CopyGrants;
use xen_io::net::{Gso, GsoProtocol, Hash, Multicast, PacketInfo};
use xen_ops::gnttab::Granted;
use xen_ops::{Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Domain, DomainConfig, GuestKind, GuestPage, GuestTarget, TableMemory, Xen};

type Grant<'t> = Granted<'t, GuestPage, ReadWrite>;

/// A front end's domain and a back end's.
struct Domains {
    xen: Xen,
    guest: Domain,
    driver: Domain,
}

impl Domains {
    fn new() -> Self {
        let xen = Xen::new();
        let [guest, driver] =
            [(); 2].map(|()| xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap());
        Self { xen, guest, driver }
    }

    fn grants(&self) -> CopyGrants<&Domain, GuestPage> {
        CopyGrants::new(&self.driver, self.guest.domid(), self.driver.page().unwrap())
    }

    fn map(&self, granted: &Grant<'_>) -> Mapping<&Domain, GuestTarget, ReadWrite> {
        let remote = RemoteGrant::new(self.guest.domid(), granted.reference());
        Mapping::new(&self.driver, remote, self.driver.target(), ReadWrite).unwrap()
    }
}

/// Everything that can be said of a packet.
fn full_info() -> PacketInfo {
    PacketInfo {
        gso: Some(Gso { protocol: GsoProtocol::TcpV6, segment_size: 1448 }),
        hash: Some(Hash { kind: 3, algorithm: 1, value: [1, 2, 3, 4] }),
        multicast: Some(Multicast::Remove([1, 0, 0x5e, 0, 0, 1])),
        ..PacketInfo::default()
    }
}

fn memory() -> TableMemory {
    TableMemory::new(64, 64)
}
