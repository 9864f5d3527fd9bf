//! Domains that do not outlive the value.

use core::fmt;
use core::mem::forget;

use xen_ops::{DomainId, Failed, Hypercall};

use crate::{CreateConfig, Error, Toolstack};

/// A domain that is destroyed when the value is dropped: one whose creation fails half way does not stay.
///
/// A process that is killed drops nothing.
#[must_use = "a domain that is dropped is destroyed"]
pub struct OwnedDomain<'t, H: Hypercall> {
    toolstack: &'t Toolstack<H>,
    id: DomainId,
}

impl<H: Hypercall> Toolstack<H> {
    /// As [`create`](Self::create), with an owner.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create_owned(&self, config: &CreateConfig) -> Result<OwnedDomain<'_, H>, Error> {
        Ok(OwnedDomain { toolstack: self, id: self.create(config)? })
    }
}

impl<H: Hypercall> OwnedDomain<'_, H> {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> DomainId {
        self.id
    }

    /// Lets the domain outlive the value.
    #[must_use]
    pub fn keep(self) -> DomainId {
        let id = self.id;
        forget(self);
        id
    }

    /// Destroys the domain. Dropping the value does the same, without a report.
    ///
    /// # Errors
    ///
    /// As [`Toolstack::destroy`]. The domain is returned.
    pub fn destroy(self) -> Result<(), Failed<Error, Self>> {
        match self.toolstack.destroy(self.id) {
            Ok(()) => {
                forget(self);
                Ok(())
            }
            Err(error) => Err(Failed::returning(error, self)),
        }
    }
}

impl<H: Hypercall> Drop for OwnedDomain<'_, H> {
    fn drop(&mut self) {
        // An error has no receiver here: `destroy` reports it.
        let _ = self.toolstack.destroy(self.id);
    }
}

impl<H: Hypercall> fmt::Debug for OwnedDomain<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedDomain").field(&self.id).finish()
    }
}
