//! Operations of device models, as in Xen 4.20.

use std::collections::{BTreeMap, BTreeSet};

use nix::errno::Errno;

use super::super::peers;
use super::super::thread::Struct;

const CREATE: u32 = 1;
const GET_INFO: u32 = 2;
const MAP_RANGE: u32 = 3;
const UNMAP_RANGE: u32 = 4;
const SET_STATE: u32 = 5;
const DESTROY: u32 = 6;
const NR_VCPUS: u32 = 20;

/// Virtual processors of every domain.
const VCPUS: u32 = 2;
/// The last server that a domain can have. The first, 0, is of another device model.
const LAST: u16 = 7;
/// The port of every ring of buffered requests.
const RING_PORT: u32 = 17;
/// Kinds of ranges: I/O ports, memory and PCI devices.
const KINDS: u32 = 3;

/// A range of accesses: its kind, its start and its end, which is inside.
type IoRange = (u32, u64, u64);

#[derive(Debug)]
struct Server {
    is_buffered: bool,
    ranges: BTreeSet<IoRange>,
}

/// The I/O request servers of all domains, by domain and number. They get no requests.
#[derive(Debug, Default)]
pub(crate) struct Servers(BTreeMap<(u16, u16), Server>);

impl Servers {
    /// An operation on `domid`. The first buffer has it.
    pub(super) fn perform(&mut self, domid: u16, buffer: Struct) -> Result<i64, Errno> {
        if !peers::exists(domid.into()) {
            return Err(Errno::ESRCH);
        }
        let operation = Struct { address: buffer.u64(0)?, ..buffer };
        let id = || operation.u16(8);
        match operation.u32(0)? {
            CREATE => self.create(domid, operation)?,
            GET_INFO => {
                let port = if self.find(domid, id()?)?.is_buffered { RING_PORT } else { 0 };
                operation.put(12, port.to_ne_bytes())?;
            }
            MAP_RANGE => {
                let range = io_range(operation)?;
                self.find(domid, id()?)?.map(range)?;
            }
            UNMAP_RANGE => {
                let range = io_range(operation)?;
                let is_there = self.find(domid, id()?)?.ranges.remove(&range);
                is_there.then_some(()).ok_or(Errno::ENOENT)?;
            }
            SET_STATE => {
                self.find(domid, id()?)?;
            }
            DESTROY => {
                self.0.remove(&(domid, id()?)).ok_or(Errno::ENOENT)?;
            }
            NR_VCPUS => operation.put(8, VCPUS.to_ne_bytes())?,
            _ => return Err(Errno::EOPNOTSUPP),
        }
        Ok(0)
    }

    /// The number follows one byte and its padding.
    fn create(&mut self, domid: u16, operation: Struct) -> Result<(), Errno> {
        let is_buffered = operation.u16(8)?.to_ne_bytes()[0] != 0;
        let mut numbers = 1..=LAST;
        let id = numbers.find(|id| !self.0.contains_key(&(domid, *id))).ok_or(Errno::ENOSPC)?;
        self.0.insert((domid, id), Server { is_buffered, ranges: BTreeSet::new() });
        operation.put(12, id.to_ne_bytes())
    }

    fn find(&mut self, domid: u16, id: u16) -> Result<&mut Server, Errno> {
        self.0.get_mut(&(domid, id)).ok_or(Errno::ENOENT)
    }
}

impl Server {
    fn map(&mut self, range: IoRange) -> Result<(), Errno> {
        let (kind, start, end) = range;
        let meets = |other: &IoRange| other.0 == kind && other.1 <= end && start <= other.2;
        if self.ranges.iter().any(meets) {
            return Err(Errno::EEXIST);
        }
        self.ranges.insert(range);
        Ok(())
    }
}

fn io_range(operation: Struct) -> Result<IoRange, Errno> {
    let range = (operation.u32(12)?, operation.u64(16)?, operation.u64(24)?);
    let (kind, start, end) = range;
    if kind < KINDS && start <= end { Ok(range) } else { Err(Errno::EINVAL) }
}
