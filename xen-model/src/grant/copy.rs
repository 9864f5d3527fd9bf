//! `GNTTABOP_copy`.

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_ops::page::PAGE_SIZE;

use crate::error::Granted;
use crate::grant::acquire::{Wanted, Window};
use crate::machine::State;

/// One end of a copy.
struct End {
    domid: domid_t,
    ptr: gnttab_copy_ptr,
    granted: bool,
    readonly: bool,
}

impl State {
    pub(crate) fn copy(&mut self, caller: domid_t, op: &mut gnttab_copy) -> Granted {
        if op.len == 0 {
            return Ok(());
        }
        let source_granted = op.flags & GNTCOPY_source_gref != 0;
        let dest_granted = op.flags & GNTCOPY_dest_gref != 0;
        let source = self.copy_domain(caller, op.source.domid, source_granted)?;
        let dest = self.copy_domain(caller, op.dest.domid, dest_granted)?;
        if !self.may_deal(caller, source, dest) {
            return Err(GNTST_permission_denied);
        }
        let source = End { domid: source, ptr: op.source, granted: source_granted, readonly: true };
        let dest = End { domid: dest, ptr: op.dest, granted: dest_granted, readonly: false };
        let from = self.copy_begin(caller, &source)?;
        let copied = match self.copy_begin(caller, &dest) {
            Ok(to) => {
                let copied = self.copy_bytes(op, from, to);
                self.copy_end(&dest, to);
                copied
            }
            Err(status) => Err(status),
        };
        self.copy_end(&source, from);
        copied
    }

    /// Only the caller's own memory goes by frame number.
    fn copy_domain(&self, caller: domid_t, domid: domid_t, granted: bool) -> Granted<domid_t> {
        if domid != DOMID_SELF && !granted {
            return Err(GNTST_permission_denied);
        }
        self.any_domid(caller, domid).ok_or(GNTST_bad_domain)
    }

    fn copy_begin(&mut self, caller: domid_t, end: &End) -> Granted<Window> {
        if end.granted {
            let wanted = Wanted {
                granter: end.domid,
                ref_: end.ptr.u.ref_().0,
                grantee: caller,
                readonly: end.readonly,
                transitive: true,
            };
            return self.acquire(caller, wanted);
        }
        let mfn = self.hold_frame(caller, end.domid, end.ptr.u.gmfn().0)?;
        Ok(Window { mfn, start: 0, length: PAGE_SIZE as u16 })
    }

    fn copy_end(&mut self, end: &End, window: Window) {
        if end.granted {
            self.release(end.domid, end.ptr.u.ref_().0, end.readonly);
        } else {
            self.put(window.mfn);
        }
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
