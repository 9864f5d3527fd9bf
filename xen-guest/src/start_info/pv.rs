//! The start information of a PV guest.

use core::marker::PhantomData;
use core::ptr::NonNull;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::from_bytes;
use xen_abi::xen::{SIF_INITDOMAIN, SIF_MOD_START_PFN, StartInfoFlags, start_info, xen_pfn_t};

use super::{Memory, StartInfoError};

/// What the text at the beginning of the structure begins with.
const MAGIC: &[u8] = b"xen-3.0-x86_";

/// What the start information of a PV guest says, checked.
///
/// Upstream: `xen/include/public/xen.h`, `struct start_info`.
#[derive(Clone, Copy, Debug)]
pub struct PvStartInfo<'m> {
    address: u64,
    info: start_info,
    command_line: &'m str,
    frames: FrameList<'m>,
}

/// The machine frame of each page of a PV guest. A toolstack changes them while the guest is suspended.
#[derive(Clone, Copy, Debug)]
pub struct FrameList<'m> {
    first: NonNull<u8>,
    count: usize,
    memory: PhantomData<&'m [u8]>,
}

#[allow(unsafe_code, reason = "memory that changes while the guest is suspended")]
// SAFETY: it is read, and changes only while no vCPU runs.
unsafe impl Send for FrameList<'_> {}
#[allow(unsafe_code, reason = "memory that changes while the guest is suspended")]
// SAFETY: as above.
unsafe impl Sync for FrameList<'_> {}

#[allow(unsafe_code, reason = "memory that changes while the guest is suspended")]
impl<'m> FrameList<'m> {
    fn new(bytes: &'m [u8]) -> Self {
        let count = bytes.len() / size_of::<xen_pfn_t>();
        Self { first: NonNull::from(bytes).cast(), count, memory: PhantomData }
    }

    /// The list of `count` frames, of which the first is at `first`.
    ///
    /// # Safety
    ///
    /// They can be read for as long as the list says.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const unsafe fn from_raw(first: NonNull<u8>, count: usize) -> Self {
        Self { first, count, memory: PhantomData }
    }

    /// Where the list is.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn first(&self) -> NonNull<u8> {
        self.first
    }

    /// How many pages the domain has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether the domain has no page at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The machine frame of the page `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<xen_pfn_t> {
        if index >= self.count {
            return None;
        }
        let entry = self.first.as_ptr().cast::<xen_pfn_t>().wrapping_add(index);
        // SAFETY: it is in the list. It is read each time: what was read once may have changed.
        Some(unsafe {
            if entry.is_aligned() { entry.read_volatile() } else { entry.read_unaligned() }
        })
    }

    /// The index of the page with this machine frame.
    #[must_use]
    pub fn position(&self, frame: xen_pfn_t) -> Option<usize> {
        (0..self.count).find(|index| self.get(*index) == Some(frame))
    }
}

/// The ring of console or xenstore, of a domain that a toolstack started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartRing {
    /// The ring's machine frame.
    pub frame: xen_pfn_t,
    /// The port that notifies the other end.
    pub port: evtchn_port_t,
}

impl<'m> PvStartInfo<'m> {
    /// Reads and checks the structure at a virtual address, its command line and its list of frames.
    ///
    /// # Errors
    ///
    /// [`StartInfoError`], but no [`Overlap`](StartInfoError::Overlap).
    pub fn read(memory: impl Memory<'m>, address: u64) -> Result<Self, StartInfoError> {
        let length = size_of::<start_info>() as u64;
        let unreadable =
            |what, address, length| StartInfoError::Unreadable { what, address, length };
        let bytes = memory.bytes(address, length);
        let bytes = bytes.ok_or(unreadable("start_info", address, length))?;
        let info: start_info =
            from_bytes(bytes).ok_or(unreadable("start_info", address, length))?;
        if !info.magic.starts_with(MAGIC) {
            let found = u32::from_le_bytes([0, 1, 2, 3].map(|at: usize| info.magic[at]));
            return Err(StartInfoError::BadMagic { found });
        }
        let what = "the command line";
        let offset = core::mem::offset_of!(start_info, cmd_line);
        let line = &bytes[offset..][..size_of_val(&info.cmd_line)];
        let terminator = line.iter().position(|byte| *byte == 0);
        let at = address.saturating_add(offset as u64);
        let missing = StartInfoError::NotTerminated { what, address: at };
        let line = &line[..terminator.ok_or(missing)?];
        let command_line = core::str::from_utf8(line);
        let command_line =
            command_line.map_err(|_| StartInfoError::NotText { what, address: at })?;
        #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
        let (list, count) = (info.mfn_list as u64, info.nr_pages as u64);
        let what = "the list of frames";
        let wraps = StartInfoError::Wraps { what, address: list, length: count };
        let length = count.checked_mul(size_of::<xen_pfn_t>() as u64).ok_or(wraps)?;
        let bytes = memory.bytes(list, length).ok_or(unreadable(what, list, length))?;
        #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
        let (start, size) = (info.mod_start as u64, info.mod_len as u64);
        start.checked_add(size).ok_or(StartInfoError::Wraps {
            what: "the module",
            address: start,
            length: size,
        })?;
        Ok(Self { address, info, command_line, frames: FrameList::new(bytes) })
    }

    /// The virtual address of the structure.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// The structure itself.
    #[must_use]
    pub const fn as_c(&self) -> &start_info {
        &self.info
    }

    /// The command line; empty if there is none.
    #[must_use]
    pub const fn command_line(&self) -> &'m str {
        self.command_line
    }

    /// `SIF_*`.
    #[must_use]
    pub const fn flags(&self) -> StartInfoFlags {
        self.info.flags
    }

    /// The machine frame of each page.
    #[must_use]
    pub const fn frames(&self) -> FrameList<'m> {
        self.frames
    }

    /// The machine address of the shared information page, in bytes.
    #[must_use]
    #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
    pub const fn shared_info(&self) -> u64 {
        self.info.shared_info as u64
    }

    /// The boot module's virtual address and its length in bytes, if there is one that is mapped.
    #[must_use]
    #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
    pub fn module(&self) -> Option<(u64, u64)> {
        let mapped = self.info.mod_start != 0 && !self.info.flags.contains(SIF_MOD_START_PFN);
        mapped.then_some((self.info.mod_start as u64, self.info.mod_len as u64))
    }

    /// The console ring; the initial domain has none.
    #[must_use]
    pub fn console_ring(&self) -> Option<StartRing> {
        let ring = self.info.console.domU();
        let has_ring = !self.info.flags.contains(SIF_INITDOMAIN) && ring.mfn.0 != 0;
        has_ring.then_some(StartRing { frame: ring.mfn, port: evtchn_port_t(ring.evtchn) })
    }

    /// The ring of xenstore; a domain without xenstore has none.
    #[must_use]
    pub fn store_ring(&self) -> Option<StartRing> {
        let (frame, port) = (self.info.store_mfn, evtchn_port_t(self.info.store_evtchn));
        (frame.0 != 0).then_some(StartRing { frame, port })
    }
}
