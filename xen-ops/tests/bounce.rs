//! Which buffers typed wrappers bounce, and that backends around another forward them.

#![allow(unsafe_code, reason = "the test is a backend, and calls unsafe operations")]

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

/// A backend that returns another address than the buffer's, and records it. It runs out of memory after
/// `capacity` buffers.
struct Elsewhere {
    capacity: Cell<usize>,
    bounced_in: RefCell<Vec<(BufferDesc, usize)>>,
    bounced_out: RefCell<Vec<(BufferDesc, usize)>>,
}

/// The distance of the two addresses.
const AWAY: usize = 0x1000_0000;

// SAFETY: there is no hypervisor, so no memory is accessed.
unsafe impl Hypercall for Elsewhere {
    unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize {
        assert!(self.bounced_out.borrow().is_empty(), "before the call");
        0
    }

    unsafe fn bounce_in(&self, buffer: BufferDesc) -> Result<usize, Errno> {
        self.capacity.set(self.capacity.get().checked_sub(1).ok_or(XEN_ENOMEM)?);
        let bounced = buffer.address.wrapping_add(AWAY);
        self.bounced_in.borrow_mut().push((buffer, bounced));
        Ok(bounced)
    }

    unsafe fn bounce_out(&self, buffer: BufferDesc, bounced: usize) {
        self.bounced_out.borrow_mut().push((buffer, bounced));
    }
}

impl Elsewhere {
    fn new(capacity: usize) -> Self {
        Self {
            capacity: Cell::new(capacity),
            bounced_in: RefCell::default(),
            bounced_out: RefCell::default(),
        }
    }

    /// The buffers that were bounced: length, and whether it is written. All were bounced out again, in
    /// reverse order.
    fn bounced(&self) -> Vec<(usize, bool)> {
        let bounced = self.bounced_in.borrow();
        assert!(self.bounced_out.borrow().iter().eq(bounced.iter().rev()));
        bounced.iter().map(|(buffer, _)| (buffer.length, buffer.is_written)).collect()
    }

    /// The address of the buffer number `index` for the hypervisor.
    fn address(&self, index: usize) -> usize {
        self.bounced_in.borrow()[index].1
    }
}

type Recorded = Recorder<Elsewhere, 1>;

fn backend(capacity: usize) -> Recorded {
    Recorder::new(Elsewhere::new(capacity))
}

/// Argument `index` of the only call.
fn argument(xen: &Recorded, index: usize) -> usize {
    xen.calls().next().expect("a call").arguments()[index]
}

#[test]
fn every_kind_of_argument_is_bounced_for_the_call() {
    let xen = backend(9);
    grant_table_op::query_size(&xen, DOMID_SELF).unwrap_err();
    assert_eq!(xen.inner().bounced(), [(size_of::<gnttab_query_size>(), true)]);
    assert_eq!(argument(&xen, 1), xen.inner().address(0));

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
    assert_eq!(
        xen.inner().bounced(),
        [(2 * word, false), (3 * word, false), (12, true), (own, true)]
    );
    assert_eq!(argument(&xen, 1), xen.inner().address(3));

    let xen = backend(9);
    console_io::write(&xen, b"hello").unwrap();
    assert_eq!(xen.inner().bounced(), [(5, false)]);
    assert_eq!((argument(&xen, 1), argument(&xen, 2)), (5, xen.inner().address(0)));

    let xen = backend(9);
    let mut requests = [grant_table_op::UnmapGrantRef::new(0, 0, Default::default()); 2];
    // SAFETY: nothing is mapped.
    unsafe { grant_table_op::unmap_grant_ref(&xen, &mut requests) }.result.unwrap();
    assert_eq!(xen.inner().bounced(), [(size_of_val(&requests), true)]);
    assert_eq!(argument(&xen, 1), xen.inner().address(0));

    let xen = backend(9);
    sched_op::yield_(&xen).unwrap();
    assert_eq!(xen.inner().bounced(), []);
}

/// A structure whose lists the caller bounces.
#[test]
fn lists_of_a_callers_structure_are_bounced_too() {
    let xen = backend(9);
    let (given, mut taken) = ([xen_pfn_t(1); 2], [xen_pfn_t(2); 2]);
    let give = Give { order: 0, frames: &given };
    let take = Take { order: 0, flags: MemFlags::default(), frames: &mut taken };
    // SAFETY: nothing is exchanged.
    let _ = unsafe { exchange(&xen, DOMID_SELF, give, take) };
    let bounced = xen.inner().bounced();
    assert_eq!(bounced[..2], [(size_of_val(&given), false), (size_of_val(&taken), true)]);
    assert_eq!(bounced.len(), 3);
}

#[test]
fn without_a_buffer_there_is_an_error_and_no_call() {
    let refused = |operation| Error::from_errno(operation, XEN_ENOMEM);
    let xen = backend(0);
    let error = event_channel_op::alloc_unbound(&xen, DOMID_SELF, domid_t(1)).unwrap_err();
    assert_eq!(error, refused("EVTCHNOP_alloc_unbound"));

    // There is memory for the list, and none for the structure.
    let xen = backend(1);
    let error = grant_table_op::setup_table(&xen, DOMID_SELF, &mut [xen_pfn_t(0)]).unwrap_err();
    assert_eq!(error, refused("GNTTABOP_setup_table"));
    assert_eq!((xen.made(), xen.inner().bounced().len()), (0, 1));

    let xen = backend(0);
    let mut requests = [grant_table_op::UnmapGrantRef::new(0, 0, Default::default())];
    // SAFETY: nothing is mapped.
    let batch = unsafe { grant_table_op::unmap_grant_ref(&xen, &mut requests) };
    assert_eq!(batch.result, Err(refused("GNTTABOP_unmap_grant_ref")));
    assert_eq!(batch.elements[0].status(), UNTOUCHED);
    assert_eq!(xen.made(), 0);
}

#[test]
fn references_and_trait_objects_forward_buffers() {
    let xen = backend(9);
    let object: &dyn Hypercall = &xen;
    console_io::write(object, b"1").unwrap();
    assert_eq!(xen.inner().bounced(), [(1, false)]);
    let xen = backend(9);
    console_io::write(&&xen, b"22").unwrap();
    assert_eq!(xen.inner().bounced(), [(2, false)]);
    assert_eq!(argument(&xen, 2), xen.inner().address(0));
}
