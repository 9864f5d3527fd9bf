//! Calls that change nothing.

mod bitmap;
mod domains;
mod guest;
mod host;
mod scheduler;

use xen_abi::Plain;
use xen_ops::{DomainId, Hypercall};

pub use domains::{DomainBuffer, DomainInfo, Domains};
pub use guest::TscInfo;
pub use host::{ConsoleRead, CpuPoolInfo};
pub use scheduler::{Scheduler, SchedulerParams};

use crate::raw::{Domctl, Reply, Sysctl, Unsafe};
use crate::{DetectError, Detected, Error, Release, Versions};

/// Reading calls: what domains and the machine are like.
///
/// [`Toolstack`](crate::Toolstack) has these methods too. A `Reader` can also be made for a hypervisor that
/// this crate does not know.
#[derive(Clone, Copy, Debug)]
pub struct Reader<H> {
    pub(crate) xen: H,
    release: Release,
    versions: Versions,
}

impl<H: Hypercall> Reader<H> {
    /// Reads from a hypervisor of a release that this crate knows.
    ///
    /// # Errors
    ///
    /// As [`Toolstack::detect`](crate::Toolstack::detect).
    pub fn detect(xen: H) -> Result<Self, DetectError> {
        let found = Detected::new(&xen)?;
        let release = found.release().ok_or(DetectError::Unknown(found))?;
        Ok(Self::new(xen, release, release.versions()))
    }

    /// Reads from any hypervisor: takes it for `release`, and calls it with `versions`, which it wants to
    /// see. [`Detected`] tells what a hypervisor takes.
    ///
    /// # Safety
    ///
    /// What the hypervisor writes in reading calls is no longer than that release's structures: it would
    /// write beyond the memory that is given to it. If it lays them out in another way, only what is read
    /// makes no sense.
    #[allow(unsafe_code, reason = "relies on the hypervisor's structures")]
    pub const unsafe fn assume(xen: H, release: Release, versions: Versions) -> Self {
        Self::new(xen, release, versions)
    }

    pub(crate) const fn new(xen: H, release: Release, versions: Versions) -> Self {
        Self { xen, release, versions }
    }

    /// The release that calls are made for.
    #[must_use]
    pub const fn release(&self) -> Release {
        self.release
    }

    /// The interface versions that calls carry.
    #[must_use]
    pub const fn versions(&self) -> Versions {
        self.versions
    }

    /// The hypervisor.
    #[must_use]
    pub const fn hypervisor(&self) -> &H {
        &self.xen
    }

    /// Makes a safe domctl that all releases have.
    pub(crate) fn domctl<A: Plain>(
        &self,
        every: [Domctl<A>; 6],
        domain: DomainId,
        argument: &mut A,
    ) -> Result<Reply, Error> {
        let operation = every[self.release as usize];
        let domain = domain.domid();
        Ok(operation.call_as(self.versions.domctl, &self.xen, domain, argument)?)
    }

    /// Makes a domctl that all releases have.
    ///
    /// # Safety
    ///
    /// As [`Domctl::call`] of an unsafe operation.
    #[allow(unsafe_code, reason = "passes the promise on")]
    pub(crate) unsafe fn domctl_unsafe<A: Plain>(
        &self,
        every: [Domctl<A, Unsafe>; 6],
        domain: DomainId,
        argument: &mut A,
    ) -> Result<Reply, Error> {
        let operation = every[self.release as usize];
        // SAFETY: the caller's promise.
        let reply =
            unsafe { operation.issue(self.versions.domctl, &self.xen, domain.domid(), argument) };
        Ok(reply?)
    }

    /// Makes a safe sysctl that all releases have.
    pub(crate) fn sysctl<A: Plain>(
        &self,
        every: [Sysctl<A>; 6],
        argument: &mut A,
    ) -> Result<usize, Error> {
        let operation = every[self.release as usize];
        Ok(operation.call_as(self.versions.sysctl, &self.xen, argument)?)
    }

    /// Makes a sysctl that all releases have.
    ///
    /// # Safety
    ///
    /// As [`Sysctl::call`] of an unsafe operation.
    #[allow(unsafe_code, reason = "passes the promise on")]
    pub(crate) unsafe fn sysctl_unsafe<A: Plain>(
        &self,
        every: [Sysctl<A, Unsafe>; 6],
        argument: &mut A,
    ) -> Result<usize, Error> {
        let operation = every[self.release as usize];
        // SAFETY: the caller's promise.
        Ok(unsafe { operation.issue(self.versions.sysctl, &self.xen, argument) }?)
    }
}

/// Checks the number of elements that Xen says it has written to a list.
pub(crate) fn checked_len(
    operation: &'static str,
    count: impl TryInto<usize>,
    capacity: usize,
) -> Result<usize, Error> {
    let count = count.try_into().ok().filter(|count| *count <= capacity);
    count.ok_or(Error::Malformed { operation, what: "a count beyond the list" })
}

/// The length of a list as Xen takes it: what is beyond it is not used.
pub(crate) fn capacity(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
