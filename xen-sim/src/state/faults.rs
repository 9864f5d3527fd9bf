//! Faults that a test has asked for and that have not happened yet.

use std::ops::Range;

use xen_abi::GrantStatus;

/// Faults to be injected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    pub(crate) eagain: u32,
    pub(crate) no_space: u32,
    pub(crate) no_memory: u32,
    pub(crate) lost_claims: u32,
    pub(crate) busy: u32,
    pub(crate) copying: u32,
    pub(crate) vnuma: u32,
    pub(crate) acquire: Option<u32>,
    pub(crate) interrupt: Option<u32>,
    pub(crate) unreadable: Vec<u32>,
    pub(crate) unwritable: Vec<u32>,
    pub(crate) statuses: Vec<(u32, GrantStatus)>,
    pub(crate) absent: Vec<Range<usize>>,
}

fn once(counter: &mut u32) -> bool {
    let there = *counter > 0;
    *counter = counter.saturating_sub(1);
    there
}

fn at(list: &mut Vec<u32>, element: u32) -> bool {
    let found = list.iter().position(|wanted| *wanted == element);
    found.map(|at| list.remove(at)).is_some()
}

impl Pending {
    pub(crate) fn take_eagain(&mut self) -> bool {
        once(&mut self.eagain)
    }

    pub(crate) fn take_no_space(&mut self) -> bool {
        once(&mut self.no_space)
    }

    pub(crate) fn take_no_memory(&mut self) -> bool {
        once(&mut self.no_memory)
    }

    pub(crate) fn take_lost_claim(&mut self) -> bool {
        once(&mut self.lost_claims)
    }

    pub(crate) fn take_busy(&mut self) -> bool {
        once(&mut self.busy)
    }

    pub(crate) fn take_copying(&mut self) -> bool {
        once(&mut self.copying)
    }

    pub(crate) fn take_vnuma(&mut self) -> bool {
        once(&mut self.vnuma)
    }

    pub(crate) fn take_acquire(&mut self, done: u32) -> bool {
        self.acquire.take_if(|after| *after == done).is_some()
    }

    /// Whether a hypercall is interrupted that has executed `done` elements, one at least.
    pub(crate) fn take_interrupt(&mut self, done: usize) -> bool {
        self.interrupt.take_if(|after| done > 0 && done >= *after as usize).is_some()
    }

    pub(crate) fn take_unreadable(&mut self, element: u32) -> bool {
        at(&mut self.unreadable, element)
    }

    pub(crate) fn take_unwritable(&mut self, element: u32) -> bool {
        at(&mut self.unwritable, element)
    }

    pub(crate) fn take_status(&mut self, element: u32) -> Option<GrantStatus> {
        let found = self.statuses.iter().position(|(wanted, _)| *wanted == element)?;
        Some(self.statuses.remove(found).1)
    }

    /// Whether none of the `length` bytes at `address` is declared absent.
    pub(crate) fn present(&self, address: usize, length: usize) -> bool {
        match address.checked_add(length) {
            Some(end) => !self.absent.iter().any(|gone| gone.start < end && address < gone.end),
            None => false,
        }
    }
}
