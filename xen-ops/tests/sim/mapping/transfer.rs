//! Pages that are given to another domain.

use xen_abi::grant_table::{GTF_accept_transfer, GTF_transfer_completed};
use xen_abi::xen::xen_pfn_t;
use xen_ops::gnttab::transfer::{PageState, transfer};
use xen_sim::GuestKind;

use super::{FIRST, Rig, grant, header, publish_as};
use crate::lies::Answer::{Skip, Status};
use crate::lies::Outcome::After;
use crate::pfn;

#[test]
fn a_page_is_given_away_for_good() {
    let rig = Rig::with(GuestKind::Pv, 8);
    let (us, peer) = (rig.xen.truth(), &rig.peers[0]);
    publish_as(GTF_accept_transfer, peer, FIRST + 9, us, xen_pfn_t(0));
    let page = rig.page();
    let number = page.number();
    let _ = transfer(&rig.xen, page, grant(FIRST + 9)).unwrap();
    assert_ne!(header(peer, FIRST + 9) & u32::from(GTF_transfer_completed.bits()), 0);
    let frame = pfn(number);
    assert_eq!((us.machine_frame(frame), peer.machine_frame(frame)), (None, Some(frame)));
    assert!(rig.returned().is_empty());
}

#[test]
fn a_page_that_did_not_arrive_is_lost_with_every_status_but_one() {
    let statuses = [(-9, true), (-1, false), (-2, false), (-8, false), (-11, false), (1, false)];
    for (status, kept) in statuses {
        let rig = Rig::with(GuestKind::Pv, 8);
        rig.xen.answer([Status(status)]);
        let error = transfer(&rig.xen, rig.page(), grant(FIRST)).unwrap_err();
        assert_eq!(matches!(error.returned, Some(PageState::Kept(_))), kept, "{status}");
        drop(error);
        assert_eq!(rig.returned().len(), usize::from(kept));
    }
}

#[test]
fn a_page_is_kept_when_xen_does_not_begin() {
    let rig = Rig::with(GuestKind::Pv, 8);
    for (result, kept) in [(-95, true), (-38, true), (0, false), (-14, false), (7, false)] {
        rig.xen.answer([Skip]);
        rig.xen.outcome([After(result)]);
        let error = transfer(&rig.xen, rig.page(), grant(FIRST)).unwrap_err();
        assert_eq!(matches!(error.returned, Some(PageState::Kept(_))), kept, "{result}");
    }
    // A status that Xen has written tells more than the hypercall's result.
    rig.xen.answer([Status(-9)]);
    rig.xen.outcome([After(-14)]);
    let error = transfer(&rig.xen, rig.page(), grant(FIRST)).unwrap_err();
    assert!(matches!(error.returned, Some(PageState::Kept(_))), "{error}");
}
