//! Streams of bytes with C at the other end, on two threads.

use std::ffi::c_void;
use std::thread;
use std::time::{Duration, Instant};

use xen_io::stream::{Layout, Stream, console, flex};
use xen_rings::Memory;

use super::peer;

type Write = unsafe extern "C" fn(*mut c_void, *const u8, u32) -> i32;
type Read = unsafe extern "C" fn(*mut c_void, *mut u8, u32) -> i32;

const BYTES: usize = 400_000;

fn byte(index: usize) -> u8 {
    (index * 7 % 251) as u8
}

/// Writes all bytes in pieces of changing length.
fn write_all(mut write: impl FnMut(&[u8]) -> usize) {
    let (mut done, mut length, start) = (0, 1, Instant::now());
    while done < BYTES {
        let piece: Vec<u8> = (done..BYTES.min(done + length)).map(byte).collect();
        let written = write(&piece);
        done += written;
        length = length % 4000 + 13;
        if written == 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "the other end has stopped");
            thread::yield_now();
        }
    }
}

/// Reads all bytes in pieces of changing length, and checks each.
fn read_all(mut read: impl FnMut(&mut [u8]) -> usize) {
    let (mut done, mut length, start) = (0, 1, Instant::now());
    while done < BYTES {
        let mut piece = vec![0; length];
        let found = read(&mut piece);
        assert!(piece[..found].iter().enumerate().all(|(at, found)| *found == byte(done + at)));
        done += found;
        length = length % 3000 + 17;
        if found == 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "the other end has stopped");
            thread::yield_now();
        }
    }
    assert_eq!(done, BYTES);
}

/// Our stream with this layout writes and reads at the same time, and so does the `side` in C.
fn both_directions(layout: Layout, name: &str, side: &str, memory: &Memory) {
    // SAFETY: these are their types.
    let (c_write, c_read) = unsafe {
        (
            peer().function::<Write>(&format!("{name}_{side}_write")),
            peer().function::<Read>(&format!("{name}_{side}_read")),
        )
    };
    let count = |result: i32| usize::try_from(result).expect("C finds the index impossible");
    let mut stream = Stream::attach(memory.views(), layout).unwrap();
    let (mut reader, mut writer) = stream.split();
    thread::scope(|scope| {
        scope.spawn(|| {
            write_all(|piece| {
                // SAFETY: the memory is the protocol's pages, and C is told the slice's length.
                count(unsafe { c_write(memory.address(), piece.as_ptr(), piece.len() as u32) })
            });
        });
        scope.spawn(|| {
            read_all(|piece| {
                // SAFETY: as above.
                count(unsafe { c_read(memory.address(), piece.as_mut_ptr(), piece.len() as u32) })
            });
        });
        scope.spawn(move || write_all(|piece| writer.write(piece).unwrap().bytes));
        read_all(|piece| reader.read(piece).unwrap().bytes);
    });
}

#[test]
fn console_output_and_input_reach_c_and_come_from_it() {
    both_directions(console::FRONT, "console", "back", &Memory::new(1));
    both_directions(console::BACK, "console", "front", &Memory::new(1));
}

#[test]
fn bytes_of_9pfs_reach_c_and_come_from_it() {
    for order in [0, 1, 4] {
        let layout = flex::layout(flex::P9FS, order).unwrap();
        for (layout, side) in [(layout, "back"), (layout.reversed(), "front")] {
            let memory = Memory::new(1 + (1 << order));
            let page = memory.views()[0];
            let grants = vec![xen_io::xen_abi::grant_table::grant_ref_t(0); 1 << order];
            flex::Interface::write(page, &grants).unwrap();
            both_directions(layout, "flex", side, &memory);
        }
    }
}
