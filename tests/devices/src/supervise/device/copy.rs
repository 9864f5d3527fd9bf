//! gntdev's grant copy.

use nix::errno::Errno;

use super::super::peers::{Grants, PAGE};
use super::super::thread::Struct;

const SOURCE_GREF: u16 = 1;
const DEST_GREF: u16 = 2;
/// Bytes of a segment.
const SEGMENT: u64 = 24;

/// One side of a segment.
enum End {
    Local(Struct),
    Granted { grant: (u32, u32), offset: u64 },
}

impl End {
    fn asked(segment: Struct, at: u64, granted: bool, len: u64) -> Result<Self, Errno> {
        if !granted {
            return Ok(Self::Local(Struct { address: segment.u64(at)?, ..segment }));
        }
        let offset = u64::from(segment.u16(at + 4)?);
        if offset + len > PAGE {
            return Err(Errno::EINVAL);
        }
        let grant = (segment.u16(at + 6)?.into(), segment.u32(at)?);
        Ok(Self::Granted { grant, offset })
    }
}

/// Performs a batch. An error number is about the request, the status of a segment about its grants. Linux
/// checks and performs segment by segment.
pub(super) fn copy(grants: &mut Grants, argument: Struct) -> Result<(), Errno> {
    for index in 0..argument.u32(0)? {
        let segment = argument.element(8, index, SEGMENT)?;
        let (len, flags) = (u64::from(segment.u16(16)?), segment.u16(18)?);
        if flags & (SOURCE_GREF | DEST_GREF) == 0 {
            return Err(Errno::EINVAL);
        }
        let source = End::asked(segment, 0, flags & SOURCE_GREF != 0, len)?;
        let dest = End::asked(segment, 8, flags & DEST_GREF != 0, len)?;
        let status = match one(grants, &source, &dest, len)? {
            Ok(()) => 0,
            Err(status) => status,
        };
        segment.put(20, status.to_ne_bytes())?;
    }
    Ok(())
}

/// Performs a segment: an error number if local memory is not the program's, a status if a grant cannot be
/// used.
fn one(grants: &mut Grants, source: &End, dest: &End, len: u64) -> Result<Result<(), i16>, Errno> {
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| Errno::EINVAL)?];
    match source {
        End::Local(memory) => memory.thread.read(memory.address, &mut bytes)?,
        End::Granted { grant, offset } => match grants.find(*grant, false) {
            Ok(page) => page.read(*offset, &mut bytes).map_err(|_| Errno::EIO)?,
            Err(status) => return Ok(Err(status)),
        },
    }
    match dest {
        End::Local(memory) => memory.put(0, bytes)?,
        End::Granted { grant, offset } => match grants.find(*grant, true) {
            Ok(page) => page.write(*offset, &bytes).map_err(|_| Errno::EIO)?,
            Err(status) => return Ok(Err(status)),
        },
    }
    Ok(Ok(()))
}
