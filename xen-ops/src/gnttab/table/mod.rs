//! The grant table: its memory, its growth, and the hypercalls that they need.

#![allow(unsafe_code, reason = "attaches the table's frames")]

mod config;
mod error;
mod frames;
mod hint;
mod lock;
mod page_allocator;
mod per_cpu;
mod pv;
mod storage;
#[cfg(all(test, not(loom)))]
mod tests;
mod version;

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use xen_abi::grant_table::{GrantEntryFlags, grant_ref_t};
use xen_abi::xen::domid_t;

pub use config::{Config, VersionPolicy};
pub use error::StartError;
pub use frames::{FrameRange, TableFrames, Translated};
pub use page_allocator::PageAllocator;
pub use per_cpu::PerCpuRefs;
pub use pv::{MapFrames, Paravirtual};
#[cfg(not(loom))]
pub use storage::Storage;
pub use storage::TableStorage;

use hint::SharedHint;
use lock::TryLock;
use version::{negotiate, set_version, xen_limit};

use super::granting::batch::{self, Stop};
use super::granting::grants::Grants;
use super::granting::{
    AllocError, Entries, FreeRef, FreeRun, GrantError, Granted, Reaped, Reaper, ReaperCounts,
    RefPool, ToolstackRef, Version,
};
use super::references::{AllocHint, PER_LINE, Proven, Refs, WaitError, Waiter};
use crate::hypercall::Hypercall;
use crate::page::Page;
use crate::view::Access;
use crate::{DomainId, Failed};

/// This domain's grant table, which grants pages to other domains.
///
/// All CPUs share it, and none waits for another. The table grows when no reference is free, until it
/// has its limit of frames; then allocation fails until references are freed. CPUs that allocate often
/// each use a [`per_cpu`](Self::per_cpu) handle.
///
/// `H` makes the hypercalls, `F` says where the table's frames appear, `P` is what is granted.
///
/// ```
/// # use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};
/// # use xen_ops::ReadWrite;
/// # use xen_ops::page::Page as _;
/// # let xen = Xen::new();
/// # let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
/// # let bob = xen.domain(DomainConfig::new(GuestKind::Pvh))?.domid();
/// # let mut storage = TableMemory::new(4, 4);
/// // A guest on the simulator. A real one makes its table by `start`.
/// let table = alice.grant_table(&mut storage, Default::default())?;
/// let page = alice.page().ok_or("no page")?;
/// page.view().write(0, b"hello, bob")?;
///
/// let granted = table.grant(bob, page, ReadWrite)?;
/// println!("tell bob: {}", granted.reference().0);
///
/// // An error while bob maps the page.
/// let (_reference, page) = granted.revoke().map_err(|revoking| revoking.to_string())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GrantTable<'s, H, F, P> {
    grants: Grants<'s, P>,
    xen: H,
    /// Locked while frames are added.
    attacher: TryLock<F>,
    /// Frames whose references are in service.
    frames: AtomicU32,
    /// How many frames the table can have.
    limit: AtomicU32,
    /// The same, without Xen's own limit.
    own_limit: u32,
    /// Where an allocation without a per-CPU handle looks first.
    hint: SharedHint,
}

/// An entry that the toolstack fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolstackEntry {
    /// The type of the grant and its flags; empty if nothing is granted.
    pub flags: GrantEntryFlags,
    /// The domain that may use the page.
    pub peer: domid_t,
    /// The page's frame number.
    pub frame: u64,
}

