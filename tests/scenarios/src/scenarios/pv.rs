//! Page tables, descriptors, traps and registers of a PV guest.

use crate::{Guest, Run};

pub(crate) fn pv<G: Guest>(run: &mut Run<'_, G>) {
    G::pv(run);
}
