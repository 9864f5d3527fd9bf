//! Batches: elements with a status each.

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;
use xen_abi::{GrantStatus, Plain};

use crate::error::{Answer, Granted};
use crate::state::State;

/// The statuses that a hypercall wrote.
pub(crate) type Statuses = Vec<GrantStatus>;

/// An element of a batch, with a status.
pub(super) trait Element: Plain {
    /// The operation's number.
    const COMMAND: u32;
    /// Upstream's name of the operation.
    const NAME: &'static str;
    /// Where the status is, in bytes.
    const STATUS: usize;
    /// Whether all of it is written back, or the status only.
    const WHOLE: bool;

    fn set_status(&mut self, status: GrantStatus);
}

macro_rules! elements {
    ($($ty:ident, $command:ident, $name:literal, $whole:literal;)*) => {$(
        impl Element for $ty {
            const COMMAND: u32 = $command;
            const NAME: &'static str = $name;
            const STATUS: usize = offset_of!($ty, status);
            const WHOLE: bool = $whole;

            fn set_status(&mut self, status: GrantStatus) {
                self.status = status;
            }
        }
    )*};
}

elements! {
    gnttab_map_grant_ref, GNTTABOP_map_grant_ref, "GNTTABOP_map_grant_ref", true;
    gnttab_unmap_grant_ref, GNTTABOP_unmap_grant_ref, "GNTTABOP_unmap_grant_ref", false;
    gnttab_unmap_and_replace, GNTTABOP_unmap_and_replace, "GNTTABOP_unmap_and_replace", false;
    gnttab_transfer, GNTTABOP_transfer, "GNTTABOP_transfer", false;
    gnttab_copy, GNTTABOP_copy, "GNTTABOP_copy", false;
    gnttab_swap_grant_ref, GNTTABOP_swap_grant_ref, "GNTTABOP_swap_grant_ref", false;
}

impl State {
    /// Executes the elements of a batch in order, up to the first that cannot be read or written.
    pub(super) fn batch<T: Element>(
        &mut self,
        caller: domid_t,
        at: usize,
        count: u32,
        statuses: &mut Statuses,
        mut operation: impl FnMut(&mut Self, domid_t, &mut T) -> Granted,
    ) -> Answer {
        self.check_array(caller, at)?;
        for element in 0..count {
            let rest = at.wrapping_add(element as usize * size_of::<T>());
            let next = [T::COMMAND as usize, rest, (count - element) as usize];
            if self.interrupts(caller, element as usize, next) {
                return Ok(0);
            }
            let mut op: T = self.batch_element(caller, at, element)?;
            let status = match self.caller_mut(caller).faults.take_status(element) {
                Some(forced) => forced,
                None => operation(self, caller, &mut op).err().unwrap_or(GNTST_okay),
            };
            op.set_status(status);
            if self.caller_mut(caller).faults.take_unwritable(element) {
                return Err(XEN_EFAULT);
            }
            let index = element as usize;
            if T::WHOLE {
                self.write_at(caller, at, index, op)?;
            } else {
                let place = at.wrapping_add(index * size_of::<T>()).wrapping_add(T::STATUS);
                self.write(caller, place, status)?;
            }
            statuses.push(status);
        }
        Ok(0)
    }

    pub(super) fn batch_element<T: Plain>(
        &mut self,
        caller: domid_t,
        at: usize,
        element: u32,
    ) -> Answer<T> {
        if self.caller_mut(caller).faults.take_unreadable(element) {
            return Err(XEN_EFAULT);
        }
        Ok(self.read_at(caller, at, element as usize)?)
    }
}