impl<'s, H: Hypercall, F: TableFrames, P> GrantTable<'s, H, F, P> {
    /// Chooses the version, attaches the first frames, and takes their references into service.
    ///
    /// References 0 to 7 are not used, nor are those whose entries are not empty: what ran before in this
    /// domain has granted something under them.
    ///
    /// # Errors
    ///
    /// - [`StartError::Version`]: Xen refuses the version that the policy demands; `EBUSY` if grants
    ///   of what ran before are in use.
    /// - [`StartError::OtherVersion`]: Xen accepts that, and another one is in effect.
    /// - [`StartError::NoStatusFrames`]: version 2 is demanded, and `frames` has no status frames.
    /// - [`StartError::Size`], [`StartError::Attach`]: Xen fails to return the size, or to attach the
    ///   frames.
    /// - [`StartError::NoFrames`]: the limit is less than one frame.
    ///
    /// # Safety
    ///
    /// - Nothing else in this domain uses the grant table, except for its first 8 references, while the
    ///   result or anything taken from it exists.
    /// - The pages that are granted are memory of the domain whose table this is, unless they know their
    ///   [`owner`](Page::owner). An entry holds a frame number, which is another page's in another domain.
    /// - The domain maps none of its own grants: in a translated guest that removes the page from its own
    ///   address, for good. So a domain id that a peer names is compared with the domain's own before its
    ///   [`RemoteGrant`](crate::gnttab::RemoteGrant) is mapped. Copying does no harm.
    pub unsafe fn start(
        xen: H,
        frames: F,
        storage: TableStorage<'s, P>,
        config: Config,
    ) -> Result<Self, StartError> {
        let version = negotiate(&xen, config.version, frames.status().is_some())?;
        let per_frame = version.entries_per_frame();
        let in_storage = storage.lines.len() / (per_frame / PER_LINE) as usize;
        let own_limit = u32::try_from(in_storage)
            .unwrap_or(u32::MAX)
            .min(u32::MAX / per_frame)
            .min(frames.capacity())
            .min(config.max_frames);
        let limit = xen_limit(&xen)?.min(own_limit);
        if limit == 0 {
            return Err(StartError::NoFrames);
        }
        let status = frames.status().unwrap_or(NonNull::dangling());
        // SAFETY: aligned, as the trait demands; there are status frames if the version is 2.
        let entries = unsafe { Entries::new(version, frames.shared(), status) };
        let table = Self {
            grants: Grants::new(
                entries,
                Refs::new(storage.lines),
                Reaper::new(storage.slots),
                xen.owner(),
            ),
            xen,
            attacher: TryLock::new(frames),
            frames: AtomicU32::new(0),
            limit: AtomicU32::new(limit),
            own_limit,
            hint: SharedHint::new(),
        };
        match table.grow_to(0, config.initial_frames.clamp(1, limit)) {
            Ok(()) => Ok(table),
            Err(AllocError::Grow(error)) => Err(StartError::Attach(error)),
            Err(_) => Err(StartError::Growing),
        }
    }

    /// Attaches the table again after the domain was suspended and resumed on another host. Grants that
    /// were made before no longer exist: revoking one succeeds and returns the page.
    ///
    /// Do not call it if the suspend was cancelled: then the table is unchanged.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start), with the version that the table had. The table must not be used
    /// until this has succeeded. [`StartError::Growing`] if another CPU is adding frames.
    ///
    /// # Safety
    ///
    /// From the suspend until this has succeeded, no CPU uses the table or anything taken from it.
    pub unsafe fn resume(&self) -> Result<(), StartError> {
        let Some(mut attacher) = self.attacher.try_lock() else { return Err(StartError::Growing) };
        let version = self.version();
        set_version(&self.xen, version)?;
        let limit = xen_limit(&self.xen)?.min(self.own_limit);
        let frames = self.frames();
        attacher.attach(&self.xen, version, 0..frames).map_err(StartError::Attach)?;
        self.limit.store(limit.max(frames), Relaxed);
        Ok(())
    }

