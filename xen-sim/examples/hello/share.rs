//! Alice shares a page with Bob: the same on the simulator and on a real Xen.

use xen_ops::gnttab::map::MapError;
use xen_ops::gnttab::{GrantError, Revoking, StillInUse, TableFrames};
use xen_ops::view::Field;
use xen_ops::{
    DomainId, GrantTable, Granted, Hypercall, MapTarget, Mapping, Page, ReadWrite, RemoteGrant,
};

/// A greeting at the start of the page, and whom it is for.
pub(crate) const GREETING: Field<[u8; 10]> = Field::at::<0>();
const NAME: Field<[u8; 3]> = Field::at::<7>();

/// Alice grants a page to Bob. The grant owns the page from now on.
pub(crate) fn grant<'t, H: Hypercall, F: TableFrames, P: Page>(
    table: &'t GrantTable<'_, H, F, P>,
    bob: DomainId,
    page: P,
) -> Result<Granted<'t, P>, GrantError> {
    page.view().at(GREETING).write(b"hello, bob");
    Ok(table.grant(bob, page, ReadWrite)?)
}

/// Bob maps the page, and writes to it. Dropping the mapping unmaps the page.
pub(crate) fn map<H: Hypercall, T: MapTarget>(
    xen: H,
    remote: RemoteGrant,
    target: T,
) -> Result<Mapping<H, T, ReadWrite>, MapError> {
    let mapping = Mapping::new(xen, remote, target, ReadWrite)?;
    mapping.view().at(NAME).write(b"you");
    Ok(mapping)
}

/// Alice takes the page back. While Bob maps it she cannot, and asks him to unmap it.
pub(crate) fn take_back<P>(
    granted: Granted<'_, P>,
    ask_bob: impl FnOnce(&Revoking<'_, P>),
) -> Result<P, StillInUse> {
    let revoked = granted.revoke().or_else(|revoking| {
        ask_bob(&revoking);
        revoking.retry()
    });
    // Where Bob did not unmap it, the table's reaper has the page until he does.
    let (_reference, page) = revoked.map_err(|_revoking| StillInUse)?;
    Ok(page)
}
