//! Accesses to a shared page through a view, each beside the same over an atomic and a fence.
//!
//! A twin accesses the next word or byte: if it were the same, the compiler could make one of the two
//! jump to the other.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU8, AtomicU32, fence};

use xen_ops::view::{Field, Place};
use xen_ops::{ReadOnly, ReadWrite, View};

use crate::rows::rows;

const WORD: Field<u32> = Field::at::<64>();
const BYTE: Field<u8> = Field::at::<80>();

unsafe fn readable<T>(page: *mut u8, field: Field<T>) -> Place<'static, T, ReadOnly> {
    unsafe { View::new(NonNull::new_unchecked(page)).at(field) }
}

unsafe fn place<T>(page: *mut u8, field: Field<T>) -> Place<'static, T, ReadWrite> {
    unsafe { View::new(NonNull::new_unchecked(page)).at(field) }
}

unsafe fn word(page: *mut u8) -> &'static AtomicU32 {
    unsafe { &*page.add(68).cast() }
}

unsafe fn byte(page: *mut u8) -> &'static AtomicU8 {
    unsafe { &*page.add(81).cast() }
}

/// What an access with `order` needs beside a relaxed one.
fn fenced<T>(value: T, order: core::sync::atomic::Ordering) -> T {
    fence(order);
    value
}

rows! {
    load_relaxed(page: *mut u8) -> u32 {
        ours: readable(page, WORD).load(Relaxed),
        by_hand: word(page).load(Relaxed),
    }
    load_acquire(page: *mut u8) -> u32 {
        ours: readable(page, WORD).load(Acquire),
        by_hand: fenced(word(page).load(Relaxed), Acquire),
    }
    load_acquire_byte(page: *mut u8) -> u8 {
        ours: readable(page, BYTE).load(Acquire),
        by_hand: fenced(byte(page).load(Relaxed), Acquire),
    }
    store_relaxed(page: *mut u8, value: u32) -> () {
        ours: place(page, WORD).store(value, Relaxed),
        by_hand: word(page).store(value, Relaxed),
    }
    store_release(page: *mut u8, value: u32) -> () {
        ours: place(page, WORD).store(value, Release),
        by_hand: {
            fence(Release);
            word(page).store(value, Relaxed);
        },
    }
    store_release_byte(page: *mut u8, value: u8) -> () {
        ours: place(page, BYTE).store(value, Release),
        by_hand: {
            fence(Release);
            byte(page).store(value, Relaxed);
        },
    }
    store_seq_cst(page: *mut u8, value: u32) -> () {
        ours: place(page, WORD).store(value, SeqCst),
        by_hand: {
            if cfg!(any(target_arch = "x86", target_arch = "x86_64")) {
                word(page).swap(value, SeqCst);
            } else {
                fence(SeqCst);
                word(page).store(value, Relaxed);
                fence(SeqCst);
            }
        },
    }
    swap(page: *mut u8, value: u32) -> u32 {
        ours: place(page, WORD).swap(value, AcqRel),
        by_hand: word(page).swap(value, AcqRel),
    }
    swap_byte(page: *mut u8, value: u8) -> u8 {
        ours: place(page, BYTE).swap(value, Acquire),
        by_hand: byte(page).swap(value, Acquire),
    }
    fetch_and(page: *mut u8, mask: u32) -> u32 {
        ours: place(page, WORD).fetch_and(mask, AcqRel),
        by_hand: word(page).fetch_and(mask, AcqRel),
    }
    fetch_or(page: *mut u8, mask: u32) -> u32 {
        ours: place(page, WORD).fetch_or(mask, AcqRel),
        by_hand: word(page).fetch_or(mask, AcqRel),
    }
    fetch_add(page: *mut u8, value: u32) -> u32 {
        ours: place(page, WORD).fetch_add(value, SeqCst),
        by_hand: word(page).fetch_add(value, SeqCst),
    }
    compare_exchange(page: *mut u8, current: u32, new: u32) -> bool {
        ours: place(page, WORD).compare_exchange(current, new, AcqRel, Relaxed).is_ok(),
        by_hand: word(page).compare_exchange(current, new, AcqRel, Relaxed).is_ok(),
    }
    read(page: *mut u8) -> u32 {
        ours: readable(page, WORD).read(),
        by_hand: word(page).load(Relaxed),
    }
    write(page: *mut u8, value: u32) -> () {
        ours: place(page, WORD).write(&value),
        by_hand: word(page).store(value, Relaxed),
    }
}
