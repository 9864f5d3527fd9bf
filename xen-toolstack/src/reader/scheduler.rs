//! A domain's parameters under its scheduler.

use xen_abi::domctl::*;
use xen_ops::{DomainId, Hypercall};

use super::Reader;
use crate::Error;
use crate::every::every;

/// A scheduler whose parameters are a domain's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// `XEN_SCHEDULER_CREDIT`.
    Credit,
    /// `XEN_SCHEDULER_CREDIT2`.
    Credit2,
    /// `XEN_SCHEDULER_RTDS`.
    Rtds,
}

/// A domain's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerParams {
    /// Of the credit scheduler.
    Credit {
        /// Its share of the processors in relation to other domains; 256 is usual.
        weight: u16,
        /// How much it may run at most, in hundredths of a processor; 0 is no limit.
        cap: u16,
    },
    /// Of the credit2 scheduler.
    Credit2 {
        /// Its share of the processors in relation to other domains; 256 is usual.
        weight: u16,
        /// How much it may run at most, in hundredths of a processor; 0 is no limit.
        cap: u16,
    },
    /// Of the real-time scheduler: of all its vCPUs to set, the defaults to get.
    Rtds {
        /// Microseconds.
        period: u32,
        /// Microseconds in each period.
        budget: u32,
        /// `XEN_DOMCTL_SCHEDRT_extra` or 0.
        flags: u32,
    },
}

impl Scheduler {
    const fn id(self) -> u32 {
        match self {
            Self::Credit => XEN_SCHEDULER_CREDIT,
            Self::Credit2 => XEN_SCHEDULER_CREDIT2,
            Self::Rtds => XEN_SCHEDULER_RTDS,
        }
    }
}

impl SchedulerParams {
    /// The scheduler that they are of.
    #[must_use]
    pub const fn scheduler(&self) -> Scheduler {
        match self {
            Self::Credit { .. } => Scheduler::Credit,
            Self::Credit2 { .. } => Scheduler::Credit2,
            Self::Rtds { .. } => Scheduler::Rtds,
        }
    }

    pub(crate) const fn argument(self) -> xen_domctl_scheduler_op {
        let u = match self {
            Self::Credit { weight, cap } => {
                xen_domctl_scheduler_op_u::from_credit(xen_domctl_sched_credit { weight, cap })
            }
            Self::Credit2 { weight, cap } => {
                xen_domctl_scheduler_op_u::from_credit2(xen_domctl_sched_credit2 { weight, cap })
            }
            Self::Rtds { period, budget, flags } => {
                let rtds = xen_domctl_sched_rtds { period, budget, flags };
                xen_domctl_scheduler_op_u::from_rtds(rtds)
            }
        };
        let sched_id = self.scheduler().id();
        xen_domctl_scheduler_op { sched_id, cmd: XEN_DOMCTL_SCHEDOP_putinfo, u }
    }
}

impl<H: Hypercall> Reader<H> {
    /// A domain's parameters under `scheduler`, which must be that of its cpupool.
    ///
    /// # Errors
    ///
    /// `EINVAL` if its cpupool has another scheduler, `ESRCH` if there is no such domain, and `EPERM` if the
    /// caller is no control domain.
    #[allow(unsafe_code, reason = "an operation that may take an address")]
    pub fn scheduler_params(
        &self,
        domain: DomainId,
        scheduler: Scheduler,
    ) -> Result<SchedulerParams, Error> {
        let mut argument = xen_domctl_scheduler_op {
            sched_id: scheduler.id(),
            cmd: XEN_DOMCTL_SCHEDOP_getinfo,
            ..xen_domctl_scheduler_op::ZERO
        };
        // SAFETY: this command takes no address.
        unsafe { self.domctl_unsafe(every!(domctl::scheduler_op), domain, &mut argument) }?;
        Ok(match scheduler {
            Scheduler::Credit => {
                let xen_domctl_sched_credit { weight, cap } = *argument.u.credit();
                SchedulerParams::Credit { weight, cap }
            }
            Scheduler::Credit2 => {
                let xen_domctl_sched_credit2 { weight, cap } = *argument.u.credit2();
                SchedulerParams::Credit2 { weight, cap }
            }
            Scheduler::Rtds => {
                let xen_domctl_sched_rtds { period, budget, flags } = *argument.u.rtds();
                SchedulerParams::Rtds { period, budget, flags }
            }
        })
    }
}
