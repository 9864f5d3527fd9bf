//! An eventfd that is made readable or not.

use std::fs::File;
use std::io::{Read, Write};

use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Makes the eventfd readable, or not. It does not block.
pub(crate) fn set(mut file: &File, readable: bool) -> Result<(), Errno> {
    let mut polled = [PollFd::new(file, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).map_err(|_| Errno::EIO)?;
    let is = polled[0].revents().contains(PollFlags::IN);
    let mut count = [0; 8];
    match (is, readable) {
        (true, false) => file.read_exact(&mut count).map_err(|_| Errno::EIO),
        (false, true) => file.write_all(&1_u64.to_ne_bytes()).map_err(|_| Errno::EIO),
        _ => Ok(()),
    }
}
