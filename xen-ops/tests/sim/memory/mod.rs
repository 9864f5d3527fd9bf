//! Memory operations.

mod acquire;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod hostile;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod lists;
mod physmap;
mod reservation;

use std::fmt::Debug;
use std::ops::Range;
use std::ptr::NonNull;

use xen_abi::Errno;
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::memory::Error;
use xen_ops::page::{PAGE_SIZE, Page as _};
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen};

use crate::lies::Lies;
use crate::pfn;

const ME: domid_t = domid_t(1);
const PEER: domid_t = domid_t(2);
/// No domain has this number.
const ABSENT: domid_t = domid_t(77);
/// Pages that each domain has. A translated domain has them from this guest frame on.
const PAGES: usize = 16;
const FIRST: u64 = 0x100;

/// A guest, its way to Xen, and another domain.
struct Rig {
    machine: Xen,
    xen: Lies<Domain>,
    peer: Domain,
}

impl Rig {
    /// An unprivileged guest of this kind.
    fn new(kind: GuestKind) -> Self {
        Self::with(Release::V4_20, kind, |config| config)
    }

    /// A guest of this kind that may act on the other domain.
    fn privileged(kind: GuestKind) -> Self {
        Self::with(Release::V4_20, kind, DomainConfig::privileged)
    }

    /// A guest that may have so many pages more than it has.
    fn with_free(kind: GuestKind, pages: usize) -> Self {
        Self::with(Release::V4_20, kind, |config| config.max_pages(PAGES + pages))
    }

    fn with(
        release: Release,
        kind: GuestKind,
        change: impl FnOnce(DomainConfig) -> DomainConfig,
    ) -> Self {
        let machine = Xen::builder().release(release).frames(4096).build();
        let config = |kind, domid| DomainConfig::new(kind).domid(domid).pages(PAGES);
        let us = machine.domain(change(config(kind, ME))).expect("enough memory");
        // The same for all, for a resource is mapped by all kinds.
        let peer = config(GuestKind::Pvh, PEER).max_grant_frames(RESOURCE_FRAMES);
        let peer = machine.domain(peer).expect("enough memory");
        Self { xen: Lies::new(us), machine, peer }
    }

    fn us(&self) -> &Domain {
        self.xen.truth()
    }

    /// Whether the guest has memory at this frame.
    fn has(&self, frame: u64) -> bool {
        self.us().machine_frame(pfn(frame)).is_some()
    }

    /// Frame numbers of pages that the guest has.
    fn own<const N: usize>(&self) -> [xen_pfn_t; N] {
        let pages = [(); N].map(|()| self.us().page().expect("a page is left"));
        pages.map(|page| {
            let frame = page.frame();
            std::mem::forget(page);
            frame
        })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.machine.check_invariants().expect("what is true at all times");
        }
    }
}

/// Frames that the peer's grant table can have.
const RESOURCE_FRAMES: u32 = 35;

/// Where frame `index` of a table, or of its status words, is.
fn frame_of(base: NonNull<u8>, index: usize) -> NonNull<u8> {
    // SAFETY: inside the table's memory.
    unsafe { base.add(index * PAGE_SIZE) }
}

fn frames(range: Range<u64>) -> Vec<xen_pfn_t> {
    range.map(pfn).collect()
}

#[track_caller]
fn fails<T: Debug>(result: Result<T, Error>, errno: Errno) {
    assert_eq!(result.unwrap_err().errno(), Some(errno));
}
