//! Records of hypercalls, in words that a real Xen's answers can be compared with.

use std::fmt;

use xen_abi::GrantStatus;
use xen_abi::xen::domid_t;
use xen_ops::DomainId;

use crate::error::{Answer, result};

/// A hypercall and its outcome; see [`Xen::on_hypercall`](crate::Xen::on_hypercall).
///
/// Addresses, handles and frame numbers are left out: they differ from machine to machine.
///
/// ```
/// # use xen_sim::HypercallRecord;
/// # use xen_abi::GrantStatus;
/// # use xen_abi::xen::domid_t;
/// let record = HypercallRecord {
///     domid: domid_t(1),
///     operation: "GNTTABOP_map_grant_ref",
///     count: Some(2),
///     result: 0,
///     statuses: vec![GrantStatus(0), GrantStatus(-3)],
/// };
/// assert_eq!(record.to_string(), "d1 GNTTABOP_map_grant_ref x2 = 0 [0, -3]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HypercallRecord {
    /// The domain that made the hypercall.
    pub domid: domid_t,
    /// Upstream's name of the operation, or of the hypercall if the simulator does not know the
    /// operation.
    pub operation: &'static str,
    /// Number of elements in the batch, if the operation takes one.
    pub count: Option<u32>,
    /// What the hypercall returned: a value that is not negative, or an error number with a minus
    /// sign.
    pub result: isize,
    /// The statuses that Xen wrote to the elements, in their order.
    pub statuses: Vec<GrantStatus>,
}

/// What is called with each record.
pub(crate) type Hook = Box<dyn Fn(&HypercallRecord) + Send + Sync>;

/// What is called with the domain whose hypercall is to be continued.
pub(crate) type ContinuationHook = Box<dyn Fn(DomainId) + Send + Sync>;

impl HypercallRecord {
    /// A hypercall without a batch.
    pub(crate) fn new(domid: domid_t, operation: &'static str, answer: Answer) -> Self {
        Self { domid, operation, count: None, result: result(answer), statuses: Vec::new() }
    }
}

impl fmt::Display for HypercallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{} {}", self.domid.0, self.operation)?;
        if let Some(count) = self.count {
            write!(f, " x{count}")?;
        }
        write!(f, " = {}", self.result)?;
        if !self.statuses.is_empty() {
            let statuses: Vec<i16> = self.statuses.iter().map(|status| status.0).collect();
            write!(f, " {statuses:?}")?;
        }
        Ok(())
    }
}