    /// Allocates a reference. The table grows if none is free.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if none is left. This never waits.
    #[inline]
    pub fn alloc(&self) -> Result<FreeRef<'_, P>, AllocError> {
        match self.hint.with(|hint| self.grants.take(hint)) {
            Some(owned) => Ok(FreeRef::new(owned)),
            None => self.alloc_growing(),
        }
    }

    #[cold]
    fn alloc_growing(&self) -> Result<FreeRef<'_, P>, AllocError> {
        self.hint.with(|hint| self.growing(|| self.grants.take(hint).map(FreeRef::new).ok_or(1)))
    }

    /// Allocates `count` consecutive references. The table grows if there are not so many in a row.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there are not so many; then none is allocated. Another CPU that allocates at
    /// this moment may fail although references after the run are free.
    pub fn alloc_run(&self, count: u32) -> Result<FreeRun<'_, P>, AllocError> {
        self.growing(|| {
            let first = self.grants.refs().take_run::<Proven>(count).ok_or(count as usize)?;
            // SAFETY: they have just been taken.
            Ok(unsafe { FreeRun::new(&self.grants, first, count) })
        })
    }

    /// Allocates as many references as `refs` holds, to be claimed later without fail. The table grows
    /// as needed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there are not so many; then none is allocated.
    pub fn preallocate<'b>(
        &self,
        refs: &'b mut [grant_ref_t],
    ) -> Result<RefPool<'_, 'b, P>, AllocError> {
        let mut pool = RefPool::new(&self.grants, refs);
        self.hint.with(|hint| self.growing(|| pool.fill(hint)))?;
        Ok(pool)
    }

    /// A future that waits until `count` references are free.
    ///
    /// # Errors
    ///
    /// [`WaitError`] if 8 waiters exist already, or if the table can never have so many references.
    pub fn waiter(&self, count: usize) -> Result<Waiter<'_>, WaitError> {
        let entries = self.limit.load(Relaxed) * self.version().entries_per_frame();
        Waiter::new(self.grants.refs(), count, (entries - ToolstackRef::COUNT) as usize)
    }

    /// Adds frames. If another CPU has added some meanwhile, this adds none.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there would be more than the limit, if another CPU is adding frames, or if Xen
    /// does not attach them. Then none is added.
    pub fn grow(&self, frames: u32) -> Result<(), AllocError> {
        let from = self.frames();
        let to = from.saturating_add(frames);
        let limit = self.limit.load(Relaxed);
        if to > limit {
            Err(AllocError::Exhausted { frames: limit })
        } else {
            self.grow_to(from, to)
        }
    }

    /// Calls `take` until it succeeds, and grows the table each time by the number of references that it
    /// returns as missing.
    pub(crate) fn growing<T>(
        &self,
        mut take: impl FnMut() -> Result<T, usize>,
    ) -> Result<T, AllocError> {
        loop {
            let from = self.frames();
            let missing = match take() {
                Ok(taken) => return Ok(taken),
                Err(missing) => u32::try_from(missing).unwrap_or(u32::MAX),
            };
            let limit = self.limit.load(Relaxed);
            let per_frame = self.version().entries_per_frame();
            // The table does not grow for more than it can ever have.
            if from >= limit || missing > limit.saturating_mul(per_frame) - ToolstackRef::COUNT {
                return Err(AllocError::Exhausted { frames: limit });
            }
            let more = missing.div_ceil(per_frame);
            self.grow_to(from, from.saturating_add(more).min(limit))?;
        }
    }

    /// Adds frames, unless the table no longer has `from`: another CPU has added some meanwhile.
    fn grow_to(&self, from: u32, to: u32) -> Result<(), AllocError> {
        let Some(mut attacher) = self.attacher.try_lock() else { return Err(AllocError::Growing) };
        if self.frames() != from {
            return Ok(());
        }
        let version = self.version();
        attacher.attach(&self.xen, version, from..to).map_err(AllocError::Grow)?;
        let per_frame = version.entries_per_frame();
        // SAFETY: they are attached now, and stay so, for they are dropped with `self`. The limit
        // keeps references within 32 bits.
        let added = unsafe { self.grants.add(from * per_frame, to * per_frame) };
        // After the references are free: a CPU that sees the limit reached and finds none is right then.
        self.frames.store(to, Release);
        drop(attacher);
        // Wakes waiters: the user's code, which may panic.
        drop(added);
        Ok(())
    }

    /// Grants pages, each under a reference of its own, and puts the grants into the empty slots: as
    /// many as there are pages and empty slots. Returns how many. The table grows as needed.
    ///
    /// This is cheaper than one by one: up to 32 references are allocated at once.
    ///
    /// # Errors
    ///
    /// [`GrantError`] for the first page that cannot be granted, as for [`alloc`](Self::alloc) and
    /// [`FreeRef::grant`]. That page is returned if it was taken from `pages` already. Grants made
    /// before it are in the slots.
    pub fn grant_all<'t, A: Access>(
        &'t self,
        peer: DomainId,
        pages: &mut (impl Iterator<Item = P> + ?Sized),
        access: A,
        slots: &mut [Option<Granted<'t, P, A>>],
    ) -> Result<usize, Failed<GrantError, P>>
    where
        P: Page,
    {
        self.hint.with(|hint| self.grant_all_from(hint, peer, pages, access, slots))
    }

    pub(super) fn grant_all_from<'t, A: Access>(
        &'t self,
        hint: &mut AllocHint,
        peer: DomainId,
        pages: &mut (impl Iterator<Item = P> + ?Sized),
        _access: A,
        slots: &mut [Option<Granted<'t, P, A>>],
    ) -> Result<usize, Failed<GrantError, P>>
    where
        P: Page,
    {
        let mut filled = 0;
        let done = self.growing(|| {
            match batch::grant(&self.grants, hint, peer, pages, slots, &mut filled) {
                Ok(()) => Ok(Ok(filled)),
                Err(Stop::Refused(page, error)) => Ok(Err(Failed::returning(error, page))),
                Err(Stop::NoRefs { missing }) => Err(missing),
            }
        });
        done.unwrap_or_else(|error| Err(Failed::keeping(error.into())))
    }

    /// Grants `page` to `peer`: [`alloc`](Self::alloc) and [`FreeRef::grant`] in one.
    ///
    /// # Errors
    ///
    /// [`GrantError`], with the page.
    #[inline]
    pub fn grant<A: Access>(
        &self,
        peer: DomainId,
        page: P,
        access: A,
    ) -> Result<Granted<'_, P, A>, Failed<GrantError, P>>
    where
        P: Page,
    {
        match self.alloc() {
            Ok(free) => {
                free.grant(peer, page, access).map_err(|failed| failed.map(|(_, page)| page))
            }
            Err(error) => Err(Failed::returning(error.into(), page)),
        }
    }

    /// Takes a page from `pages`, clears it, and grants it: the peer does not see its previous contents.
    ///
    /// # Errors
    ///
    /// As for [`grant`](Self::grant), and [`GrantError::NoPage`] if there is no page. The page is
    /// dropped, which returns it to where it was taken from.
    pub fn grant_zeroed<A: Access>(
        &self,
        peer: DomainId,
        pages: &impl PageAllocator<Page = P>,
        access: A,
    ) -> Result<Granted<'_, P, A>, GrantError>
    where
        P: Page,
    {
        let page = pages.take().map_err(GrantError::NoPage)?;
        page.view().clear();
        Ok(self.grant(peer, page, access)?)
    }
}

