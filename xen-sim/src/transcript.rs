//! What was called and what came of it, in words that a real Xen's answers can be compared with.

use std::fmt;

use xen_abi::GrantStatus;
use xen_abi::xen::domid_t;

/// One hypercall and its outcome; see [`Xen::on_hypercall`](crate::Xen::on_hypercall).
///
/// Addresses, handles and frame numbers are left out: they differ from machine to machine.
///
/// ```
/// # use xen_sim::Call;
/// # use xen_abi::GrantStatus;
/// # use xen_abi::xen::domid_t;
/// let call = Call {
///     domain: domid_t(1),
///     operation: "GNTTABOP_map_grant_ref",
///     count: Some(2),
///     result: 0,
///     statuses: vec![GrantStatus(0), GrantStatus(-3)],
/// };
/// assert_eq!(call.to_string(), "d1 GNTTABOP_map_grant_ref x2 = 0 [0, -3]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who made it.
    pub domain: domid_t,
    /// Upstream's name of the operation, or of the hypercall where the model has no operation of that
    /// number.
    pub operation: &'static str,
    /// Elements in the batch, if the operation takes a count.
    pub count: Option<u32>,
    /// What the hypercall returned.
    pub result: isize,
    /// The statuses that it left in the elements, in their order, up to the last one written.
    pub statuses: Vec<GrantStatus>,
}

pub(crate) type Hook = Box<dyn Fn(&Call) + Send + Sync>;

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{} {}", self.domain.0, self.operation)?;
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
