//! `grant_table_op`: the entry checks, and batches.

mod acquire;
mod batch;
mod cache_flush;
mod claim;
mod copy;
mod map;
mod setup;
mod swap;
mod transfer;
mod unmap;
mod version;

use xen_abi::errno::*;
use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::config::{GuestKind, Release};
use crate::error::{Answer, result};
use crate::grant_table::batch::{Element, Statuses};
use crate::record::HypercallRecord;
use crate::state::State;

/// The operations that translated x86 guests may call.
const ON_TRANSLATED_X86: [u32; 8] = [
    GNTTABOP_map_grant_ref,
    GNTTABOP_unmap_grant_ref,
    GNTTABOP_setup_table,
    GNTTABOP_copy,
    GNTTABOP_query_size,
    GNTTABOP_set_version,
    GNTTABOP_get_version,
    GNTTABOP_swap_grant_ref,
];

/// Bits of the command that say which operation; the others continue one.
const COMMAND: u32 = 0xfff;

impl State {
    pub(crate) fn grant_table_op(
        &mut self,
        caller: domid_t,
        arguments: [usize; 5],
    ) -> HypercallRecord {
        // Command and count are 32 bits wide.
        let (command, at, count) = (arguments[0] as u32, arguments[1], arguments[2] as u32);
        let operation = name(command & COMMAND);
        let mut statuses = Statuses::new();
        let answer = self.grant_operation(caller, command, at, count, &mut statuses);
        HypercallRecord {
            domid: caller,
            operation,
            count: Some(count),
            result: result(answer),
            statuses,
        }
    }

    fn grant_operation(
        &mut self,
        caller: domid_t,
        command: u32,
        at: usize,
        count: u32,
        statuses: &mut Statuses,
    ) -> Answer {
        let kind = self.caller(caller).kind;
        // Xen checks the list before anything else.
        if kind == GuestKind::Pvh && !ON_TRANSLATED_X86.contains(&command) {
            return Err(XEN_ENOSYS);
        }
        if count > i32::MAX as u32 {
            return Err(XEN_EINVAL);
        }
        let (command, rest) = (command & COMMAND, command & !COMMAND);
        if rest != 0 && command != GNTTABOP_cache_flush {
            return Err(XEN_EINVAL);
        }
        let arm = kind == GuestKind::Arm;
        let old = self.release == Release::V4_14;
        match command {
            GNTTABOP_map_grant_ref => self.batch(caller, at, count, statuses, Self::map_grant_ref),
            GNTTABOP_unmap_grant_ref => {
                self.batch(caller, at, count, statuses, Self::unmap_grant_ref)
            }
            GNTTABOP_setup_table => self.setup_table(caller, at, count, statuses),
            GNTTABOP_transfer if arm && !old => Err(XEN_EOPNOTSUPP),
            GNTTABOP_transfer => self.batch(caller, at, count, statuses, Self::transfer),
            GNTTABOP_copy => {
                let mut ends = copy::Ends::default();
                let answer = self.batch(caller, at, count, statuses, |state, caller, op| {
                    state.copy(caller, op, &mut ends)
                });
                self.end_copies(&mut ends);
                answer
            }
            GNTTABOP_query_size => self.query_size(caller, at, count, statuses),
            GNTTABOP_unmap_and_replace => {
                self.batch(caller, at, count, statuses, Self::unmap_and_replace)
            }
            GNTTABOP_set_version => self.set_version(caller, at),
            GNTTABOP_get_status_frames => self.get_status_frames(caller, at, count, statuses),
            GNTTABOP_get_version => self.get_version(caller, at),
            GNTTABOP_swap_grant_ref => {
                self.batch(caller, at, count, statuses, Self::swap_grant_ref)
            }
            // 4.21 leaves it out where memory is coherent.
            GNTTABOP_cache_flush if !arm && self.release >= Release::V4_21 => Err(XEN_ENOSYS),
            GNTTABOP_cache_flush => self.cache_flush(caller, at, count, rest),
            _ => Err(XEN_ENOSYS),
        }
    }
}

/// Upstream's name of a command.
fn name(command: u32) -> &'static str {
    match command {
        GNTTABOP_map_grant_ref => gnttab_map_grant_ref::NAME,
        GNTTABOP_unmap_grant_ref => gnttab_unmap_grant_ref::NAME,
        GNTTABOP_setup_table => "GNTTABOP_setup_table",
        GNTTABOP_dump_table => "GNTTABOP_dump_table",
        GNTTABOP_transfer => gnttab_transfer::NAME,
        GNTTABOP_copy => gnttab_copy::NAME,
        GNTTABOP_query_size => "GNTTABOP_query_size",
        GNTTABOP_unmap_and_replace => gnttab_unmap_and_replace::NAME,
        GNTTABOP_set_version => "GNTTABOP_set_version",
        GNTTABOP_get_status_frames => "GNTTABOP_get_status_frames",
        GNTTABOP_get_version => "GNTTABOP_get_version",
        GNTTABOP_swap_grant_ref => gnttab_swap_grant_ref::NAME,
        GNTTABOP_cache_flush => "GNTTABOP_cache_flush",
        _ => "grant_table_op",
    }
}
