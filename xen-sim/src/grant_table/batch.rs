//! Batches: elements with a status each.

use core::mem::offset_of;
use std::collections::VecDeque;

use xen_abi::errno::*;
use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;
use xen_abi::{GrantStatus, Plain};

use crate::abi::{AREA, COMPAT};
use crate::error::{Answer, Fault, Granted};
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
    /// How many elements Xen reads before it executes the first of them.
    const AHEAD: u32;

    fn set_status(&mut self, status: GrantStatus);
}

macro_rules! elements {
    ($($ty:ident, $command:ident, $name:literal, $whole:literal, $ahead:expr;)*) => {$(
        impl Element for $ty {
            const COMMAND: u32 = $command;
            const NAME: &'static str = $name;
            const STATUS: usize = offset_of!($ty, status);
            const WHOLE: bool = $whole;
            const AHEAD: u32 = $ahead;

            fn set_status(&mut self, status: GrantStatus) {
                self.status = status;
            }
        }
    )*};
}

elements! {
    gnttab_map_grant_ref, GNTTABOP_map_grant_ref, "GNTTABOP_map_grant_ref", true, 1;
    gnttab_unmap_grant_ref, GNTTABOP_unmap_grant_ref, "GNTTABOP_unmap_grant_ref", false, 1;
    gnttab_unmap_and_replace, GNTTABOP_unmap_and_replace, "GNTTABOP_unmap_and_replace", false, 1;
    gnttab_transfer, GNTTABOP_transfer, "GNTTABOP_transfer", false, translated(24);
    gnttab_copy, GNTTABOP_copy, "GNTTABOP_copy", false, translated(40);
    gnttab_swap_grant_ref, GNTTABOP_swap_grant_ref, "GNTTABOP_swap_grant_ref", false, 1;
}

/// How many elements of so many bytes are read ahead where Xen translates those of a guest with 32 bits: as many
/// as the area has space for.
const fn translated(bytes: usize) -> u32 {
    if COMPAT { (AREA / bytes) as u32 } else { 1 }
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
        let (mut ahead, mut done) = (VecDeque::new(), Vec::new());
        for element in 0..count {
            let rest = at.wrapping_add(element as usize * size_of::<T>());
            let next = [T::COMMAND as usize, rest, (count - element) as usize];
            if self.interrupts(caller, element as usize, next) {
                return self.write_back(caller, at, &mut done, statuses).map(|()| 0);
            }
            if ahead.is_empty() {
                for index in element..count.min(element + T::AHEAD) {
                    ahead.push_back(self.batch_element::<T>(caller, at, index)?);
                }
            }
            let Some(mut op) = ahead.pop_front() else { return Ok(0) };
            let status = match self.caller_mut(caller).faults.take_status(element) {
                Some(forced) => forced,
                None => operation(self, caller, &mut op).err().unwrap_or(GNTST_okay),
            };
            op.set_status(status);
            done.push((element, op, status));
            if ahead.is_empty() {
                self.write_back(caller, at, &mut done, statuses)?;
            }
        }
        Ok(0)
    }

    /// Writes what came of elements. All are written, even if one of them cannot be.
    fn write_back<T: Element>(
        &mut self,
        caller: domid_t,
        at: usize,
        done: &mut Vec<(u32, T, GrantStatus)>,
        statuses: &mut Statuses,
    ) -> Answer<()> {
        let mut answer = Ok(());
        for (element, op, status) in done.drain(..) {
            let index = element as usize;
            let written = if self.caller_mut(caller).faults.take_unwritable(element) {
                Err(Fault)
            } else if T::WHOLE {
                self.write_at(caller, at, index, op)
            } else {
                let place = at.wrapping_add(index * size_of::<T>()).wrapping_add(T::STATUS);
                self.write(caller, place, status)
            };
            match written {
                Ok(()) => statuses.push(status),
                Err(Fault) => answer = Err(XEN_EFAULT),
            }
        }
        answer
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