impl<'s, H, F, P> GrantTable<'s, H, F, P> {
    pub(crate) const fn grants(&self) -> &Grants<'s, P> {
        &self.grants
    }

    /// A handle for the CPU or thread with this number, counted from 0.
    ///
    /// Each CPU has its own: then they allocate from different cache lines, and a CPU that allocates and
    /// frees reuses the same reference, whose entry is still in its cache. The number has no other
    /// effect.
    #[must_use]
    pub const fn per_cpu(&self, cpu: usize) -> PerCpuRefs<'_, 's, H, F, P> {
        PerCpuRefs::new(self, AllocHint::new(cpu))
    }

    pub(crate) const fn xen(&self) -> &H {
        &self.xen
    }

    /// Whether `granted` is a grant of this table.
    pub(crate) fn has<Kind>(&self, granted: &Granted<'_, P, Kind>) -> bool {
        granted.is_of(&self.grants)
    }

    /// The entries' format.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.grants.version()
    }

    /// Frames that the table has.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.frames.load(Acquire)
    }

    /// Frames that the table can have.
    #[must_use]
    pub fn max_frames(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// References that are free now, in the frames that the table has.
    #[must_use]
    pub fn free_refs(&self) -> usize {
        self.grants.refs().count()
    }

    /// What the toolstack granted under one of its references.
    #[must_use]
    pub fn toolstack_entry(&self, reference: ToolstackRef) -> ToolstackEntry {
        let (header, frame) = self.grants.toolstack_entry(reference).read();
        ToolstackEntry { flags: header.flags(), peer: header.peer(), frame }
    }

    /// Tries to end up to `limit` of the grants that were dropped while the peer still used them.
    ///
    /// Nothing else ends them. Call it regularly, with a limit that keeps up with what is dropped.
    pub fn reap(&self, limit: usize) -> Reaped {
        self.grants.reap(limit)
    }

    /// Counts of grants that were dropped while the peer still used them.
    #[must_use]
    pub fn deferred(&self) -> ReaperCounts {
        self.grants.reaper().deferred()
    }
}

impl<H, F, P> fmt::Debug for GrantTable<'_, H, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantTable")
            .field("grants", &self.grants)
            .field("frames", &self.frames)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
