//! The table: what needs hypercalls, and what is taken from it.

#![allow(unsafe_code, reason = "attaches the table's frames")]

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use xen_abi::errno::XEN_ENOSYS;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::xen::{DOMID_SELF, domid_t};

use super::batch::{self, Stop};
use super::entries::{Entries, Version};
use super::error::{AllocError, GrantError, Refused, StartError};
use super::frames::TableFrames;
use super::free::{FreeRef, FreeRun};
use super::grant::{Access, Granted};
use super::grants::Grants;
use super::local::PerCpuRefs;
use super::lock::TryLock;
use super::orders::Proven;
use super::pages::PageAllocator;
use super::peer::DomainId;
use super::reaper::{Reaped, Reaper, ReaperCounts};
use super::refs::{AllocHint, PER_LINE, Refs};
use super::reserve::RefPool;
use super::reserved::ToolstackRef;
use super::storage::TableStorage;
use super::waiter::{WaitError, Waiter};
use crate::hypercall::{Error, Hypercall, grant_table_op};
use crate::page::Page;
use crate::view::{ReadWrite, View};

/// Which format a table's entries are to have. It is chosen once, before anything is granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionPolicy {
    /// Version 1, which there is everywhere.
    #[default]
    V1,
    /// Version 2, or nothing.
    V2,
    /// Version 2 where Xen has it and there is room for status frames, else version 1.
    PreferV2,
}

/// How a table is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The entries' format.
    pub version: VersionPolicy,
    /// How many frames the table has from the start: at least 1, at most its limit.
    pub initial_frames: u32,
    /// How many frames it may grow to. The limit is the smallest of this, Xen's limit, the room where
    /// frames can appear, and the storage.
    pub max_frames: u32,
}

impl Default for Config {
    /// Version 1, one frame, and no limit of its own.
    fn default() -> Self {
        Self { version: VersionPolicy::V1, initial_frames: 1, max_frames: u32::MAX }
    }
}

/// This domain's grant table, from which pages are lent to other domains.
///
/// It is shared by all CPUs: nothing here waits for another one. The table grows when no reference is
/// free, until it has its limit of frames; then there are no references until some are freed.
///
/// `X` is the way to the hypervisor, `F` where the table's frames appear, `P` what is granted.
///
/// ```
/// # use xen_sim::{DomainConfig, GuestKind, Storage, Xen};
/// # use xen_ops::{gnttab::{AllocHint, DomainId}, view::ReadWrite};
/// # let xen = Xen::new();
/// # let (alice, bob) = (xen.domain(DomainConfig::new(GuestKind::Pvh))?, xen.domain(DomainConfig::new(GuestKind::Pvh))?);
/// # let mut storage = Storage::new(4, 4);
/// // A guest on a model of Xen. A real one makes its table by `start`.
/// let table = alice.grant_table(&mut storage, Default::default())?;
/// let to_bob = DomainId::new(bob.domid())?;
/// let granted = table.grant_new::<ReadWrite>(&mut AllocHint::new(0), to_bob, &alice)?;
/// let Ok((_reference, _page)) = granted.revoke() else { panic!("bob uses it") };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GrantTable<'s, X, F, P> {
    grants: Grants<'s, P>,
    xen: X,
    /// Whoever has this adds frames.
    attacher: TryLock<F>,
    /// Frames whose references are in service.
    frames: AtomicU32,
    /// How many frames there can be.
    limit: AtomicU32,
    /// As `limit`, but for Xen's.
    own_limit: u32,
}

/// What a reserved entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolstackEntry {
    /// `GTF_*`: 0 if nothing is granted.
    pub flags: u16,
    /// The domain that may use the page.
    pub peer: domid_t,
    /// The page's frame number.
    pub frame: u64,
}

