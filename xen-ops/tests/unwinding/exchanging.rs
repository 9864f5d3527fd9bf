//! Exchanging: entries of the table, and a mapping for a page.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use xen_ops::gnttab::replace::replace;
use xen_ops::hypercall::Hypercall;
use xen_ops::xen_abi::grant_table::GNTTABOP_unmap_and_replace;
use xen_ops::xen_abi::xen::xen_pfn_t;
use xen_ops::{Mapping, ReadWrite, page};
use xen_sim::GuestKind::{Pv, Pvh};

use super::support::{Backend, Machine, at_every_call, during, foreign_code};

/// A page is not returned while a reference grants it: Xen may have exchanged the two.
#[test]
fn swapping_two_grants() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let [a, b] = machine.granted::<2>(&table);
        let (a, b) = (a.unwrap(), b.unwrap());
        let remotes = [machine.remote(&a), machine.remote(&b)];
        let swapped = during(|| table.swap(a, b).unwrap());
        if swapped.is_none() {
            // They stay granted.
            for remote in remotes {
                let target = machine.bob.target();
                drop(Mapping::new(&machine.bob, remote, target, ReadWrite).unwrap());
            }
        }
        machine.check();
    });
}

/// Notes whether Xen has replaced a mapping.
struct Replacing {
    backend: Backend,
    replaced: Rc<Cell<bool>>,
}

// SAFETY: hands everything on.
unsafe impl Hypercall for Replacing {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        if arguments[0] == GNTTABOP_unmap_and_replace as usize {
            self.replaced.set(true);
        }
        // SAFETY: the caller's promise.
        unsafe { self.backend.call(number, arguments) }
    }
}

/// A page of a PV guest's at a virtual address of its own. Its memory may not be returned once Xen may
/// have moved it.
struct Movable {
    address: NonNull<u8>,
    replaced: Rc<Cell<bool>>,
}

// SAFETY: its memory is not accessed here.
unsafe impl page::Page for Movable {
    fn frame(&self) -> xen_pfn_t {
        foreign_code();
        xen_pfn_t(1)
    }

    fn address(&self) -> NonNull<u8> {
        foreign_code();
        self.address
    }
}

impl Drop for Movable {
    fn drop(&mut self) {
        assert!(!self.replaced.get(), "the page's memory has moved");
        foreign_code();
    }
}

#[test]
fn replacing_a_mapping() {
    at_every_call(|| {
        let machine = Machine::new(Pv);
        let table = machine.table();
        let [granted] = machine.granted::<1>(&table);
        let remote = machine.remote(granted.as_ref().unwrap());
        let replaced = Rc::new(Cell::new(false));
        let backend = Replacing { backend: machine.backend(), replaced: replaced.clone() };
        let target = machine.bob.target();
        let mapping = Mapping::new(backend, remote, target, ReadWrite).unwrap();
        let virt = page::MapTarget::host_addr(&machine.bob.target()) as usize;
        let address = NonNull::new(std::ptr::without_provenance_mut(virt)).unwrap();
        let page = Movable { address, replaced: replaced.clone() };
        during(|| replace(mapping, page).unwrap());
        machine.check();
    });
}
