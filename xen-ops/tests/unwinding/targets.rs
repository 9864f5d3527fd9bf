//! Memory that is ballooned out.

use xen_ops::gnttab::target::{Ballooned, Cache};
use xen_ops::page::Page as _;
use xen_sim::GuestKind::Pvh;

use super::support::{Backend, Machine, Page, at_every_call, during, foreign_code};

/// A page that notes whether it is returned while its memory is gone.
struct Whole<'m>(Option<Page>, &'m Machine);

// SAFETY: as the page inside.
unsafe impl xen_ops::Page for Whole<'_> {
    fn frame(&self) -> xen_ops::xen_abi::xen::xen_pfn_t {
        self.0.as_ref().unwrap().frame()
    }

    fn address(&self) -> std::ptr::NonNull<u8> {
        self.0.as_ref().unwrap().address()
    }
}

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        let page = self.0.take().unwrap();
        let frame = page.0.frame();
        assert!(self.1.alice.machine_frame(frame).is_some(), "returned without its memory");
        foreign_code();
    }
}

/// A page that was ballooned out is returned with memory, or not at all.
#[test]
fn ballooning_out_and_restoring() {
    for restored in [false, true] {
        at_every_call(|| {
            let machine = Machine::new(Pvh);
            let page = Whole(Some(machine.page()), &machine);
            during(|| {
                let backend = Backend(machine.alice.clone());
                // SAFETY: a translated guest.
                let target = unsafe { Ballooned::new(backend, page) }.unwrap();
                if restored { drop(target.restore().unwrap()) } else { drop(target) }
            });
            machine.check();
        });
    }
}

#[test]
fn shrinking_a_cache() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let mut cache = Cache::<_, 4>::new();
        for _ in 0..4 {
            cache.put(machine.target()).unwrap();
        }
        let shrunk = during(|| cache.shrink(1));
        assert!(shrunk.is_none() || cache.len() == 1);
        cache.shrink(0);
        assert!(cache.is_empty());
    });
}
