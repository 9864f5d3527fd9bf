//! Structures in the memory of a guest, by the crate vm-memory.
#![cfg(all(feature = "vm-memory", target_pointer_width = "64"))]

use vm_memory::{ByteValued, Bytes as _, VolatileSlice};
use xen_abi::grant_table::{GNTST_eagain, gnttab_copy, gnttab_copy_ptr_u, grant_entry_v1};
use xen_abi::xen::{domid_t, shared_info};
use xen_abi::{GuestHandle, as_bytes};

#[test]
fn a_structure_is_written_and_read_at_any_offset() {
    let mut memory = [0; 128];
    let guest = VolatileSlice::from(&mut memory[..]);
    let copy = gnttab_copy { len: 77, status: GNTST_eagain, ..gnttab_copy::ZERO };
    guest.write_obj(copy, 3).unwrap();
    assert_eq!(as_bytes(&guest.read_obj::<gnttab_copy>(3).unwrap()), as_bytes(&copy));
    assert!(guest.write_obj(copy, 100).is_err(), "it ends past the memory");
    assert_eq!(memory[3..3 + size_of::<gnttab_copy>()], *as_bytes(&copy));
}

/// One of each kind: structures, unions, newtypes, handles.
#[test]
fn every_kind_of_type_has_the_trait() {
    fn has<T: ByteValued>() -> usize {
        size_of::<T>()
    }
    assert_eq!((has::<grant_entry_v1>(), has::<gnttab_copy_ptr_u>(), has::<domid_t>()), (8, 8, 2));
    assert_eq!((has::<GuestHandle<u8>>(), has::<shared_info>()), (8, size_of::<shared_info>()));
}
