//! Domains: one, or all.

use core::fmt;

use xen_abi::domctl::*;
use xen_abi::errno::XEN_ESRCH;
use xen_abi::xen::{DOMID_FIRST_RESERVED, domid_t, xen_domain_handle_t};
use xen_abi::{Plain, as_bytes, from_bytes};
use xen_ops::hypercall::{self, HypercallBuffer};
use xen_ops::{DomainId, Hypercall};

use super::{Reader, capacity, checked_len};
use crate::Error;
use crate::every::for_release;

const LIST: &str = "XEN_SYSCTL_getdomaininfolist";
const ONE: &str = "XEN_DOMCTL_getdomaininfo";

/// What Xen knows of a domain: `struct xen_domctl_getdomaininfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainInfo {
    /// The domain.
    pub id: DomainId,
    /// `XEN_DOMINF_*`; the methods of this type read them.
    pub flags: DomainInfoFlags,
    /// Pages of 4096 bytes that it has.
    pub total_pages: u64,
    /// Pages that it may have.
    pub max_pages: u64,
    /// Pages that are claimed for it and not yet allocated.
    pub outstanding_pages: u64,
    /// Pages that it shares with others by memory sharing.
    pub shared_pages: u64,
    /// Pages that are paged out.
    pub paged_pages: u64,
    /// The guest frame of its shared info page.
    pub shared_info_frame: u64,
    /// How long its vCPUs have run, in nanoseconds, all together.
    pub cpu_time: u64,
    /// vCPUs that are online.
    pub online_vcpus: u32,
    /// The highest number of a vCPU, or `None` before it has one.
    pub max_vcpu_id: Option<u32>,
    /// Its label in the security policy.
    pub ssidref: u32,
    /// Its UUID.
    pub handle: xen_domain_handle_t,
    /// The cpupool that it is in.
    pub cpupool: u32,
    /// The width of its guest physical addresses in bits.
    pub gpaddr_bits: u8,
}

impl DomainInfo {
    const fn has(&self, flag: DomainInfoFlags) -> bool {
        self.flags.contains(flag)
    }

    /// Xen has begun to destroy it.
    #[must_use]
    pub const fn is_dying(&self) -> bool {
        self.has(XEN_DOMINF_dying)
    }

    /// It is an HVM or PVH guest; all guests are on Arm.
    #[must_use]
    pub const fn is_hvm(&self) -> bool {
        self.has(XEN_DOMINF_hvm_guest)
    }

    /// The toolstack has paused it.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.has(XEN_DOMINF_paused)
    }

    /// No vCPU is ready to run.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.has(XEN_DOMINF_blocked)
    }

    /// A vCPU is running.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.has(XEN_DOMINF_running)
    }

    /// Why it has shut down (`SHUTDOWN_*` of `sched.h`), or `None` if it has not.
    #[must_use]
    pub const fn shutdown(&self) -> Option<u32> {
        let reason = (self.flags.bits() >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
        if self.has(XEN_DOMINF_shutdown) { Some(reason) } else { None }
    }
}

/// Memory for what Xen tells of up to `N` domains in one hypercall.
///
/// 1024 of them take 128 KiB on x86: keep such a one in a `static` or a `Box`.
#[derive(Clone)]
pub struct DomainBuffer<const N: usize>([Slot; N]);

/// What one domain takes in the release in which it is largest.
type Slot = xen_abi::toolstack::v4_22::domctl::xen_domctl_getdomaininfo;

impl<const N: usize> DomainBuffer<N> {
    /// A buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self([Slot::ZERO; N])
    }
}

impl<const N: usize> Default for DomainBuffer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for DomainBuffer<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DomainBuffer").field("domains", &N).finish()
    }
}

/// All domains in the order of their ids: see [`Reader::domains`].
#[derive(Debug)]
pub struct Domains<'a, H, const N: usize> {
    reader: &'a Reader<H>,
    buffer: &'a mut DomainBuffer<N>,
    /// Which element of the buffer is next, and how many are in it.
    next: usize,
    filled: usize,
    /// The lowest id that the next hypercall asks for, or `None` when there are no more.
    first: Option<u16>,
}

impl<H: Hypercall> Reader<H> {
    /// All domains in the order of their ids, up to `N` by each hypercall.
    ///
    /// The iterator allocates nothing. A domain that is created or destroyed meanwhile may be in it or not.
    ///
    /// ```
    /// use xen_sim::{DomainConfig, GuestKind, Xen};
    /// use xen_toolstack::{DomainBuffer, Toolstack};
    ///
    /// let xen = Xen::new();
    /// let dom0 = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged())?;
    /// let guest = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(32))?;
    ///
    /// let toolstack = Toolstack::detect(&dom0)?;
    /// let mut buffer = DomainBuffer::<8>::new();
    /// for info in toolstack.domains(&mut buffer) {
    ///     let info = info?;
    ///     println!("{} has {} pages", info.id, info.total_pages);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The iterator ends with an error: `EPERM` if the caller is no control domain, and
    /// [`Error::Malformed`] if the hypervisor counts beyond the buffer or does not go up.
    pub fn domains<'a, const N: usize>(
        &'a self,
        buffer: &'a mut DomainBuffer<N>,
    ) -> Domains<'a, H, N> {
        const { assert!(N > 0, "a buffer for no domain") };
        Domains { reader: self, buffer, next: 0, filled: 0, first: Some(0) }
    }

    /// What Xen knows of a domain.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, and `EPERM` if the caller is no control domain.
    pub fn domain_info(&self, domain: DomainId) -> Result<DomainInfo, Error> {
        let info = for_release!(self.release(), v => {
            let mut argument = v::abi::domctl::xen_domctl_getdomaininfo::ZERO;
            let version = self.versions().domctl;
            v::domctl::getdomaininfo.call_as(version, &self.xen, domain.domid(), &mut argument)?;
            info!(argument, ONE)
        })?;
        // 4.17 answers with the next domain if there is none of that id.
        if info.id == domain {
            return Ok(info);
        }
        Err(hypercall::Error::from_errno(ONE, XEN_ESRCH).into())
    }
}

