//! Mapping and unmapping many grants with one hypercall.

#![allow(unsafe_code, reason = "asks Xen for mappings")]

use core::ptr;

use xen_abi::grant_table::{GrantMapFlags, grant_handle_t, grant_ref_t};
use xen_abi::xen::domid_t;

use super::mapping::request;
use super::outcome::{self, Outcome, Unmapped};
use super::unwind::OnUnwind;
use super::{BatchError, MapError, Mapping, Slot};
use crate::gnttab::batch::{TooLarge, fits};
use crate::gnttab::retry::{NoRetry, Retry, Tries};
use crate::hypercall::Hypercall;
use crate::hypercall::grant_table_op::{
    MapGrantRef, UnmapGrantRef, map_grant_ref, unmap_grant_ref,
};
use crate::page::MapTarget;
use crate::view::Access;

/// Elements for batches of up to `N` slots: memory for the hypercall that maps. Their values before and
/// after do not matter.
#[must_use]
pub fn elements<const N: usize>() -> [MapGrantRef; N] {
    let none = GrantMapFlags::empty();
    core::array::from_fn(|_| MapGrantRef::new(0, none, grant_ref_t(0), domid_t(0)))
}

/// Elements for batches of up to `N` slots: memory for the hypercall that unmaps. Their values before and
/// after do not matter.
#[must_use]
pub fn unmap_elements<const N: usize>() -> [UnmapGrantRef; N] {
    core::array::from_fn(|_| UnmapGrantRef::new(0, 0, grant_handle_t(0)))
}

/// Maps every request among `slots`, independently of each other, with one hypercall, and returns how many
/// of them are mapped.
///
/// Each mapping keeps the reference `xen`. So neither `Clone` nor `Drop` of the backend runs while the
/// slots are filled, and [`unmap_each`] can compare references.
///
/// A request becomes [`Mapped`](Slot::Mapped) or [`Failed`](Slot::Failed); other slots do not change.
///
/// # Errors
///
/// [`TooLarge`] if there are more requests than `elements`, or than a hypercall takes; then nothing
/// has been done.
pub fn map_each<'x, H: Hypercall, T: MapTarget, A: Access>(
    xen: &'x H,
    slots: &mut [Slot<&'x H, T, A>],
    elements: &mut [MapGrantRef],
) -> Result<usize, TooLarge> {
    map_each_with_retry(xen, slots, elements, &mut NoRetry)
}

/// As [`map_each`], and tries those again for which Xen answers `GNTST_eagain`: with one hypercall for
/// each try that `retry` allows.
///
/// # Errors
///
/// As [`map_each`].
pub fn map_each_with_retry<'x, H: Hypercall, T: MapTarget, A: Access, R: Retry + ?Sized>(
    xen: &'x H,
    slots: &mut [Slot<&'x H, T, A>],
    elements: &mut [MapGrantRef],
    retry: &mut R,
) -> Result<usize, TooLarge> {
    fits(slots.iter().filter(|slot| slot.is_request()).count(), elements.len())?;
    let mut tries = Tries::new(retry);
    let mut mapped = 0;
    loop {
        let round = round(xen, slots, elements);
        mapped += round.mapped;
        if !round.again || !tries.another() {
            break;
        }
    }
    slots.iter_mut().for_each(Slot::give_up);
    Ok(mapped)
}

/// Maps all of `slots` with one hypercall, or none.
///
/// If one fails, those that were mapped are unmapped and become requests again; those that failed hold
/// the error. What cannot be unmapped becomes [`Stuck`](Slot::Stuck), or [`Failed`](Slot::Failed) with
/// its target leaked.
///
/// # Errors
///
/// - [`BatchError::TooLarge`] if there are more slots than `elements`, or than a hypercall takes; then
///   nothing has been done.
/// - [`BatchError::NoRequest`] if one of the slots is not a request; then nothing has been done.
/// - [`BatchError::Slot`] with the first slot that failed.
pub fn map_all<'x, H: Hypercall, T: MapTarget, A: Access>(
    xen: &'x H,
    slots: &mut [Slot<&'x H, T, A>],
    elements: &mut [MapGrantRef],
) -> Result<(), BatchError> {
    map_all_with_retry(xen, slots, elements, &mut NoRetry)
}

/// As [`map_all`], and tries those again for which Xen answers `GNTST_eagain`: with one hypercall for each
/// try that `retry` allows.
///
/// # Errors
///
/// As [`map_all`].
pub fn map_all_with_retry<'x, H: Hypercall, T: MapTarget, A: Access, R: Retry + ?Sized>(
    xen: &'x H,
    slots: &mut [Slot<&'x H, T, A>],
    elements: &mut [MapGrantRef],
    retry: &mut R,
) -> Result<(), BatchError> {
    fits(slots.len(), elements.len())?;
    for (index, slot) in slots.iter().enumerate() {
        let Slot::Request { grant, target, devices } = slot else {
            return Err(BatchError::NoRequest(index));
        };
        if let Err(error) = request::<A, _, _>(xen, *grant, target, *devices) {
            return Err(BatchError::Slot { index, error, stuck: 0 });
        }
    }
    let mut tries = Tries::new(retry);
    let (index, error) = loop {
        let round = round(xen, slots, elements);
        if let Some(failure) = first_failure(slots) {
            break failure;
        }
        let Some(index) = slots.iter().position(Slot::is_request) else { return Ok(()) };
        if !round.again || !tries.another() {
            break (index, MapError::Xen(outcome::still_eagain()));
        }
    };
    slots.iter_mut().for_each(Slot::roll_back);
    let stuck = slots.iter().filter(|slot| slot.is_stuck()).count();
    Err(BatchError::Slot { index, error, stuck })
}

