//! References for one CPU or thread.

use core::fmt;

use super::error::{AllocError, Refused};
use super::frames::TableFrames;
use super::free::FreeRef;
use super::grant::{Access, Granted, Revoking};
use super::grants::Own;
use super::hold::RefCache;
use super::orders::Proven;
use super::peer::DomainId;
use super::refs::AllocHint;
use super::table::GrantTable;
use crate::hypercall::Hypercall;
use crate::page::Page;

/// A source of references for one CPU or thread, in front of the table's, which is everyone's: it
/// holds some back, so that granting a page and taking it back through it needs one atomic operation
/// that others could see, the one that ends the grant.
///
/// What it holds, at most 32 references, counts as taken for everybody else: they may be told that
/// there is none, and those who [wait](GrantTable::waiter) are not woken for these. It gives them back
/// when it is dropped, by [`flush`](Self::flush), and when a reference is freed through it while
/// someone is seen to wait.
///
/// References taken through it are like others: they may be freed, and their grants revoked, anywhere
/// else, and it frees others' references too. Those of another part of the table than what it holds
/// become everyone's.
///
/// ```
/// # use xen_sim::{DomainConfig, GuestKind, Storage, Xen};
/// # use xen_ops::gnttab::{AllocHint, PageAllocator, DomainId};
/// # use xen_ops::view::ReadWrite;
/// # let xen = Xen::new();
/// # let (alice, bob) = (xen.domain(DomainConfig::new(GuestKind::Pvh))?, xen.domain(DomainConfig::new(GuestKind::Pvh))?);
/// # let mut storage = Storage::new(4, 4);
/// # let to_bob = DomainId::new(bob.domid())?;
/// # let page = alice.take().ok_or("no page")?;
/// let table = alice.grant_table(&mut storage, Default::default())?;
/// // CPU 0's.
/// let mut local = table.local(AllocHint::new(0));
/// let granted = local.grant::<ReadWrite>(to_bob, page).map_err(|refused| refused.why)?;
/// println!("tell bob: {}", granted.reference().0);
/// let Ok(_page) = local.revoke(granted) else { panic!("bob uses it") };
/// assert_eq!(local.held(), 24, "the first 8 of the first 32 are reserved");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PerCpuRefs<'t, 's, X, F, P> {
    table: &'t GrantTable<'s, X, F, P>,
    cursor: AllocHint,
    hold: RefCache,
}

impl<'t, 's, X, F, P> PerCpuRefs<'t, 's, X, F, P> {
    pub(crate) const fn new(table: &'t GrantTable<'s, X, F, P>, cursor: AllocHint) -> Self {
        Self { table, cursor, hold: RefCache::EMPTY }
    }

    /// How many references it holds.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.hold.left()
    }

    /// Frees a reference.
    #[inline]
    pub fn free(&mut self, free: FreeRef<'_, P>) {
        self.put(free.into_own());
    }

    /// As [`Granted::revoke`], and frees the reference.
    ///
    /// # Errors
    ///
    /// [`Revoking`] if the peer uses the page: reference and page stay as they are, in there.
    #[inline]
    pub fn revoke<'g, Kind>(
        &mut self,
        granted: Granted<'g, P, Kind>,
    ) -> Result<P, Revoking<'g, P>> {
        let (own, page) = granted.end().map_err(Granted::into_revoking)?;
        self.put(own);
        Ok(page)
    }

    /// Gives back what it holds.
    pub fn flush(&mut self) {
        self.hold.flush::<Proven>(self.table.grants().refs());
    }

    #[inline]
    fn take(&mut self) -> Option<u32> {
        self.hold.take::<Proven>(self.table.grants().refs(), &mut self.cursor)
    }

    #[inline]
    fn put(&mut self, own: Own<'_, P>) {
        let grants = self.table.grants();
        if core::ptr::addr_eq(own.grants(), grants) {
            self.hold.free::<Proven>(grants.refs(), own.reference().0);
        } else {
            own.free();
        }
    }
}

impl<'t, X: Hypercall, F: TableFrames, P> PerCpuRefs<'t, '_, X, F, P> {
    /// Takes a reference. The table grows if none is free.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is none. This never waits.
    #[inline]
    pub fn alloc(&mut self) -> Result<FreeRef<'t, P>, AllocError> {
        let reference = match self.take() {
            Some(reference) => reference,
            None => self.take_growing()?,
        };
        #[allow(unsafe_code, reason = "vouches for a reference")]
        // SAFETY: it has just been taken.
        let own = unsafe { self.table.grants().own(reference) };
        Ok(FreeRef::new(own))
    }

    #[cold]
    fn take_growing(&mut self) -> Result<u32, AllocError> {
        self.table.growing(|| self.take().ok_or(1))
    }

    /// Lets `peer` use `page`: [`alloc`](Self::alloc) and [`FreeRef::grant`] in one.
    ///
    /// # Errors
    ///
    /// The page is given back with the reason of either.
    #[inline]
    pub fn grant<A: Access>(
        &mut self,
        peer: DomainId,
        page: P,
    ) -> Result<Granted<'t, P, A>, Refused<P>>
    where
        P: Page,
    {
        match self.alloc() {
            Ok(free) => free.grant(peer, page).map_err(|Refused { given: (free, page), why }| {
                self.free(free);
                Refused { given: page, why }
            }),
            Err(error) => Err(Refused { given: page, why: error.into() }),
        }
    }
}

impl<X, F, P> Drop for PerCpuRefs<'_, '_, X, F, P> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<X, F, P> fmt::Debug for PerCpuRefs<'_, '_, X, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuRefs").field("held", &self.held()).finish_non_exhaustive()
    }
}
