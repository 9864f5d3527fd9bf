//! `GNTTABOP_swap_grant_ref`.

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::error::Granted;
use crate::state::State;

impl State {
    pub(crate) fn swap_grant_ref(
        &mut self,
        caller: domid_t,
        op: &mut gnttab_swap_grant_ref,
    ) -> Granted {
        let table = &mut self.caller_mut(caller).grants;
        for ref_ in [op.ref_a.0, op.ref_b.0] {
            if ref_ < table.entries() {
                table.expose_entry(ref_);
            }
        }
        let a = table.entry(op.ref_a.0).ok_or(GNTST_bad_gntref)?;
        let b = table.entry(op.ref_b.0).ok_or(GNTST_bad_gntref)?;
        if op.ref_a == op.ref_b {
            return Ok(());
        }
        let pinned = |ref_: grant_ref_t| table.active.contains_key(&ref_.0);
        if pinned(op.ref_a) || pinned(op.ref_b) {
            return Err(GNTST_eagain);
        }
        let (words_a, words_b) = (a.words(), b.words());
        let (status_a, status_b) = (a.status(), b.status());
        a.set_words(words_b);
        b.set_words(words_a);
        a.set_status(status_b);
        b.set_status(status_a);
        Ok(())
    }
}
