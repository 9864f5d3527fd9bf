//! The machine's memory: frames of 4096 bytes, each with an owner and a count of references.

#![allow(unsafe_code, reason = "allocates the memory that domains share")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use xen_abi::xen::domid_t;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::{ReadWrite, View};

/// Number of a machine frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mfn(pub(crate) u64);

/// What Xen knows of a frame.
#[derive(Debug)]
pub(crate) struct Frame {
    base: NonNull<u8>,
    /// Its owner; `None` while it is free.
    pub(crate) owner: Option<domid_t>,
    /// Number of references: one for its allocation, one for each other mapping.
    pub(crate) references: u32,
    /// Whether the owner still has it allocated. A frame that is freed while others map it keeps
    /// its owner until the last mapping is gone.
    pub(crate) allocated: bool,
    /// Whether it is Xen's own memory, such as a grant table, assigned to its owner.
    pub(crate) special: bool,
    /// The guest frame number that its owner has it at, as in the M2P table.
    pub(crate) gfn: Option<u64>,
}

/// All frames of the machine. Their memory is not moved or released before the machine is dropped,
/// so that an address which a guest keeps stays valid.
pub(crate) struct Frames {
    first: u64,
    limit: usize,
    /// Number of frames for domains, free or not.
    ordinary: usize,
    frames: Vec<Frame>,
    free: Vec<Mfn>,
    chunks: Vec<Chunk>,
    hole: Chunk,
}

/// Contiguous memory.
struct Chunk {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a chunk is memory and nothing else; it is only ever accessed atomically.
unsafe impl Send for Chunk {}
// SAFETY: as above: the pointer goes to a chunk.
unsafe impl Send for Frame {}

/// Frames that are allocated from the system at a time.
const CHUNK: usize = if cfg!(miri) { 4 } else { 64 };

impl Frames {
    /// Memory of at most `limit` frames for domains, numbered from `first` on.
    pub(crate) fn new(first: u64, limit: usize) -> Self {
        let hole = Chunk::new(1);
        Self {
            first,
            limit,
            ordinary: 0,
            frames: Vec::new(),
            free: Vec::new(),
            chunks: Vec::new(),
            hole,
        }
    }

    /// 2 to the power of `order` cleared, contiguous frames for `owner`, aligned to their number,
    /// or `None` if there is no memory left.
    pub(crate) fn allocate(&mut self, owner: domid_t, order: u32) -> Option<Mfn> {
        let count = 1_usize.checked_shl(order)?;
        let mfn = match self.free.pop() {
            Some(mfn) if count == 1 => mfn,
            popped => {
                self.free.extend(popped);
                self.extend(count)?
            }
        };
        for at in 0..count as u64 {
            self.start(Mfn(mfn.0 + at), owner);
        }
        Some(mfn)
    }

    /// Allocates memory from the system: `count` contiguous frames, and some that stay free.
    fn extend(&mut self, count: usize) -> Option<Mfn> {
        let left = self.limit.saturating_sub(self.ordinary);
        let end = self.end();
        let before = (end.next_multiple_of(count as u64) - end) as usize;
        if count > left {
            return None;
        }
        // Do without alignment where it would waste too much.
        let before = if before + count > left { 0 } else { before };
        let after = (CHUNK.saturating_sub(before + count)).min(left - before - count);
        let first = self.add(before + count + after, false);
        self.ordinary += before + count + after;
        let wanted = Mfn(first.0 + before as u64);
        let next = wanted.0 + count as u64;
        self.free.extend((next..next + after as u64).rev().map(Mfn));
        self.free.extend((first.0..wanted.0).rev().map(Mfn));
        Some(wanted)
    }

    fn start(&mut self, mfn: Mfn, owner: domid_t) {
        if let Some(frame) = self.get_mut(mfn) {
            frame.owner = Some(owner);
            frame.references = 1;
            frame.allocated = true;
            frame.gfn = None;
        }
        if let Some(view) = self.view(mfn) {
            view.clear();
        }
    }

    /// `count` contiguous frames for Xen's own use, without an owner.
    pub(crate) fn reserve(&mut self, count: usize) -> Mfn {
        self.add(count, true)
    }

