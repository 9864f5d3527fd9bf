//! Memory that is allocated on first access (populate on demand).

use xen_abi::xen::domid_t;

use super::{Error, PageCount};
use crate::hypercall::{Hypercall, memory_op};

/// A domain's memory that is populated on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodTarget {
    /// Pages the domain has.
    pub total: PageCount,
    /// Of them, pages in the cache, from which first accesses are served.
    pub cache: PageCount,
    /// Pages that are not populated yet.
    pub entries: PageCount,
}

/// How much of the memory of domain `domid` is populated. For the control domain, about HVM domains.
///
/// `XENMEM_get_pod_target` of `memory.h`.
///
/// # Errors
///
/// -ESRCH (no such domain), from 4.17 on -EINVAL (a PV domain), -EPERM (the caller is not a control domain).
pub fn pod_target<H>(xen: &H, domid: domid_t) -> Result<PodTarget, Error>
where
    H: Hypercall + ?Sized,
{
    let memory_op::GetPodTarget { tot_pages, pod_cache_pages, pod_entries } =
        memory_op::get_pod_target(xen, domid)?;
    Ok(PodTarget {
        total: PageCount(tot_pages),
        cache: PageCount(pod_cache_pages),
        entries: PageCount(pod_entries),
    })
}

/// Sets how many pages domain `domid` shall have in total, and returns what it has then. For the
/// control domain, about HVM domains.
///
/// `XENMEM_set_pod_target` of `memory.h`.
///
/// # Errors
///
/// As [`pod_target`]; -EINVAL also for a target beyond the domain's maximum, -ENOMEM.
pub fn set_pod_target<H>(xen: &H, domid: domid_t, target: PageCount) -> Result<PodTarget, Error>
where
    H: Hypercall + ?Sized,
{
    let memory_op::SetPodTarget { tot_pages, pod_cache_pages, pod_entries } =
        memory_op::set_pod_target(xen, target.0, domid)?;
    Ok(PodTarget {
        total: PageCount(tot_pages),
        cache: PageCount(pod_cache_pages),
        entries: PageCount(pod_entries),
    })
}