impl<'s, X: Hypercall, F: TableFrames, P> GrantTable<'s, X, F, P> {
    /// Chooses the version, attaches the first frames, and takes their references into service.
    ///
    /// References 0 to 7 are left alone, and so are those whose entries are not empty: what ran before
    /// in this domain has granted something under them.
    ///
    /// # Errors
    ///
    /// - [`StartError::Version`]: Xen refuses the version that the policy demands; `EBUSY` if grants
    ///   of what ran before are in use.
    /// - [`StartError::OtherVersion`]: Xen accepts that, and another one is in effect.
    /// - [`StartError::NoStatusRoom`]: version 2 is demanded, without room for status frames.
    /// - [`StartError::Size`], [`StartError::Attach`]: Xen does not tell the size, or does not let the
    ///   frames be attached.
    /// - [`StartError::NoRoom`]: the limit is less than one frame.
    ///
    /// # Safety
    ///
    /// - Nothing else in this domain uses the grant table, its reserved references excepted, as long as
    ///   the result or anything taken from it exists.
    /// - This domain maps none of its own grants: in a translated guest that takes the page away from
    ///   where its owner has it, for good. What a peer calls its number is compared with one's own
    ///   before it becomes a [`RemoteGrant`](crate::gnttab::foreign::Foreign) that is mapped; copying does no
    ///   harm.
    pub unsafe fn start(
        xen: X,
        frames: F,
        room: TableStorage<'s, P>,
        config: Config,
    ) -> Result<Self, StartError> {
        let version = negotiate(&xen, config.version, frames.status().is_some())?;
        let per_frame = version.entries_per_frame();
        let in_storage = room.lines.len() / (per_frame / PER_LINE) as usize;
        let own_limit = u32::try_from(in_storage)
            .unwrap_or(u32::MAX)
            .min(u32::MAX / per_frame)
            .min(frames.capacity())
            .min(config.max_frames);
        let limit = xen_limit(&xen)?.min(own_limit);
        if limit == 0 {
            return Err(StartError::NoRoom);
        }
        let status = frames.status().unwrap_or(NonNull::dangling());
        // SAFETY: aligned, as the trait demands; there are status frames if the version is 2.
        let entries = unsafe { Entries::new(version, frames.shared(), status) };
        let table = Self {
            grants: Grants::new(entries, Refs::new(room.lines), Reaper::new(room.slots)),
            xen,
            attacher: TryLock::new(frames),
            frames: AtomicU32::new(0),
            limit: AtomicU32::new(limit),
            own_limit,
        };
        match table.grow_to(0, config.initial_frames.clamp(1, limit)) {
            Ok(()) => Ok(table),
            Err(AllocError::Grow(error)) => Err(StartError::Attach(error)),
            Err(_) => Err(StartError::Growing),
        }
    }

    /// Attaches the table again after the domain was suspended and woke up somewhere else. What was
    /// granted before is not granted any more: revoking it succeeds and gives the page back.
    ///
    /// Not to be called if the suspend was cancelled: then everything is as it was.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start); the version is the one of before. Then the table must not be
    /// used until this has succeeded. [`StartError::Growing`] if someone else is adding frames.
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

