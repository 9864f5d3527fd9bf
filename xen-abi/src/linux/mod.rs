//! Linux's device interface.

pub mod evtchn;
pub mod gntalloc;
pub mod gntdev;
pub mod privcmd;

const fn ioc(letter: u8, number: u32, size: usize) -> u32 {
    (size as u32) << 16 | (letter as u32) << 8 | number
}
