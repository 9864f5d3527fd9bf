//! Pages that are ballooned out and back.

use xen_ops::gnttab::target::{BalloonError, Ballooned};
use xen_ops::page::{MapTarget as _, Page as _};
use xen_ops::{Failed, Mapping, ReadOnly};
use xen_sim::Domain;

use super::{FIRST, OwnPage, Rig, grant};
use crate::lies::Lies;
use crate::lies::Outcome::Instead;
use crate::pfn;

type Out<'r> = Ballooned<&'r Lies<Domain>, OwnPage<'r>>;

fn balloon<'r>(
    rig: &'r Rig,
    page: OwnPage<'r>,
) -> Result<Out<'r>, Failed<BalloonError, OwnPage<'r>>> {
    // SAFETY: a translated guest.
    unsafe { Ballooned::new(&rig.xen, page) }
}

/// Mirage mapped grants over pages of its heap, which were dead after the unmap. Here a page gets new
/// memory before it is returned.
#[test]
fn d12_a_page_has_memory_again_before_it_is_given_back() {
    let rig = Rig::new();
    let page = rig.page();
    let number = page.number();
    let memory = || rig.xen.truth().machine_frame(pfn(number));
    let target = balloon(&rig, page).unwrap();
    assert_eq!((target.host_addr(), memory()), (number << 12, None));
    let mapping = Mapping::new(&rig.xen, grant(FIRST), target, ReadOnly).unwrap();
    let peers = rig.peers[0].machine_frame(rig.granted(FIRST).frame());
    assert_eq!(memory(), peers);
    let target = mapping.unmap().unwrap();
    assert_eq!((rig.returned().len(), memory()), (0, None));
    let page = target.restore().unwrap();
    assert!(memory().is_some() && memory() != peers);
    assert_eq!(page.number(), number);
    drop(page);

    drop(balloon(&rig, rig.page()).unwrap());
    assert_eq!(rig.returned().len(), 2);
}

#[test]
fn d12_a_page_without_memory_is_never_given_back() {
    let rig = Rig::new();
    let target = balloon(&rig, rig.page()).unwrap();
    rig.xen.truth().faults().no_memory(1);
    let target = target.restore().unwrap_err().returned.expect("still a target");
    rig.xen.outcome([Instead(isize::MAX)]);
    assert!(target.restore().unwrap_err().returned.is_none(), "whether there is memory is unknown");

    let target = balloon(&rig, rig.page()).unwrap();
    rig.xen.truth().faults().no_memory(1);
    drop(target);
    assert!(rig.returned().is_empty());
}

#[test]
fn a_page_that_xen_does_not_take_is_kept() {
    let rig = Rig::new();
    for (result, kept) in [(0, true), (-38, true), (2, false), (isize::MIN, false)] {
        rig.xen.outcome([Instead(result)]);
        assert_eq!(balloon(&rig, rig.page()).unwrap_err().returned.is_some(), kept, "{result}");
    }
}