/// Unmaps every mapping among `slots`; other slots do not change.
///
/// This makes one hypercall for each run of mappings that have the same `&H`: one in all for what a
/// [`map_all`] or [`map_each`] has mapped.
///
/// A mapping becomes [`Free`](Slot::Free); [`Stuck`](Slot::Stuck) if it certainly still exists; or
/// [`Failed`](Slot::Failed), with its target leaked.
///
/// # Errors
///
/// - [`BatchError::TooLarge`] if there are more mappings than `elements`, or than a hypercall takes;
///   then nothing has been done.
/// - [`BatchError::Slot`] with the first mapping that could not be unmapped.
pub fn unmap_each<H: Hypercall, T: MapTarget, A: Access>(
    slots: &mut [Slot<&H, T, A>],
    elements: &mut [UnmapGrantRef],
) -> Result<(), BatchError> {
    fits(slots.iter().filter_map(Slot::mapping).count(), elements.len())?;
    let mut failures = Failures::default();
    let (mut first, mut rest) = (0, slots);
    while let Some(xen) = rest.iter().find_map(Slot::mapping).map(|mapping| *mapping.xen()) {
        let is_other = |mapping: &Mapping<&H, T, A>| !ptr::eq(*mapping.xen(), xen);
        let other = rest.iter().position(|slot| slot.mapping().is_some_and(is_other));
        let length = other.unwrap_or(rest.len());
        let (run, others) = rest.split_at_mut(length);
        unmap_run(xen, run, elements, |index, unmapped| failures.note(first + index, unmapped));
        (first, rest) = (first + length, others);
    }
    failures.result()
}

/// Unmaps the mappings among `slots`, which all have this reference.
fn unmap_run<H: Hypercall, T: MapTarget, A: Access>(
    xen: &H,
    slots: &mut [Slot<&H, T, A>],
    elements: &mut [UnmapGrantRef],
    mut note: impl FnMut(usize, &Unmapped),
) {
    let mut count = 0;
    for (element, mapping) in elements.iter_mut().zip(slots.iter().filter_map(Slot::mapping)) {
        *element = mapping.entry().unmap();
        count += 1;
    }
    let elements = elements.get_mut(..count).unwrap_or_default();
    let unwinding = OnUnwind::new(|| {
        for slot in slots.iter_mut() {
            slot.unmapped(Unmapped::Unknown(outcome::no_unmap_answer()));
        }
    });
    // SAFETY: the mappings are borrowed mutably, so nothing accesses their frames, and they can be
    // seen again only if Xen has left them as they were.
    let batch = unsafe { unmap_grant_ref(xen, elements) };
    unwinding.disarm();
    let mut outcomes = outcome::unmapped(batch);
    for (index, slot) in slots.iter_mut().enumerate().filter(|(_, slot)| slot.mapping().is_some()) {
        if let Some(unmapped) = outcomes.next() {
            note(index, &unmapped);
            slot.unmapped(unmapped);
        }
    }
}

/// The first failure of an unmap, and how many there are.
#[derive(Default)]
struct Failures {
    first: Option<(usize, MapError)>,
    count: usize,
}

impl Failures {
    fn note(&mut self, index: usize, unmapped: &Unmapped) {
        if let Unmapped::Intact(error) | Unmapped::Unknown(error) = *unmapped {
            self.first.get_or_insert((index, MapError::Xen(error)));
            self.count += 1;
        }
    }

    fn result(self) -> Result<(), BatchError> {
        match self.first {
            None => Ok(()),
            Some((index, error)) => Err(BatchError::Slot { index, error, stuck: self.count }),
        }
    }
}

/// Result of one hypercall.
struct Round {
    mapped: usize,
    /// Whether there are requests that may be tried again.
    again: bool,
}

/// Passes all requests to Xen and distributes the answers. Both go through the slots in their order, and
/// a slot is a request until it has its answer, so each answer reaches its slot.
fn round<'x, H: Hypercall, T: MapTarget, A: Access>(
    xen: &'x H,
    slots: &mut [Slot<&'x H, T, A>],
    elements: &mut [MapGrantRef],
) -> Round {
    let mut asked = 0;
    for slot in slots.iter_mut() {
        let Slot::Request { grant, target, devices } = slot else { continue };
        match (request::<A, _, _>(xen, *grant, target, *devices), elements.get_mut(asked)) {
            (Ok(request), Some(element)) => {
                *element = request;
                asked += 1;
            }
            (Ok(_), None) => break,
            (Err(error), _) => slot.fail(error),
        }
    }
    let mut round = Round { mapped: 0, again: false };
    let elements = elements.get_mut(..asked).unwrap_or_default();
    if elements.is_empty() {
        return round;
    }
    let unwinding = OnUnwind::new(|| {
        for slot in slots.iter_mut() {
            slot.mapped(xen, Outcome::Unknown(outcome::no_map_answer()));
        }
    });
    // SAFETY: each host address is a target's, which nothing else uses.
    let batch = unsafe { map_grant_ref(xen, elements) };
    unwinding.disarm();
    let complete = batch.result.is_ok();
    let mut outcomes = outcome::mapped(batch);
    for slot in slots.iter_mut().filter(|slot| slot.is_request()) {
        let Some(outcome) = outcomes.next() else { break };
        slot.mapped(xen, outcome);
        match slot {
            Slot::Mapped(_) => round.mapped += 1,
            Slot::Request { .. } => round.again = complete,
            _ => {}
        }
    }
    round
}

fn first_failure<H: Hypercall, T: MapTarget, A: Access>(
    slots: &[Slot<H, T, A>],
) -> Option<(usize, MapError)> {
    slots.iter().enumerate().find_map(|(index, slot)| match slot {
        Slot::Failed { error, .. } => Some((index, *error)),
        _ => None,
    })
}
