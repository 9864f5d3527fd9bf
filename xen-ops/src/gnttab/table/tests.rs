//! What only a hypervisor with other limits and answers than the simulator's shows.

use core::cell::{Cell, RefCell};
use core::error::Error as _;
use core::ops::Range;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use xen_abi::grant_table::{GNTTABOP_query_size, gnttab_query_size, gnttab_set_version};
use xen_abi::xen::xen_pfn_t;

use super::hint::SharedHint;
use super::version::negotiate;
use super::*;
use crate::gnttab::granting::{AllocError, GrantError};
use crate::gnttab::references::{AllocHint, BitmapLine};
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

/// A hypervisor that answers with `result` when it is asked for a version above `max`.
struct Versions {
    max: u32,
    result: isize,
    asked: RefCell<alloc::vec::Vec<u32>>,
}

// SAFETY: writes what the operation writes; nothing relies on its effect.
unsafe impl Hypercall for Versions {
    unsafe fn call(&self, _: u32, [_, argument, ..]: [usize; 5]) -> isize {
        // SAFETY: the argument of `GNTTABOP_set_version`, which is all that is asked for.
        let asked = unsafe { &mut *with_exposed_provenance_mut::<gnttab_set_version>(argument) };
        self.asked.borrow_mut().push(asked.version);
        if asked.version <= self.max {
            return 0;
        }
        asked.version = self.max;
        self.result
    }
}

#[test]
fn a_version_is_agreed_on() {
    use VersionPolicy as Policy;
    const ENOSYS: isize = -38;
    const EBUSY: isize = -16;
    let asked_for = |max, result, policy, has_status| {
        let xen = Versions { max, result, asked: RefCell::default() };
        (negotiate(&xen, policy, has_status), xen.asked.into_inner())
    };
    for (max, result, policy, has_status, asked) in [
        (2, 0, Policy::V1, true, &[1][..]),
        (2, 0, Policy::V2, true, &[2]),
        (2, 0, Policy::PreferV2, true, &[2]),
        (2, 0, Policy::PreferV2, false, &[1]),
        (1, ENOSYS, Policy::PreferV2, true, &[2, 1]),
        (0, ENOSYS, Policy::PreferV2, true, &[2, 1]),
    ] {
        let (version, calls) = asked_for(max, result, policy, has_status);
        assert_eq!(version.unwrap().number(), *asked.last().unwrap());
        assert_eq!(calls, asked);
    }
    assert_eq!(asked_for(2, 0, Policy::V2, false), (Err(StartError::NoStatusFrames), [].into()));
    for (max, policy, version) in [
        (1, Policy::PreferV2, Version::V2),
        (1, Policy::V2, Version::V2),
        (0, Policy::V1, Version::V1),
    ] {
        let (error, calls) = asked_for(max, EBUSY, policy, true);
        let error = error.unwrap_err();
        assert!(matches!(error, StartError::Version(of, _) if of == version), "{error}");
        assert_eq!(calls, [version.number()]);
        // A version that is not the one that was asked for.
        let (error, _) = asked_for(max, 0, policy, true);
        assert_eq!(error, Err(StartError::OtherVersion { in_effect: max }));
    }
}

#[test]
fn the_shared_hint_is_where_the_last_search_ended() {
    let hint = SharedHint::new();
    for word in [3, 3, 5] {
        hint.with(|hint| *hint = AllocHint::at_word(word));
        assert_eq!(hint.with(|hint| hint.word()), word);
    }
}

#[test]
fn errors_have_the_hypercalls_error_as_source() {
    let error = Error::from_result("GNTTABOP_set_version", -16);
    for start in [
        StartError::Version(Version::V2, error),
        StartError::Size(error),
        StartError::Attach(error),
    ] {
        assert!(start.source().is_some_and(|source| source.is::<Error>()), "{start}");
    }
    assert!(StartError::NoStatusFrames.source().is_none());
    let grow = AllocError::Grow(error);
    assert!(grow.source().is_some_and(|source| source.is::<Error>()));
    assert!(AllocError::Exhausted { frames: 1 }.source().is_none());
    assert!(GrantError::Alloc(grow).source().is_some_and(|source| source.is::<AllocError>()));
    assert!(GrantError::OtherDomain.source().is_none());
}

#[test]
fn a_translated_table_is_where_the_guest_says() {
    let range = |address: usize| FrameRange {
        address: NonNull::new(core::ptr::without_provenance_mut(address)).expect("not null"),
        frame: xen_pfn_t(9),
    };
    // SAFETY: nothing is placed there.
    let without = unsafe { Translated::new(range(0x1000), 5) };
    assert_eq!(
        (without.capacity(), without.shared(), without.status()),
        (5, range(0x1000).address, None)
    );
    // SAFETY: as above.
    let with = unsafe { without.with_status(range(0x8000)) };
    assert_eq!((with.capacity(), with.status()), (5, Some(range(0x8000).address)));
}

#[cfg(feature = "alloc")]
#[test]
fn leaked_storage_is_enough_for_version_2() {
    let storage = TableStorage::<()>::leak(3, 5);
    assert_eq!((storage.lines.len(), storage.slots.len()), (6, 5));
}
