//! One grant of a batch.

use core::fmt;
use core::mem;

use super::outcome::{self, Outcome, Unmapped};
use super::{MapError, Mapping};
use crate::Failed;
use crate::gnttab::remote::RemoteGrant;
use crate::hypercall::{Error, Hypercall};
use crate::page::MapTarget;
use crate::view::{Access, ReadOnly, View};

/// One grant of a batch, and its state.
///
/// The functions for batches take slots of `&H`, and compare these references: mappings of one batch may
/// belong to several domains, each with a hypervisor handle of its own.
///
/// ```text
///             map_all, map_each               unmap_each
///   Request ---------------------> Mapped ---------------------> Free
///        |                                  |
///        +-----> Failed                     +-----> Stuck, Failed
/// ```
#[derive(Default)]
pub enum Slot<H: Hypercall, T: MapTarget, A: Access = ReadOnly> {
    /// Nothing. Batches skip it.
    #[default]
    Empty,
    /// A grant that is to be mapped at a target.
    Request {
        /// The grant.
        grant: RemoteGrant,
        /// Where to map it.
        target: T,
        /// Whether also for devices, see [`Mapping::for_devices`].
        devices: bool,
    },
    /// A mapped grant.
    Mapped(Mapping<H, T, A>),
    /// A target that is free again, after an unmap.
    Free(T),
    /// A mapping that could not be unmapped and still exists.
    Stuck {
        /// The mapping.
        mapping: Mapping<H, T, A>,
        /// Why it could not be unmapped.
        error: Error,
    },
    /// A grant that could not be mapped, or neither kept nor unmapped.
    Failed {
        /// The grant.
        grant: RemoteGrant,
        /// The target, unless something may be mapped there: then it is leaked.
        target: Option<T>,
        /// Why.
        error: MapError,
    },
}

impl<H: Hypercall, T: MapTarget, A: Access> Slot<H, T, A> {
    /// A grant that is to be mapped at `target`.
    #[must_use]
    pub fn new(grant: RemoteGrant, target: T, _access: A) -> Self {
        Self::Request { grant, target, devices: false }
    }

    /// The mapping, if there is one.
    #[must_use]
    pub fn mapping(&self) -> Option<&Mapping<H, T, A>> {
        match self {
            Self::Mapped(mapping) | Self::Stuck { mapping, .. } => Some(mapping),
            _ => None,
        }
    }

    /// The mapped frame's bytes, if there is a mapping.
    #[must_use]
    pub fn view(&self) -> Option<View<'_, A>> {
        self.mapping().map(Mapping::view)
    }

    /// Takes the value and leaves [`Empty`](Self::Empty).
    #[must_use]
    pub fn take(&mut self) -> Self {
        mem::take(self)
    }

    pub(super) fn is_request(&self) -> bool {
        matches!(self, Self::Request { .. })
    }

    /// Whether something is, or may be, still mapped after an attempt to unmap, or to map.
    pub(super) fn is_stuck(&self) -> bool {
        matches!(self, Self::Stuck { .. } | Self::Failed { target: None, .. })
    }
}

/// The steps of a batch. Apart from hypercalls they run none of the user's code, which may panic: copying
/// and dropping `&H` runs none, and targets stay in the slots.
impl<'x, H: Hypercall, T: MapTarget, A: Access> Slot<&'x H, T, A> {
    /// Applies the outcome of a map to a request. [`Outcome::Again`] leaves it a request.
    pub(super) fn mapped(&mut self, xen: &'x H, outcome: Outcome) {
        if outcome == Outcome::Again {
            return;
        }
        *self = match self.take() {
            Self::Request { grant, target, devices } => {
                match Mapping::settle(xen, grant, target, devices, outcome) {
                    Ok(mapping) => Self::Mapped(mapping),
                    Err(Failed { error, returned }) => {
                        Self::Failed { grant, target: returned, error }
                    }
                }
            }
            other => other,
        };
    }

    /// Turns a request into a failure after the last try.
    pub(super) fn give_up(&mut self) {
        self.fail(MapError::Xen(outcome::still_eagain()));
    }

    /// Turns a request into a failure.
    pub(super) fn fail(&mut self, error: MapError) {
        *self = match self.take() {
            Self::Request { grant, target, .. } => {
                Self::Failed { grant, target: Some(target), error }
            }
            other => other,
        };
    }

    /// Applies the outcome of an unmap to a mapping.
    pub(super) fn unmapped(&mut self, unmapped: Unmapped) {
        *self = match self.take() {
            Self::Mapped(mapping) | Self::Stuck { mapping, .. } => {
                let grant = mapping.grant();
                match mapping.after(unmapped) {
                    Ok(target) => Self::Free(target),
                    Err(error) => Self::not_unmapped(grant, error),
                }
            }
            other => other,
        };
    }

    /// Unmaps a mapping and turns it into a request again.
    pub(super) fn roll_back(&mut self) {
        *self = match self.take() {
            Self::Mapped(mapping) => {
                let (grant, devices) = (mapping.grant(), mapping.has_devices());
                // The slot's state if the hypercall panics.
                *self = Self::Failed {
                    grant,
                    target: None,
                    error: MapError::Xen(outcome::no_unmap_answer()),
                };
                match mapping.unmap() {
                    Ok(target) => Self::Request { grant, target, devices },
                    Err(error) => Self::not_unmapped(grant, error),
                }
            }
            other => other,
        };
    }

    fn not_unmapped(grant: RemoteGrant, failed: Failed<Error, Mapping<&'x H, T, A>>) -> Self {
        let Failed { error, returned } = failed;
        match returned {
            Some(mapping) => Self::Stuck { mapping, error },
            None => Self::Failed { grant, target: None, error: MapError::Xen(error) },
        }
    }
}

impl<H: Hypercall, T: MapTarget, A: Access> fmt::Debug for Slot<H, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Request { grant, .. } => f.debug_tuple("Request").field(grant).finish(),
            Self::Mapped(mapping) => f.debug_tuple("Mapped").field(mapping).finish(),
            Self::Free(_) => f.write_str("Free"),
            Self::Stuck { mapping, error } => {
                f.debug_tuple("Stuck").field(mapping).field(error).finish()
            }
            Self::Failed { grant, target, error } => f
                .debug_struct("Failed")
                .field("grant", grant)
                .field("leaked", &target.is_none())
                .field("error", error)
                .finish(),
        }
    }
}