    /// Takes a reference. The table grows if none is free.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is none. This never waits.
    #[inline]
    pub fn alloc(&self, cursor: &mut AllocHint) -> Result<FreeRef<'_, P>, AllocError> {
        match self.grants.take(cursor) {
            Some(own) => Ok(FreeRef::new(own)),
            None => self.alloc_growing(cursor),
        }
    }

    #[cold]
    fn alloc_growing(&self, cursor: &mut AllocHint) -> Result<FreeRef<'_, P>, AllocError> {
        self.growing(|| self.grants.take(cursor).map(FreeRef::new).ok_or(1))
    }

    /// Takes `count` references that follow each other. The table grows if there are not so many in a
    /// row.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there are none; then none is taken. Others that take references at this
    /// moment may be told the same, though some are free behind it.
    pub fn alloc_run(&self, count: u32) -> Result<FreeRun<'_, P>, AllocError> {
        self.growing(|| {
            let first = self.grants.refs().take_run::<Proven>(count).ok_or(count as usize)?;
            // SAFETY: they have just been taken.
            Ok(unsafe { FreeRun::new(&self.grants, first, count) })
        })
    }

    /// Takes as many references as there is room for in `room`, to be claimed later: then there are
    /// some for sure. The table grows as needed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there are not so many; then none is taken.
    pub fn reserve<'b>(
        &self,
        cursor: &mut AllocHint,
        room: &'b mut [grant_ref_t],
    ) -> Result<RefPool<'_, 'b, P>, AllocError> {
        let mut reserve = RefPool::new(&self.grants, room);
        self.growing(|| reserve.fill(cursor))?;
        Ok(reserve)
    }

    /// Waits until `count` references are free. Nothing here waits but the caller who does so.
    ///
    /// # Errors
    ///
    /// [`WaitError`] if too many wait already, or if the table will never have so many references.
    pub fn waiter(&self, count: usize) -> Result<Waiter<'_>, WaitError> {
        let entries = self.limit.load(Relaxed) * self.version().entries_per_frame();
        Waiter::new(self.grants.refs(), count, (entries - ToolstackRef::COUNT) as usize)
    }

    /// Adds frames; if someone else has added some meanwhile, that is all.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there would be more than the limit, if someone else is adding frames, or if
    /// Xen does not attach them. Then none is added.
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

    /// Tries `take`, and lets the table grow as long as it fails: by as many references as it says.
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
            // More than there can ever be is no reason to grow.
            if from >= limit || missing > limit.saturating_mul(per_frame) - ToolstackRef::COUNT {
                return Err(AllocError::Exhausted { frames: limit });
            }
            let more = missing.div_ceil(per_frame);
            self.grow_to(from, from.saturating_add(more).min(limit))?;
        }
    }

    /// Adds frames, unless there are no longer `from`: someone else has added some meanwhile.
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
        unsafe { self.grants.add(from * per_frame, to * per_frame) };
        // Last: who sees the limit reached and finds no reference has to be right.
        self.frames.store(to, Release);
        Ok(())
    }

    /// Grants pages, each under a reference of its own, and puts the grants into the empty slots: as
    /// many as there are pages and empty slots. Tells how many. The table grows as needed.
    ///
    /// This is cheaper than one by one: references are taken up to 32 at once.
    ///
    /// # Errors
    ///
    /// [`Refused`] if a page cannot be granted: it gives that page back, if it was taken from `pages`
    /// already. What was granted before is in the slots. The reasons are those of
    /// [`alloc`](Self::alloc) and [`FreeRef::grant`].
    pub fn grant_all<'t, A: Access>(
        &'t self,
        cursor: &mut AllocHint,
        peer: DomainId,
        pages: &mut (impl Iterator<Item = P> + ?Sized),
        slots: &mut [Option<Granted<'t, P, A>>],
    ) -> Result<usize, Refused<Option<P>>>
    where
        P: Page,
    {
        let mut filled = 0;
        let done = self.growing(|| {
            match batch::grant(&self.grants, cursor, peer, pages, slots, &mut filled) {
                Ok(()) => Ok(Ok(filled)),
                Err(Stop::Refused(page, why)) => Ok(Err(Refused { given: Some(page), why })),
                Err(Stop::NoRefs { missing }) => Err(missing),
            }
        });
        done.unwrap_or_else(|error| Err(Refused { given: None, why: error.into() }))
    }

    /// Lets `peer` use `page`: [`alloc`](Self::alloc) and [`FreeRef::grant`] in one.
    ///
    /// # Errors
    ///
    /// The page is given back with the reason of either.
    #[inline]
    pub fn grant<A: Access>(
        &self,
        cursor: &mut AllocHint,
        peer: DomainId,
        page: P,
    ) -> Result<Granted<'_, P, A>, Refused<P>>
    where
        P: Page,
    {
        match self.alloc(cursor) {
            Ok(free) => free
                .grant(peer, page)
                .map_err(|Refused { given: (_, page), why }| Refused { given: page, why }),
            Err(error) => Err(Refused { given: page, why: error.into() }),
        }
    }

    /// Takes a page from `pages`, clears it, and grants it: nothing that it held before is seen.
    ///
    /// # Errors
    ///
    /// As for [`grant`](Self::grant), and [`GrantError::NoPage`] if there is no page. The page goes
    /// back to where it was taken from, by being dropped.
    pub fn grant_new<A: Access>(
        &self,
        cursor: &mut AllocHint,
        peer: DomainId,
        pages: &impl PageAllocator<Page = P>,
    ) -> Result<Granted<'_, P, A>, GrantError>
    where
        P: Page,
    {
        let page = pages.take().ok_or(GrantError::NoPage)?;
        // SAFETY: the page is ours alone, and nobody uses it.
        unsafe { View::<ReadWrite>::new(page.address()) }.clear();
        self.grant(cursor, peer, page).map_err(|refused| refused.why)
    }
}