/// One release's structure as ours.
macro_rules! info {
    ($info:ident, $operation:expr) => {
        match DomainId::new($info.domain) {
            Ok(id) => Ok(DomainInfo {
                id,
                flags: $info.flags,
                total_pages: $info.tot_pages.into(),
                max_pages: $info.max_pages.into(),
                outstanding_pages: $info.outstanding_pages.into(),
                shared_pages: $info.shr_pages.into(),
                paged_pages: $info.paged_pages.into(),
                shared_info_frame: $info.shared_info_frame.into(),
                cpu_time: $info.cpu_time.into(),
                online_vcpus: $info.nr_online_vcpus,
                max_vcpu_id: Some($info.max_vcpu_id).filter(|id| *id != XEN_INVALID_MAX_VCPU_ID),
                ssidref: $info.ssidref,
                handle: $info.handle,
                cpupool: $info.cpupool,
                gpaddr_bits: $info.gpaddr_bits,
            }),
            Err(_) => {
                Err(Error::Malformed { operation: $operation, what: "a domain with a reserved id" })
            }
        }
    };
}
use info;

impl<H: Hypercall, const N: usize> Domains<'_, H, N> {
    /// The element at `index`.
    fn get(&self, index: usize) -> Result<DomainInfo, Error> {
        for_release!(self.reader.release(), v => {
            let info: v::abi::domctl::xen_domctl_getdomaininfo = element(&self.buffer.0, index)?;
            info!(info, LIST)
        })
    }

    /// Fills the buffer with domains from `first` on.
    #[allow(unsafe_code, reason = "the argument has the address of a list")]
    fn fill(&mut self, first: u16) -> Result<(), Error> {
        let (reader, xen) = (self.reader, &self.reader.xen);
        let buffer = HypercallBuffer::to_write(xen, &mut self.buffer.0[..]);
        let buffer = buffer.map_err(|errno| hypercall::Error::from_errno(LIST, errno))?;
        let count = for_release!(reader.release(), v => {
            let mut argument = v::abi::sysctl::xen_sysctl_getdomaininfolist {
                first_domain: domid_t(first),
                max_domains: capacity(N),
                buffer: buffer.untyped_handle(),
                ..v::abi::sysctl::xen_sysctl_getdomaininfolist::ZERO
            };
            let version = reader.versions().sysctl;
            // SAFETY: the buffer has as many elements, none smaller than the release's.
            unsafe { v::sysctl::getdomaininfolist.issue(version, xen, &mut argument) }?;
            argument.num_domains
        });
        drop(buffer);
        self.next = 0;
        self.filled = checked_len(LIST, count, N)?;
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<DomainInfo>, Error> {
        if self.next == self.filled {
            let Some(first) = self.first else { return Ok(None) };
            self.fill(first)?;
            if self.filled == 0 {
                return Ok(None);
            }
        }
        let info = self.get(self.next)?;
        self.next += 1;
        let id = info.id.domid().0;
        // Or the iterator would never end.
        if self.first.is_none_or(|first| id < first) {
            return Err(Error::Malformed { operation: LIST, what: "domains out of order" });
        }
        // A buffer that is not full has the last domain.
        let more = self.next < self.filled || self.filled == N;
        let next = Some(id + 1).filter(|next| *next < DOMID_FIRST_RESERVED.0);
        self.first = next.filter(|_| more);
        Ok(Some(info))
    }
}

/// The element of a release's list that is at `index`, in memory that is long enough for larger ones.
fn element<T: Plain, const N: usize>(slots: &[Slot; N], index: usize) -> Result<T, Error> {
    const { assert!(size_of::<T>() <= size_of::<Slot>()) };
    let start = index * size_of::<T>();
    let bytes = as_bytes(slots).get(start..start + size_of::<T>());
    let element = bytes.and_then(from_bytes);
    element.ok_or(Error::Malformed { operation: LIST, what: "a count beyond the list" })
}

impl<H: Hypercall, const N: usize> Iterator for Domains<'_, H, N> {
    type Item = Result<DomainInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance();
        if !matches!(result, Ok(Some(_))) {
            (self.next, self.filled, self.first) = (0, 0, None);
        }
        result.transpose()
    }
}

impl<H: Hypercall, const N: usize> core::iter::FusedIterator for Domains<'_, H, N> {}
