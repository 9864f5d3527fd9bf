//! What the toolstack does to a domain: creating and destroying it.

use xen_abi::xen::{DOMID_FIRST_RESERVED, domid_t};

use crate::config::{CreateError, DomainConfig};
use crate::state::domain::{DomainState, Pod};
use crate::state::frames::{Frame, Mfn};
use crate::state::{State, p2m};

impl State {
    pub(crate) fn create_domain(&mut self, config: &DomainConfig) -> Result<domid_t, CreateError> {
        let domid = self.new_domid(config.domid)?;
        let domain = DomainState::new(&mut self.frames, domid, config)?;
        self.domains.insert(domid.0, domain);
        Ok(domid)
    }

    fn new_domid(&self, wanted: Option<domid_t>) -> Result<domid_t, CreateError> {
        match wanted {
            Some(domid) if domid >= DOMID_FIRST_RESERVED => Err(CreateError::NoDomid),
            Some(domid) if self.domains.contains_key(&domid.0) => Err(CreateError::Exists(domid)),
            Some(domid) => Ok(domid),
            None => (1..DOMID_FIRST_RESERVED.0)
                .find(|domid| !self.domains.contains_key(domid))
                .map(domid_t)
                .ok_or(CreateError::NoDomid),
        }
    }

    /// Destroys a domain. Frames that others map stay until the last mapping is gone, and the
    /// domain's number with them.
    pub(crate) fn destroy_domain(&mut self, domid: domid_t) {
        let Some(domain) = self.domain_mut(domid) else { return };
        domain.dying = true;
        domain.destroyed = true;
        self.drop_all_mappings(domid);
        self.close_all(domid);
        let Some(domain) = self.domain_mut(domid) else { return };
        let foreign = domain.p2m.take().into_values();
        let foreign = foreign.filter(|entry| entry.kind == p2m::EntryKind::Foreign);
        // Its frames are freed with the domain's others.
        domain.pod = Pod::default();
        let mapped = std::mem::take(&mut domain.page_table).into_values().flatten();
        let mapped = mapped.filter(|mapped| !mapped.granted);
        let areas = std::mem::take(&mut domain.vcpu_areas).into_iter().flatten();
        let held = foreign.map(|entry| entry.mfn).chain(mapped.map(|mapped| mapped.mfn));
        for mfn in held.chain(areas) {
            self.put(mfn);
        }
        let own = |frame: &Frame| frame.owner == Some(domid) && !frame.special;
        let frames: Vec<Mfn> =
            self.frames.iter().filter(|(_, frame)| own(frame)).map(|(mfn, _)| mfn).collect();
        for mfn in frames {
            self.free(mfn);
        }
        self.free_if_unused(domid);
    }
}