impl<'s, X, F, P> GrantTable<'s, X, F, P> {
    pub(crate) const fn grants(&self) -> &Grants<'s, P> {
        &self.grants
    }

    /// A source of references for one CPU or thread, which looks for them as the cursor would.
    pub const fn local(&self, cursor: AllocHint) -> PerCpuRefs<'_, 's, X, F, P> {
        PerCpuRefs::new(self, cursor)
    }

    pub(crate) const fn xen(&self) -> &X {
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

    /// What the toolstack granted under a reserved reference.
    #[must_use]
    pub fn reserved(&self, reference: ToolstackRef) -> ToolstackEntry {
        let (header, frame) = self.grants.reserved(reference).read();
        ToolstackEntry { flags: header.flags(), peer: header.peer(), frame }
    }

    /// Tries to end up to `limit` of the grants that were dropped while the peer still used them.
    ///
    /// Nothing else ends them: this is to be called from time to time, with a limit that lets it keep
    /// up with what is dropped.
    pub fn reap(&self, limit: usize) -> Reaped {
        self.grants.reap(limit)
    }

    /// What became of grants that were dropped while the peer still used them.
    #[must_use]
    pub fn deferred(&self) -> ReaperCounts {
        self.grants.reaper().deferred()
    }
}

impl<X, F, P> fmt::Debug for GrantTable<'_, X, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantTable")
            .field("grants", &self.grants)
            .field("frames", &self.frames)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

fn negotiate<X: Hypercall>(
    xen: &X,
    policy: VersionPolicy,
    status_room: bool,
) -> Result<Version, StartError> {
    match policy {
        VersionPolicy::V2 if !status_room => return Err(StartError::NoStatusRoom),
        VersionPolicy::V2 => return set_version(xen, Version::V2),
        VersionPolicy::PreferV2 if status_room => match set_version(xen, Version::V2) {
            Err(StartError::Version(_, error)) if is_absent(&error) => {}
            other => return other,
        },
        VersionPolicy::PreferV2 | VersionPolicy::V1 => {}
    }
    set_version(xen, Version::V1)
}

fn is_absent(error: &Error) -> bool {
    error.errno() == Some(XEN_ENOSYS)
}

fn set_version<X: Hypercall>(xen: &X, version: Version) -> Result<Version, StartError> {
    // SAFETY: entries are wiped, but nothing is granted: nothing yet, or, after a suspend, in the new
    // table.
    let (result, in_effect) = unsafe { grant_table_op::set_version(xen, version.number()) };
    match result {
        Ok(()) if in_effect == version.number() => Ok(version),
        Ok(()) => Err(StartError::OtherVersion { in_effect }),
        // A Xen that does not know the operation has version 1 alone.
        Err(error) if version == Version::V1 && is_absent(&error) => Ok(version),
        Err(error) => Err(StartError::Version(version, error)),
    }
}

fn xen_limit<X: Hypercall>(xen: &X) -> Result<u32, StartError> {
    grant_table_op::query_size(xen, DOMID_SELF)
        .map(|size| size.max_nr_frames)
        .map_err(StartError::Size)
}