    /// Assigns a reserved frame to `owner`, cleared.
    pub(crate) fn assign(&mut self, mfn: Mfn, owner: domid_t) {
        self.start(mfn, owner);
    }

    fn add(&mut self, count: usize, special: bool) -> Mfn {
        let first = Mfn(self.first + self.frames.len() as u64);
        if count > 0 {
            let chunk = Chunk::new(count);
            for at in 0..count {
                // SAFETY: inside the chunk.
                let base = unsafe { chunk.base.add(at * PAGE_SIZE) };
                self.frames.push(Frame {
                    base,
                    owner: None,
                    references: 0,
                    allocated: false,
                    special,
                    gfn: None,
                });
            }
            self.chunks.push(chunk);
        }
        first
    }

    pub(crate) fn get(&self, mfn: Mfn) -> Option<&Frame> {
        let at = mfn.0.checked_sub(self.first)?;
        self.frames.get(usize::try_from(at).ok()?)
    }

    pub(crate) fn get_mut(&mut self, mfn: Mfn) -> Option<&mut Frame> {
        let at = mfn.0.checked_sub(self.first)?;
        self.frames.get_mut(usize::try_from(at).ok()?)
    }

    /// All frames with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Mfn, &Frame)> {
        let first = self.first;
        self.frames.iter().enumerate().map(move |(at, frame)| (Mfn(first + at as u64), frame))
    }

    /// The number after that of the last frame.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// Number of frames for domains that the machine has, used or not.
    pub(crate) fn total(&self) -> usize {
        self.limit
    }

    /// Number of free frames for domains.
    pub(crate) fn unused(&self) -> usize {
        self.limit.saturating_sub(self.ordinary) + self.free.len()
    }

    /// Where the frame's first byte is.
    pub(crate) fn address(&self, mfn: Mfn) -> Option<NonNull<u8>> {
        self.get(mfn).map(|frame| frame.base)
    }

    /// Takes a reference to a frame. False if `owner` does not own it.
    pub(crate) fn hold(&mut self, mfn: Mfn, owner: domid_t) -> bool {
        match self.get_mut(mfn) {
            Some(frame) if frame.owner == Some(owner) && frame.references > 0 => {
                frame.references += 1;
                true
            }
            _ => false,
        }
    }

    /// Drops a reference. Returns the former owner if it was the last.
    pub(crate) fn release(&mut self, mfn: Mfn) -> Option<domid_t> {
        let frame = self.get_mut(mfn)?;
        frame.references = frame.references.checked_sub(1)?;
        if frame.references > 0 {
            return None;
        }
        frame.gfn = None;
        frame.allocated = false;
        let owner = frame.owner.take();
        if !frame.special {
            self.free.push(mfn);
        }
        owner
    }

    /// Drops the reference that the owner has by the frame's allocation.
    pub(crate) fn free(&mut self, mfn: Mfn) -> Option<domid_t> {
        let frame = self.get_mut(mfn)?;
        if !std::mem::replace(&mut frame.allocated, false) {
            return None;
        }
        self.release(mfn)
    }

    /// The bytes of a frame.
    pub(crate) fn view(&self, mfn: Mfn) -> Option<View<'_, ReadWrite>> {
        // SAFETY: a frame is a page of its own, valid as long as self; all access is atomic.
        self.get(mfn).map(|frame| unsafe { View::new(frame.base) })
    }

    /// The page that stands for unpopulated addresses, filled with ones.
    pub(crate) fn hole(&self) -> NonNull<u8> {
        // SAFETY: a page of its own, valid as long as self; all access is atomic.
        let view = unsafe { View::<ReadWrite>::new(self.hole.base) };
        // A whole page fits a page.
        let _ = view.write(0, &[0xff; PAGE_SIZE]);
        self.hole.base
    }
}

impl Chunk {
    fn new(frames: usize) -> Self {
        let layout = Layout::from_size_align(frames.max(1) * PAGE_SIZE, PAGE_SIZE)
            .expect("a page is aligned to a power of two");
        // SAFETY: at least one page.
        let base = unsafe { alloc_zeroed(layout) };
        match NonNull::new(base) {
            Some(base) => Self { base, layout },
            None => std::alloc::handle_alloc_error(layout),
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}
