//! What typed wrappers lend to a backend, and that every backend around another hands it on.

#![cfg(not(loom))]
#![allow(unsafe_code, reason = "the test plays a backend, and calls unsafe operations")]

use std::cell::{Cell, RefCell};

use xen_abi::Errno;
use xen_abi::errno::XEN_ENOMEM;
use xen_abi::grant_table::gnttab_query_size;
use xen_abi::memory::{xen_add_to_physmap_batch, xen_add_to_physmap_batch_extra};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::backend::Recorder;
use xen_ops::hypercall::{
    BufferDesc, Error, Hypercall, UNTOUCHED, console_io, event_channel_op, grant_table_op,
    memory_op, sched_op,
};
use xen_ops::memory::{Give, MemFlags, Take, exchange};

/// A backend that says another address than the memory's, and remembers. It runs out of memory after
/// `room` objects.
struct Elsewhere {
    room: Cell<usize>,
    lent: RefCell<Vec<(BufferDesc, usize)>>,
    given_back: RefCell<Vec<(BufferDesc, usize)>>,
}

/// How far away that is.
const AWAY: usize = 0x1000_0000;

// SAFETY: there is no hypervisor, so that no memory is reached at all.
unsafe impl Hypercall for Elsewhere {
    unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize {
        assert!(self.given_back.borrow().is_empty(), "before the call");
        0
    }

    unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        self.room.set(self.room.get().checked_sub(1).ok_or(XEN_ENOMEM)?);
        let lent = memory.address.wrapping_add(AWAY);
        self.lent.borrow_mut().push((memory, lent));
        Ok(lent)
    }

    unsafe fn bounce_out(&self, memory: BufferDesc, lent: usize) {
        self.given_back.borrow_mut().push((memory, lent));
    }
}

impl Elsewhere {
    fn new(room: usize) -> Self {
        Self { room: Cell::new(room), lent: RefCell::default(), given_back: RefCell::default() }
    }

    /// What was lent, length and whether it may be written; all of it has been given back, the last
    /// first.
    fn lent(&self) -> Vec<(usize, bool)> {
        let lent = self.lent.borrow();
        assert!(self.given_back.borrow().iter().eq(lent.iter().rev()));
        lent.iter().map(|(memory, _)| (memory.length, memory.is_written)).collect()
    }

    /// Where the object is that was lent as number `index`.
    fn place(&self, index: usize) -> usize {
        self.lent.borrow()[index].1
    }
}

type Recorded = Recorder<Elsewhere, 1>;

fn backend(room: usize) -> Recorded {
    Recorder::new(Elsewhere::new(room))
}

/// What was handed over as argument `index` of the only call.
fn argument(xen: &Recorded, index: usize) -> usize {
    xen.calls().next().expect("a call").arguments()[index]
}

#[test]
fn every_kind_of_memory_is_lent_for_the_call() {
    let xen = backend(9);
    grant_table_op::query_size(&xen, DOMID_SELF).unwrap_err();
    assert_eq!(xen.inner().lent(), [(size_of::<gnttab_query_size>(), true)]);
    assert_eq!(argument(&xen, 1), xen.inner().place(0));

    let xen = backend(9);
    let frames = [xen_pfn_t(1); 3];
    let (extra, mut errors) = (xen_add_to_physmap_batch_extra::ZERO, [0; 3]);
    // SAFETY: nothing is put anywhere.
    unsafe {
        let result = memory_op::add_to_physmap_batch(
            &xen,
            DOMID_SELF,
            1,
            extra,
            &[1, 2],
            &frames,
            &mut errors,
        );
        result.unwrap();
    }
    let own = size_of::<xen_add_to_physmap_batch>();
    let word = size_of::<usize>().max(size_of_val(&frames[0]));
    assert_eq!(xen.inner().lent(), [(2 * word, false), (3 * word, false), (12, true), (own, true)]);
    assert_eq!(argument(&xen, 1), xen.inner().place(3));

    let xen = backend(9);
    console_io::write(&xen, b"hello").unwrap();
    assert_eq!(xen.inner().lent(), [(5, false)]);
    assert_eq!((argument(&xen, 1), argument(&xen, 2)), (5, xen.inner().place(0)));

    let xen = backend(9);
    let mut requests = [grant_table_op::UnmapGrantRef::new(0, 0, Default::default()); 2];
    // SAFETY: nothing is mapped.
    unsafe { grant_table_op::unmap_grant_ref(&xen, &mut requests) }.result.unwrap();
    assert_eq!(xen.inner().lent(), [(size_of_val(&requests), true)]);
    assert_eq!(argument(&xen, 1), xen.inner().place(0));

    let xen = backend(9);
    sched_op::yield_(&xen).unwrap();
    assert_eq!(xen.inner().lent(), []);
}

/// A structure whose lists the caller has lent.
#[test]
fn lists_behind_a_callers_structure_are_lent_too() {
    let xen = backend(9);
    let (given, mut taken) = ([xen_pfn_t(1); 2], [xen_pfn_t(2); 2]);
    let give = Give { order: 0, frames: &given };
    let take = Take { order: 0, flags: MemFlags::default(), frames: &mut taken };
    // SAFETY: nothing is exchanged.
    let _ = unsafe { exchange(&xen, DOMID_SELF, give, take) };
    let lent = xen.inner().lent();
    assert_eq!(lent[..2], [(size_of_val(&given), false), (size_of_val(&taken), true)]);
    assert_eq!(lent.len(), 3);
}

#[test]
fn what_cannot_be_lent_is_no_call_and_an_error() {
    let refused = |operation| Error::from_errno(operation, XEN_ENOMEM);
    let xen = backend(0);
    let error = event_channel_op::alloc_unbound(&xen, DOMID_SELF, domid_t(1)).unwrap_err();
    assert_eq!(error, refused("EVTCHNOP_alloc_unbound"));

    // The list has room, the structure has none.
    let xen = backend(1);
    let error = grant_table_op::setup_table(&xen, DOMID_SELF, &mut [xen_pfn_t(0)]).unwrap_err();
    assert_eq!(error, refused("GNTTABOP_setup_table"));
    assert_eq!((xen.made(), xen.inner().lent().len()), (0, 1));

    let xen = backend(0);
    let mut requests = [grant_table_op::UnmapGrantRef::new(0, 0, Default::default())];
    // SAFETY: nothing is mapped.
    let batch = unsafe { grant_table_op::unmap_grant_ref(&xen, &mut requests) };
    assert_eq!(batch.result, Err(refused("GNTTABOP_unmap_grant_ref")));
    assert_eq!(batch.elements[0].status(), UNTOUCHED);
    assert_eq!(xen.made(), 0);
}

#[test]
fn references_and_trait_objects_lend_as_what_they_refer_to() {
    let xen = backend(9);
    let object: &dyn Hypercall = &xen;
    console_io::write(object, b"1").unwrap();
    assert_eq!(xen.inner().lent(), [(1, false)]);
    let xen = backend(9);
    console_io::write(&&xen, b"22").unwrap();
    assert_eq!(xen.inner().lent(), [(2, false)]);
    assert_eq!(argument(&xen, 2), xen.inner().place(0));
}
