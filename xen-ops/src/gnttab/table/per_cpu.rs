//! References for one CPU or thread.

use core::fmt;

use super::GrantTable;
use super::frames::TableFrames;
use crate::gnttab::granting::grants::OwnedRef;
use crate::gnttab::granting::{AllocError, FreeRef, GrantError, Granted, Revoking};
use crate::gnttab::references::{AllocHint, Proven, RefCache};
use crate::hypercall::Hypercall;
use crate::page::Page;
use crate::view::Access;
use crate::{DomainId, Failed};

/// A per-CPU cache of references in front of the table's bitmap, which all CPUs share. A grant
/// that is made and revoked through it needs one atomic operation on shared memory: the one that ends it.
///
/// The references that it caches, at most 32, count as allocated for everything else: another CPU may
/// find none free, and [waiters](GrantTable::waiter) are not woken for these. It frees them
/// when it is dropped, on [`flush`](Self::flush), and when a reference is freed through it while it
/// sees a waiter.
///
/// References allocated through it are like others: they may be freed, and their grants revoked,
/// anywhere else, and it frees others' references too. References of another part of the table than
/// the cached ones go to the shared bitmap.
///
/// ```
/// # use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};
/// # use xen_ops::ReadWrite;
/// # let xen = Xen::new();
/// # let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
/// # let bob = xen.domain(DomainConfig::new(GuestKind::Pvh))?.domid();
/// # let mut storage = TableMemory::new(4, 4);
/// # let page = alice.page().ok_or("no page")?;
/// let table = alice.grant_table(&mut storage, Default::default())?;
/// let mut cpu0 = table.per_cpu(0);
/// let granted = cpu0.grant(bob, page, ReadWrite)?;
/// println!("tell bob: {}", granted.reference().0);
/// let _page = cpu0.revoke(granted).map_err(|revoking| revoking.to_string())?;
/// assert_eq!(cpu0.cached(), 24, "the first 8 of the first 32 are the toolstack's");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PerCpuRefs<'t, 's, H, F, P> {
    table: &'t GrantTable<'s, H, F, P>,
    hint: AllocHint,
    cache: RefCache,
}

impl<'t, 's, H, F, P> PerCpuRefs<'t, 's, H, F, P> {
    pub(crate) const fn new(table: &'t GrantTable<'s, H, F, P>, hint: AllocHint) -> Self {
        Self { table, hint, cache: RefCache::EMPTY }
    }

    /// How many references it caches.
    #[must_use]
    pub const fn cached(&self) -> usize {
        self.cache.left()
    }

    /// Frees a reference.
    #[inline]
    pub fn free(&mut self, free: FreeRef<'_, P>) {
        self.put(free.into_owned_ref());
    }

    /// As [`Granted::revoke`], and frees the reference.
    ///
    /// # Errors
    ///
    /// [`Revoking`] if the peer uses the page; it holds the reference and the page.
    #[inline]
    pub fn revoke<'g, Kind>(
        &mut self,
        granted: Granted<'g, P, Kind>,
    ) -> Result<P, Revoking<'g, P>> {
        let (owned, page) = granted.end().map_err(Granted::into_revoking)?;
        self.put(owned);
        Ok(page)
    }

    /// Frees the cached references.
    pub fn flush(&mut self) {
        self.cache.flush::<Proven>(self.table.grants().refs());
    }

    #[inline]
    fn take(&mut self) -> Option<u32> {
        self.cache.take::<Proven>(self.table.grants().refs(), &mut self.hint)
    }

    #[inline]
    fn put(&mut self, owned: OwnedRef<'_, P>) {
        let grants = self.table.grants();
        if core::ptr::addr_eq(owned.grants(), grants) {
            self.cache.free::<Proven>(grants.refs(), owned.reference().0);
        } else {
            owned.free();
        }
    }
}

impl<'t, H: Hypercall, F: TableFrames, P> PerCpuRefs<'t, '_, H, F, P> {
    /// Allocates a reference. The table grows if none is free.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if none is left. This never waits.
    #[inline]
    pub fn alloc(&mut self) -> Result<FreeRef<'t, P>, AllocError> {
        let reference = match self.take() {
            Some(reference) => reference,
            None => self.take_growing()?,
        };
        #[allow(unsafe_code, reason = "vouches for a reference")]
        // SAFETY: it has just been taken.
        let owned = unsafe { self.table.grants().owned_ref(reference) };
        Ok(FreeRef::new(owned))
    }

    #[cold]
    fn take_growing(&mut self) -> Result<u32, AllocError> {
        self.table.growing(|| self.take().ok_or(1))
    }

    /// Grants `page` to `peer`: [`alloc`](Self::alloc) and [`FreeRef::grant`] in one.
    ///
    /// # Errors
    ///
    /// [`GrantError`], with the page.
    #[inline]
    pub fn grant<A: Access>(
        &mut self,
        peer: DomainId,
        page: P,
        access: A,
    ) -> Result<Granted<'t, P, A>, Failed<GrantError, P>>
    where
        P: Page,
    {
        match self.alloc() {
            Ok(free) => free.grant(peer, page, access).map_err(|failed| {
                failed.map(|(free, page)| {
                    self.free(free);
                    page
                })
            }),
            Err(error) => Err(Failed::returning(error.into(), page)),
        }
    }

    /// As [`GrantTable::grant_all`]; the cached references are not used for it.
    ///
    /// # Errors
    ///
    /// As [`GrantTable::grant_all`].
    pub fn grant_all<A: Access>(
        &mut self,
        peer: DomainId,
        pages: &mut (impl Iterator<Item = P> + ?Sized),
        access: A,
        slots: &mut [Option<Granted<'t, P, A>>],
    ) -> Result<usize, Failed<GrantError, P>>
    where
        P: Page,
    {
        self.table.grant_all_from(&mut self.hint, peer, pages, access, slots)
    }
}

impl<H, F, P> Drop for PerCpuRefs<'_, '_, H, F, P> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<H, F, P> fmt::Debug for PerCpuRefs<'_, '_, H, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuRefs").field("cached", &self.cached()).finish_non_exhaustive()
    }
}
