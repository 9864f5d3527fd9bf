//! Calls that change domains or the machine.

mod access;
mod create;
mod dirty;
mod domain;
mod host;
mod mem_access;
mod monitor;

use core::ops::Deref;

use xen_abi::Plain;
use xen_ops::{DomainId, Hypercall};

pub use create::{Altp2m, ArchConfig, CreateConfig};
pub use monitor::{Monitor, MonitorEvent, vm_event_response};

use crate::raw::{Domctl, Reply};
use crate::{DetectError, Detected, Error, Reader};

/// Control of domains and of the machine, for the release that is running.
///
/// The methods of [`Reader`], which change nothing, are its methods too.
#[derive(Clone, Copy, Debug)]
pub struct Toolstack<H> {
    reader: Reader<H>,
}

impl<H: Hypercall> Toolstack<H> {
    /// Finds out which release is running, and which interface versions it takes.
    ///
    /// ```
    /// use xen_sim::{DomainConfig, GuestKind, Xen};
    /// use xen_toolstack::{Release, Toolstack};
    ///
    /// let xen = Xen::new();
    /// let dom0 = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged())?;
    /// let toolstack = Toolstack::detect(&dom0)?;
    /// assert_eq!(toolstack.release(), Release::V4_20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DetectError::Unknown`] with what was found, if it is no release that this crate knows, or one with
    /// other interface versions than its headers. Nothing has been changed then.
    pub fn detect(xen: H) -> Result<Self, DetectError> {
        let found = Detected::new(&xen)?;
        let release = found.release().ok_or(DetectError::Unknown(found))?;
        Ok(Self { reader: Reader::new(xen, release, release.versions()) })
    }

    /// Makes a safe domctl that not all releases have.
    fn newer_domctl<A: Plain>(
        &self,
        what: &'static str,
        each: [Option<Domctl<A>>; 6],
        domain: DomainId,
        argument: &mut A,
    ) -> Result<Reply, Error> {
        let release = self.release();
        let operation = each[release as usize].ok_or(Error::Lacks { release, what })?;
        let version = self.versions().domctl;
        Ok(operation.call_as(version, self.hypervisor(), domain.domid(), argument)?)
    }
}

impl<H> Deref for Toolstack<H> {
    type Target = Reader<H>;

    fn deref(&self) -> &Reader<H> {
        &self.reader
    }
}
