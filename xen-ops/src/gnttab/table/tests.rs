//! Limits that only a hypervisor with other limits than the simulator's shows.

use core::cell::Cell;
use core::ops::Range;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use xen_abi::grant_table::{GNTTABOP_query_size, gnttab_query_size};

use super::*;
use crate::gnttab::references::BitmapLine;
use crate::hypercall::Error;

/// A hypervisor that accepts everything, and says how many frames the table may have.
struct Limited(Cell<u32>);

// SAFETY: writes what the operation writes; nothing relies on its effect.
unsafe impl Hypercall for Limited {
    unsafe fn call(&self, _: u32, [operation, argument, ..]: [usize; 5]) -> isize {
        if operation == GNTTABOP_query_size as usize {
            let size = with_exposed_provenance_mut::<gnttab_query_size>(argument);
            // SAFETY: the argument of this operation.
            unsafe { (*size).max_nr_frames = self.0.get() };
            // SAFETY: as above.
            unsafe { (*size).status.0 = 0 };
        }
        0
    }
}

/// Frames of zeros, as many as the tests have references in.
#[repr(align(4096))]
struct Memory([AtomicU32; 4 * 1024]);

// SAFETY: the tests use no reference past the first four frames.
unsafe impl TableFrames for &Memory {
    fn capacity(&self) -> u32 {
        u32::MAX
    }

    fn shared(&self) -> NonNull<u8> {
        NonNull::from(&self.0).cast()
    }

    fn status(&self) -> Option<NonNull<u8>> {
        Some(self.shared())
    }

    fn attach<H: Hypercall>(&mut self, _: &H, _: Version, _: Range<u32>) -> Result<(), Error> {
        Ok(())
    }
}

fn memory() -> Memory {
    Memory([const { AtomicU32::new(0) }; 4 * 1024])
}

fn start<'s>(
    limit: u32,
    memory: &'s Memory,
    lines: &'s [BitmapLine],
    config: Config,
) -> GrantTable<'s, Limited, &'s Memory, ()> {
    // SAFETY: the memory is this table's.
    unsafe {
        let storage = TableStorage { lines, slots: &[] };
        GrantTable::start(Limited(Cell::new(limit)), memory, storage, config).expect("all is there")
    }
}

/// The last reference of the largest table is below 2^32.
#[test]
#[cfg_attr(miri, ignore = "so many frames take minutes")]
#[cfg_attr(any(miri, target_pointer_width = "32"), ignore = "storage for 2^32 references")]
fn references_have_32_bits() {
    for (version, frames) in
        [(VersionPolicy::V1, u32::MAX / 512), (VersionPolicy::V2, u32::MAX / 256)]
    {
        let memory = memory();
        // As long as nothing is written there, it is the system's one page of zeros.
        let zeros = alloc::vec![0_u8; ((1 << 24) + 3) * size_of::<BitmapLine>()];
        // SAFETY: a line is made of atomics, for which zero is a value: no reference is free.
        let (_, lines, _) = unsafe { zeros.align_to::<BitmapLine>() };
        let table = start(u32::MAX, &memory, lines, Config { version, ..Config::default() });
        assert_eq!(table.max_frames(), frames, "{version:?}");
        let max = frames as usize * table.version().entries_per_frame() as usize - 8;
        assert_eq!(table.waiter(max + 1).unwrap_err(), WaitError::TooManyRefs { max });
        assert!(table.waiter(max).is_ok());
    }
}

/// On the other host the table may have fewer frames than it has already. It keeps them, and grows no
/// further.
#[test]
#[cfg_attr(miri, ignore = "so many frames take minutes")]
fn a_lower_limit_after_a_suspend() {
    for (limit, after) in [(1, 2), (2, 2), (3, 3), (100, 4)] {
        let (memory, lines) = (memory(), [const { BitmapLine::new() }; 8]);
        let config = Config { initial_frames: 2, ..Config::default() };
        let table = start(100, &memory, &lines, config);
        assert_eq!((table.frames(), table.max_frames()), (2, 4));
        table.xen().0.set(limit);
        // SAFETY: the table is not used meanwhile.
        unsafe { table.resume() }.unwrap();
        assert_eq!((table.frames(), table.max_frames()), (2, after), "{limit}");
        let all: alloc::vec::Vec<_> = core::iter::from_fn(|| table.alloc().ok()).collect();
        assert_eq!(all.len(), after as usize * 512 - 8);
    }
}
