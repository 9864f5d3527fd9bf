//! The few hypercalls that are implemented, as in Xen 4.20.

use nix::errno::Errno;

use super::super::peers;
use super::super::thread::{Struct, Thread};

const MEMORY_OP: u64 = 12;
const MULTICALL: u64 = 13;
const XEN_VERSION: u64 = 17;
const GRANT_TABLE_OP: u64 = 20;
const SCHED_OP: u64 = 29;

const XENMEM_CURRENT_RESERVATION: u64 = 3;
const XENMEM_MAXIMUM_RESERVATION: u64 = 4;
const XENVER_VERSION: u64 = 0;
const XENVER_EXTRAVERSION: u64 = 1;
const XENVER_BUILD_ID: u64 = 10;
const GNTTABOP_QUERY_SIZE: u64 = 6;
const SCHEDOP_WATCHDOG: u64 = 6;

/// Pages that every domain has.
const RESERVATION: i64 = 0x8000;
const GNTST_OKAY: i16 = 0;

/// A hypercall of domain 0.
pub(super) fn call(thread: Thread, number: u64, arguments: [u64; 5]) -> Result<i64, Errno> {
    let [command, pointer, count, ..] = arguments;
    let at = |address| Struct { thread, address };
    match (number, command) {
        (XEN_VERSION, XENVER_VERSION) => Ok(4 << 16 | 20),
        (XEN_VERSION, XENVER_EXTRAVERSION) => {
            let mut text = [0; 16];
            text[..2].copy_from_slice(b".0");
            at(pointer).put(0, text).map(|()| 0)
        }
        (XEN_VERSION, XENVER_BUILD_ID) => build_id(at(pointer)),
        // No timer is left: ENOSPC, which Xen makes a 32-bit number of without a sign.
        (SCHED_OP, SCHEDOP_WATCHDOG) => Ok(i64::from(u32::MAX) + 1 - 28),
        (MULTICALL, list) => multicall(at(list), pointer),
        (GRANT_TABLE_OP, GNTTABOP_QUERY_SIZE) if count == 1 => query_size(at(pointer)),
        (GRANT_TABLE_OP, GNTTABOP_QUERY_SIZE) => Err(Errno::EINVAL),
        (MEMORY_OP, XENMEM_CURRENT_RESERVATION | XENMEM_MAXIMUM_RESERVATION) => {
            let domid = u32::from(at(pointer).u16(0)?);
            const SELF: u32 = 0x7ff0;
            if domid == SELF || peers::exists(domid) { Ok(RESERVATION) } else { Err(Errno::ESRCH) }
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// A number of bytes, and the bytes.
fn build_id(argument: Struct) -> Result<i64, Errno> {
    const ID: [u8; 20] = [0xab; 20];
    const LENGTH: i64 = ID.len() as i64;
    if argument.address == 0 {
        return Ok(LENGTH);
    }
    if i64::from(argument.u32(0)?) < LENGTH {
        return Err(Errno::ENOBUFS);
    }
    argument.put(4, ID).map(|()| LENGTH)
}

/// A list of hypercalls: number, result and six arguments each.
fn multicall(list: Struct, count: u64) -> Result<i64, Errno> {
    for at in 0..count {
        let entry = Struct { address: list.address + 64 * at, ..list };
        let mut arguments = [0; 5];
        for (at, value) in (0..).zip(&mut arguments) {
            *value = entry.u64(16 + 8 * at)?;
        }
        let result = match entry.u64(0)? {
            MULTICALL => Err(Errno::EINVAL),
            number => call(entry.thread, number, arguments),
        };
        let result = result.unwrap_or_else(|errno| -i64::from(errno as i32));
        entry.put(8, result.to_ne_bytes())?;
    }
    Ok(0)
}

fn query_size(argument: Struct) -> Result<i64, Errno> {
    const SELF: u16 = 0x7ff0;
    let domid = argument.u16(0)?;
    let known = domid == SELF || peers::exists(domid.into());
    let (frames, max, status) =
        if known { (1, 64, GNTST_OKAY) } else { (0, 0, peers::status::BAD_DOMAIN) };
    argument.put(4, u32::to_ne_bytes(frames))?;
    argument.put(8, u32::to_ne_bytes(max))?;
    argument.put(12, status.to_ne_bytes())?;
    Ok(0)
}
