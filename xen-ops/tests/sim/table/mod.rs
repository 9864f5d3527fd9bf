//! A domain's own grant table.

mod defects;
mod granting;
mod paravirtual;
mod per_cpu;
mod references;
mod starting;
mod swapping;
#[cfg(not(target_arch = "x86"))]
mod wide;

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicUsize};

use xen_abi::grant_table::grant_ref_t;
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::gnttab::{Config, FreeRef, Revoking, StartError, Storage, Version, VersionPolicy};
use xen_ops::page::Page;
use xen_ops::view::Access;
use xen_ops::{DomainId, GrantTable, Mapping, RemoteGrant};
use xen_sim::{Domain, DomainConfig, GrantFrames, GuestKind, GuestTarget, Xen, XenBuilder};

use crate::lies::Lies;
use crate::{pfn, pfn_to_u64};

/// GrantFrames that the storage is for.
const FRAMES: usize = 4;
const BOTH: [Version; 2] = [Version::V1, Version::V2];

type Store<'w> = Storage<TestPage<'w>, FRAMES, 4>;
type Table<'w> = GrantTable<'w, &'w Lies<Domain>, GrantFrames, TestPage<'w>>;
/// The peer uses a grant as long as this lives.
type Use<'w, A> = Mapping<&'w Domain, GuestTarget, A>;

/// A guest with a grant table, and two other domains: 7, which is the peer, and 8.
struct World {
    machine: Xen,
    xen: Lies<Domain>,
    peer: Domain,
    other: Domain,
    version: AtomicU32,
    pages: AtomicUsize,
}

impl World {
    fn new() -> Self {
        let config = DomainConfig::new(GuestKind::Pvh).max_grant_frames(FRAMES as u32);
        Self::with(Xen::builder(), config)
    }

    fn with(builder: XenBuilder, config: DomainConfig) -> Self {
        let machine = builder.frames(512).build();
        let domain = |config: DomainConfig| machine.domain(config).expect("enough memory");
        let us = domain(config.clone().domid(domid_t(1)).pages(128));
        let [peer, other] =
            [7, 8].map(|domid| domain(config.clone().domid(domid_t(domid)).pages(1)));
        let (version, pages) = (AtomicU32::new(1), AtomicUsize::new(0));
        Self { xen: Lies::new(us), machine, peer, other, version, pages }
    }

    fn start<'w>(
        &'w self,
        storage: &'w Store<'w>,
        config: Config,
    ) -> Result<Table<'w>, StartError> {
        let frames = self.us().table_frames().expect("one table at a time");
        // SAFETY: there is one table in this world.
        let table = unsafe {
            GrantTable::start(&self.xen, frames, storage.take().expect("one table"), config)
        }?;
        self.version.store(table.version().number(), Relaxed);
        Ok(table)
    }

    fn table<'w>(&'w self, storage: &'w Store<'w>, version: Version) -> Table<'w> {
        let version = match version {
            Version::V1 => VersionPolicy::V1,
            Version::V2 => VersionPolicy::V2,
        };
        self.start(storage, Config { version, ..Config::default() }).expect("both are there")
    }

    fn us(&self) -> &Domain {
        self.xen.truth()
    }

    fn page(&self) -> TestPage<'_> {
        let page = self.us().page().expect("a page is left");
        self.pages.fetch_add(1, Relaxed);
        TestPage { frame: pfn_to_u64(page.frame()), page, world: self }
    }

    /// How many pages there are.
    fn pages(&self) -> usize {
        self.pages.load(Relaxed)
    }

    /// The peer's use of a grant, if Xen lets it.
    fn claim<A: Access>(&self, reference: grant_ref_t, access: A) -> Option<Use<'_, A>> {
        Self::claim_by(&self.peer, reference, self.us().domid(), access)
    }

    /// The same of the domain that is not the peer.
    fn claim_by_other<A: Access>(&self, reference: grant_ref_t, access: A) -> Option<Use<'_, A>> {
        Self::claim_by(&self.other, reference, self.us().domid(), access)
    }

    fn claim_by<A: Access>(
        by: &Domain,
        reference: grant_ref_t,
        granter: DomainId,
        access: A,
    ) -> Option<Use<'_, A>> {
        Mapping::new(by, RemoteGrant::new(granter, reference), by.target(), access).ok()
    }

    /// A word of an entry, which is accessed atomically. The memory lives as long as the machine.
    fn at<T>(&self, reference: grant_ref_t, offset: usize) -> &T {
        let size = if self.version.load(Relaxed) == 2 { 16 } else { 8 };
        let at = reference.0 as usize * size + offset;
        // SAFETY: inside the table's memory.
        unsafe { self.us().raw_table().shared().add(at).cast().as_ref() }
    }

    fn header(&self, reference: grant_ref_t) -> &AtomicU32 {
        self.at(reference, 0)
    }

    fn frame(&self, reference: grant_ref_t) -> u64 {
        match self.version.load(Relaxed) {
            1 => self.at::<AtomicU32>(reference, 4).load(Relaxed).into(),
            _ => self.at::<AtomicU64>(reference, 8).load(Relaxed),
        }
    }

    /// What an entry of version 2 has between header and frame.
    fn word(&self, reference: grant_ref_t) -> u32 {
        self.at::<AtomicU32>(reference, 4).load(Relaxed)
    }

    fn status(&self, reference: grant_ref_t) -> &AtomicU16 {
        // SAFETY: inside the table's memory.
        unsafe { self.us().raw_table().status().add(reference.0 as usize * 2).cast().as_ref() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.machine.check_invariants().expect("what is true at all times");
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// A page that is counted, and whose frame number can be another one.
#[derive(Debug)]
struct TestPage<'w> {
    world: &'w World,
    page: xen_sim::GuestPage,
    frame: u64,
}

// SAFETY: the simulator's own page. Where the frame number is another one, nothing uses the grant.
unsafe impl Page for TestPage<'_> {
    fn frame(&self) -> xen_pfn_t {
        pfn(self.frame)
    }

    fn address(&self) -> NonNull<u8> {
        self.page.address()
    }
}

impl Drop for TestPage<'_> {
    fn drop(&mut self) {
        self.world.pages.fetch_sub(1, Relaxed);
    }
}

fn peer() -> DomainId {
    DomainId::new(domid_t(7)).expect("an ordinary domain")
}

/// What a revoke returns that must succeed.
fn ended<'t, P>(result: Result<(FreeRef<'t, P>, P), Revoking<'t, P>>) -> (FreeRef<'t, P>, P) {
    result.unwrap_or_else(|revoking| panic!("{revoking}"))
}
