//! `GNTTABOP_copy`.

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_ops::page::PAGE_SIZE;

use crate::abi::pfn_to_u64;
use crate::config::Release;
use crate::error::Granted;
use crate::grant_table::acquire::{Wanted, Window};
use crate::state::State;

/// Both ends of a copy. Xen keeps them from one element of a batch to the next.
#[derive(Default)]
pub(crate) struct Ends {
    source: End,
    dest: End,
}

#[derive(Default)]
struct End {
    /// The domain, as the element names it and by its number.
    domain: Option<(domid_t, domid_t)>,
    /// The frame or grant that is held.
    held: Option<Held>,
}

#[derive(Clone, Copy)]
struct Held {
    /// The frame number or reference by which it was found.
    by: gnttab_copy_ptr_u,
    granted: bool,
    window: Window,
}

impl End {
    fn is_of(&self, domid: domid_t) -> bool {
        self.domain.is_some_and(|(named, _)| named == domid)
    }

    /// What is held, if an element asks for the same. As in Xen, a frame number that equals the
    /// reference of a held grant is mistaken for it.
    fn held_for(&self, ptr: &gnttab_copy_ptr, granted: bool) -> Option<Window> {
        let same = |held: &Held| match granted {
            true => held.granted && held.by.ref_() == ptr.u.ref_(),
            false => held.by.gmfn() == ptr.u.gmfn(),
        };
        self.held.filter(same).map(|held| held.window)
    }
}

impl State {
    /// Executes an element. [`end_copies`](Self::end_copies) releases what `ends` hold.
    pub(crate) fn copy(
        &mut self,
        caller: domid_t,
        op: &mut gnttab_copy,
        ends: &mut Ends,
    ) -> Granted {
        let copied = self.copy_between(caller, op, ends);
        if copied.is_err() {
            self.end_copies(ends);
        }
        copied
    }

    fn copy_between(&mut self, caller: domid_t, op: &gnttab_copy, ends: &mut Ends) -> Granted {
        if op.len == 0 && self.release >= Release::V4_20 {
            return Ok(());
        }
        let source_granted = op.flags.contains(GNTCOPY_source_gref);
        let dest_granted = op.flags.contains(GNTCOPY_dest_gref);
        if !ends.source.is_of(op.source.domid) || !ends.dest.is_of(op.dest.domid) {
            self.end_copies(ends);
            *ends = Ends::default();
            let source = self.copy_domain(caller, op.source.domid, source_granted)?;
            let dest = self.copy_domain(caller, op.dest.domid, dest_granted)?;
            if !self.may_deal(caller, source, dest) {
                return Err(GNTST_permission_denied);
            }
            ends.source.domain = Some((op.source.domid, source));
            ends.dest.domain = Some((op.dest.domid, dest));
        }
        let from = self.copy_end(caller, &mut ends.source, &op.source, source_granted, true)?;
        let to = self.copy_end(caller, &mut ends.dest, &op.dest, dest_granted, false)?;
        self.copy_bytes(op, from, to)
    }

    /// The domain of one end. Only the caller's own memory may be named by frame number.
    fn copy_domain(&self, caller: domid_t, domid: domid_t, granted: bool) -> Granted<domid_t> {
        if domid != DOMID_SELF && !granted {
            return Err(GNTST_permission_denied);
        }
        self.any_domid(caller, domid).ok_or(GNTST_bad_domain)
    }

    /// Makes an end hold what an element asks for.
    fn copy_end(
        &mut self,
        caller: domid_t,
        end: &mut End,
        ptr: &gnttab_copy_ptr,
        granted: bool,
        readonly: bool,
    ) -> Granted<Window> {
        if let Some(window) = end.held_for(ptr, granted) {
            return Ok(window);
        }
        self.release_end(end, readonly);
        let (_, domid) = end.domain.ok_or(GNTST_bad_domain)?;
        let (by, window) = if granted {
            let ref_ = *ptr.u.ref_();
            let wanted = Wanted {
                granter: domid,
                ref_: ref_.0,
                grantee: caller,
                readonly,
                transitive: true,
            };
            (gnttab_copy_ptr_u::from_ref(ref_), self.acquire(caller, wanted)?)
        } else {
            let mfn = self.hold_frame(caller, domid, pfn_to_u64(*ptr.u.gmfn()))?;
            (ptr.u, Window { mfn, start: 0, length: PAGE_SIZE as u16 })
        };
        end.held = Some(Held { by, granted, window });
        Ok(window)
    }

    fn release_end(&mut self, end: &mut End, readonly: bool) {
        let (Some(held), Some((_, domid))) = (end.held.take(), end.domain) else { return };
        if held.granted {
            self.release(domid, held.by.ref_().0, readonly);
        } else {
            self.put(held.window.mfn);
        }
    }

    /// Releases what both ends hold.
    pub(crate) fn end_copies(&mut self, ends: &mut Ends) {
        self.release_end(&mut ends.source, true);
        self.release_end(&mut ends.dest, false);
    }

    fn copy_bytes(&self, op: &gnttab_copy, from: Window, to: Window) -> Granted {
        let length = usize::from(op.len);
        let (source, dest) = (usize::from(op.source.offset), usize::from(op.dest.offset));
        if source + length > PAGE_SIZE || dest + length > PAGE_SIZE {
            return Err(GNTST_bad_copy_arg);
        }
        let inside = |offset: usize, window: Window| {
            let (start, size) = (usize::from(window.start), usize::from(window.length));
            offset >= start && offset + length <= start + size
        };
        if !inside(source, from) || !inside(dest, to) {
            return Err(GNTST_general_error);
        }
        let mut bytes = [0; PAGE_SIZE];
        let bytes = &mut bytes[..length];
        let (Some(from), Some(to)) = (self.frames.view(from.mfn), self.frames.view(to.mfn)) else {
            return Err(GNTST_bad_page);
        };
        from.read(source, bytes).map_err(|_| GNTST_bad_copy_arg)?;
        to.write(dest, bytes).map_err(|_| GNTST_bad_copy_arg)
    }
}
