//! The two ends of a copy.

#![allow(unsafe_code, reason = "the caller vouches for frames by number")]

use core::marker::PhantomData;

use xen_abi::grant_table::{GrantCopyFlags, gnttab_copy_ptr, gnttab_copy_ptr_u};
use xen_abi::xen::{DOMID_SELF, xen_pfn_t};

use crate::gnttab::RemoteGrant;
use crate::page::{Owner, Page};

/// A page that a copy reads.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    end: End,
    memory: PhantomData<&'a ()>,
}

/// A page that a copy writes.
#[derive(Debug)]
pub struct Dest<'a> {
    end: End,
    memory: PhantomData<&'a mut ()>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// A frame, and whose it is, if that is known.
    Frame(xen_pfn_t, Option<Owner>),
    Grant(RemoteGrant),
}

impl<'a> Source<'a> {
    /// A page that another domain grants.
    #[must_use]
    pub const fn grant(grant: RemoteGrant) -> Self {
        Self { end: End::Grant(grant), memory: PhantomData }
    }

    /// A page of the guest's own, borrowed so that nothing writes to it during the copy.
    #[must_use]
    pub fn page(page: &'a impl Page) -> Self {
        Self { end: End::Frame(page.frame(), page.owner()), memory: PhantomData }
    }

    /// A frame of the guest's own, by number.
    ///
    /// # Safety
    ///
    /// For `'a`, the frame is readable, and all writes to it are atomic.
    #[must_use]
    pub const unsafe fn frame(frame: xen_pfn_t) -> Self {
        Self { end: End::Frame(frame, None), memory: PhantomData }
    }

    pub(super) const fn end(&self) -> End {
        self.end
    }
}

impl<'a> Dest<'a> {
    /// A page that another domain grants for writing.
    #[must_use]
    pub const fn grant(grant: RemoteGrant) -> Self {
        Self { end: End::Grant(grant), memory: PhantomData }
    }

    /// A page of the guest's own, borrowed so that nothing else accesses it during the copy.
    #[must_use]
    pub fn page(page: &'a mut impl Page) -> Self {
        Self { end: End::Frame(page.frame(), page.owner()), memory: PhantomData }
    }

    /// A frame of the guest's own, by number.
    ///
    /// # Safety
    ///
    /// For `'a`, the frame is writable, and all other accesses to it are atomic.
    #[must_use]
    pub const unsafe fn frame(frame: xen_pfn_t) -> Self {
        Self { end: End::Frame(frame, None), memory: PhantomData }
    }

    pub(super) const fn end(&self) -> End {
        self.end
    }
}

impl End {
    /// Whose frame it is, if that is known.
    pub(super) const fn owner(self) -> Option<Owner> {
        match self {
            Self::Frame(_, owner) => owner,
            Self::Grant(_) => None,
        }
    }

    /// The end as Xen reads it, with the flag `gref` if and only if it is a grant.
    pub(super) fn at(self, offset: u16, gref: GrantCopyFlags) -> (gnttab_copy_ptr, GrantCopyFlags) {
        let (u, domid, flag) = match self {
            Self::Frame(frame, _) => {
                (gnttab_copy_ptr_u::from_gmfn(frame), DOMID_SELF, GrantCopyFlags::empty())
            }
            Self::Grant(grant) => {
                (gnttab_copy_ptr_u::from_ref(grant.reference), grant.domain.domid(), gref)
            }
        };
        // Member by member: there is padding on some architectures only.
        let mut end = gnttab_copy_ptr::ZERO;
        (end.u, end.domid, end.offset) = (u, domid, offset);
        (end, flag)
    }
}
