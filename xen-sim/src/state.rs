//! What Xen knows of a domain, and how its memory comes and goes.

use std::collections::BTreeMap;

use xen_abi::xen::domid_t;

use crate::config::{CreateError, DomainConfig, GuestKind};
use crate::events::Ports;
use crate::faults::Pending;
use crate::frames::Mfn;
use crate::grant::maptrack::Maptrack;
use crate::grant::table::GrantTable;
use crate::machine::State;
use crate::memory::map::{MemoryMap, Vnuma};
use crate::other::vcpu::AREAS;
use crate::p2m::{self, P2m};

/// First guest frame number of a translated domain's memory.
pub(crate) const FIRST_GFN: u64 = 0x100;
/// Guest frame numbers where the model's guests keep nothing of their own: targets of mappings.
pub(crate) const FIRST_TARGET_GFN: u64 = 0x10_0000;
/// Virtual page numbers of a PV guest where it keeps room for mappings.
pub(crate) const FIRST_TARGET_PAGE: u64 = 0xffff_c900_0000_0000 >> 12;

pub(crate) struct DomainState {
    pub(crate) domid: domid_t,
    pub(crate) kind: GuestKind,
    pub(crate) privileged: bool,
    /// On its way out: Xen takes it apart, and nothing new starts.
    pub(crate) dying: bool,
    /// Gone as far as its guest goes. It stays until nobody maps its memory any more.
    pub(crate) destroyed: bool,
    /// Why Xen crashed it, if it did.
    pub(crate) crashed: Option<&'static str>,
    pub(crate) shutdown: Option<u8>,
    /// Which of its watchdog timers are set.
    pub(crate) watchdogs: [bool; 2],
    pub(crate) max_pages: usize,
    pub(crate) pages: usize,
    /// Whether its guest frames are the machine's, which are kept for it.
    pub(crate) in_place: bool,
    /// Pages that are set aside for it, beyond those it has.
    pub(crate) claimed: usize,
    pub(crate) p2m: P2m,
    /// The entries of a PV guest's page tables that the model has, by virtual page number.
    pub(crate) room: BTreeMap<u64, Option<Mapped>>,
    pub(crate) grants: GrantTable,
    pub(crate) maptrack: Maptrack,
    pub(crate) ports: Ports,
    /// Frames that its vCPU's areas lie in.
    pub(crate) areas: [Option<Mfn>; AREAS],
    pub(crate) params: BTreeMap<u32, u64>,
    pub(crate) console: Vec<u8>,
    pub(crate) memory_map: MemoryMap,
    pub(crate) vnuma: Option<Vnuma>,
    pub(crate) shared_info: Mfn,
    pub(crate) faults: Pending,
    /// Pages that the guest has not put to use: its frame numbers for them.
    pub(crate) spare: Vec<u64>,
    pub(crate) next_target: u64,
    /// Whether a guest's code has the grant table.
    pub(crate) table_taken: bool,
}

/// A frame in a PV guest's page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) mfn: Mfn,
    pub(crate) readonly: bool,
    /// Whether it came by a grant, whose handle has the reference; else the entry has one itself.
    pub(crate) granted: bool,
}

impl DomainState {
    pub(crate) fn new(
        state: &mut State,
        domid: domid_t,
        config: &DomainConfig,
    ) -> Result<Self, CreateError> {
        let versions = if config.kind == GuestKind::Arm { 1..=1 } else { 1..=2 };
        let frames = [config.max_grant_frames, config.max_maptrack_frames];
        if !versions.contains(&config.max_grant_version)
            || config.max_grant_frames == 0
            || frames.into_iter().any(|frames| frames > 4096)
        {
            return Err(CreateError::BadLimit);
        }
        let mut mfns = Vec::new();
        for _ in 0..config.pages {
            match state.frames.allocate(domid, 0) {
                Some(mfn) => mfns.push(mfn),
                None => {
                    for mfn in mfns {
                        state.frames.free(mfn);
                    }
                    return Err(CreateError::NoMemory);
                }
            }
        }
        let mut p2m = P2m::default();
        let mut spare = Vec::new();
        // Arm's control domain has its memory where the machine has it.
        let in_place = config.kind == GuestKind::Arm && config.privileged;
        for (gfn, mfn) in (FIRST_GFN..).zip(mfns) {
            let gfn = if in_place { mfn.0 } else { gfn };
            if config.kind.is_translated() {
                p2m.set(gfn, p2m::Entry { mfn, kind: p2m::EntryKind::Ram });
                if let Some(frame) = state.frames.get_mut(mfn) {
                    frame.gfn = Some(gfn);
                }
                spare.push(gfn);
            } else {
                spare.push(mfn.0);
            }
        }
        spare.reverse();
        let shared_info = state.frames.reserve(1);
        state.frames.lend(shared_info, domid);
        let grants = GrantTable::new(&mut state.frames, domid, config);
        Ok(Self {
            domid,
            kind: config.kind,
            privileged: config.privileged,
            dying: false,
            destroyed: false,
            crashed: None,
            shutdown: None,
            watchdogs: [false; 2],
            max_pages: config.max_pages.unwrap_or(config.pages.saturating_mul(2)),
            pages: config.pages,
            memory_map: MemoryMap::new(config.kind, p2m.last()),
            p2m,
            in_place,
            claimed: 0,
            room: BTreeMap::new(),
            grants,
            maptrack: Maptrack::new(config.max_maptrack_frames),
            ports: Ports::default(),
            areas: [None; AREAS],
            params: BTreeMap::new(),
            console: Vec::new(),
            vnuma: None,
            shared_info,
            faults: Pending::default(),
            spare,
            next_target: if config.kind.is_translated() {
                FIRST_TARGET_GFN
            } else {
                FIRST_TARGET_PAGE
            },
            table_taken: false,
        })
    }

    pub(crate) fn is_translated(&self) -> bool {
        self.kind.is_translated()
    }
}

impl State {
    /// 2 to the power of `order` cleared frames for `domid`, within its limit and the machine's.
    pub(crate) fn allocate(&mut self, domid: domid_t, order: u32) -> Option<Mfn> {
        let domain = self.domain(domid)?;
        let pages = domain.pages.checked_add(1_usize.checked_shl(order)?)?;
        if domain.dying || pages > domain.max_pages {
            return None;
        }
        let more = pages - domain.pages;
        // What is set aside for others is out of reach.
        if more > domain.claimed && more > self.available() {
            return None;
        }
        let mfn = self.frames.allocate(domid, order)?;
        let domain = self.domain_mut(domid)?;
        domain.pages = pages;
        domain.claimed = domain.claimed.saturating_sub(more);
        Some(mfn)
    }

    /// Pages that are neither used nor set aside.
    pub(crate) fn available(&self) -> usize {
        let claimed = self.domains.values().map(|domain| domain.claimed).sum();
        self.frames.unused().saturating_sub(claimed)
    }

    /// Gives a reference back, and what that frees.
    pub(crate) fn put(&mut self, mfn: Mfn) {
        let special = self.frames.get(mfn).is_some_and(|frame| frame.special);
        let lost = self.frames.release(mfn);
        self.lost(lost, special);
    }

    /// Gives back the owner's own reference to a frame, and what that frees.
    pub(crate) fn free(&mut self, mfn: Mfn) {
        let special = self.frames.get(mfn).is_some_and(|frame| frame.special);
        let lost = self.frames.free(mfn);
        self.lost(lost, special);
    }

    fn lost(&mut self, owner: Option<domid_t>, special: bool) {
        if let Some(owner) = owner {
            if let Some(domain) = self.domain_mut(owner).filter(|_| !special) {
                domain.pages = domain.pages.saturating_sub(1);
            }
            self.free_if_unused(owner);
        }
    }

    /// What is at a frame number of a domain's: guest frame, or machine frame of a PV guest.
    pub(crate) fn look_up(&self, domid: domid_t, gfn: u64) -> Option<p2m::Entry> {
        let domain = self.domain(domid)?;
        if domain.is_translated() {
            return domain.p2m.get(gfn);
        }
        let frame = self.frames.get(Mfn(gfn))?;
        let held = frame.owner == Some(domid) && frame.references > 0;
        held.then_some(p2m::Entry { mfn: Mfn(gfn), kind: p2m::EntryKind::Ram })
    }

    /// Puts a frame of the domain's own at a guest frame number, and takes it from where it was.
    /// What was there loses its place. Nothing happens in a PV guest.
    ///
    /// False, with the domain crashed, if a grant or foreign mapping is there and it is x86.
    pub(crate) fn place(&mut self, domid: domid_t, gfn: u64, mfn: Mfn) -> bool {
        self.insert(domid, gfn, p2m::Entry { mfn, kind: p2m::EntryKind::Ram })
    }

    /// Puts an entry at a guest frame number, as [`place`](Self::place).
    pub(crate) fn insert(&mut self, domid: domid_t, gfn: u64, entry: p2m::Entry) -> bool {
        let Some(domain) = self.domains.get_mut(&domid.0) else { return false };
        if !domain.is_translated() {
            return true;
        }
        let x86 = domain.kind == GuestKind::Pvh;
        let old = domain.p2m.get(gfn);
        if x86 && old.is_some_and(|old| old.kind != p2m::EntryKind::Ram) {
            domain.crashed = Some("mapped something over a grant or foreign mapping");
            return false;
        }
        // On x86 a frame of the domain's own has one place: that of the last mapping.
        let own = self.frames.get(entry.mfn).filter(|frame| frame.owner == Some(domid));
        if let Some(elsewhere) = own.and_then(|frame| frame.gfn).filter(|at| x86 && *at != gfn) {
            domain.p2m.remove(elsewhere);
            if let Some(frame) = self.frames.get_mut(entry.mfn) {
                frame.gfn = None;
            }
        }
        domain.p2m.set(gfn, entry);
        if let Some(old) = old {
            self.left(gfn, old);
        }
        if let Some(frame) =
            self.frames.get_mut(entry.mfn).filter(|_| entry.kind == p2m::EntryKind::Ram)
        {
            frame.gfn = Some(gfn);
        }
        true
    }

    /// Changes what a PV guest has at a virtual page number. False if there is no room.
    pub(crate) fn set_room(&mut self, domid: domid_t, page: u64, mapped: Option<Mapped>) -> bool {
        let domain = self.domain_mut(domid);
        let Some(room) = domain.and_then(|domain| domain.room.get_mut(&page)) else { return false };
        let old = std::mem::replace(room, mapped);
        if let Some(old) = old.filter(|old| !old.granted) {
            self.put(old.mfn);
        }
        true
    }

    /// Leaves nothing at a guest frame number. The frame that was there stays allocated.
    pub(crate) fn unplace(&mut self, domid: domid_t, gfn: u64) -> Option<p2m::Entry> {
        let domain = self.domain_mut(domid)?;
        if !domain.is_translated() {
            return None;
        }
        let old = domain.p2m.remove(gfn)?;
        self.left(gfn, old);
        Some(old)
    }

    /// What goes with an entry that is no longer at `gfn`.
    fn left(&mut self, gfn: u64, old: p2m::Entry) {
        match old.kind {
            p2m::EntryKind::Ram => {
                let frame = self.frames.get_mut(old.mfn);
                if let Some(frame) = frame.filter(|frame| frame.gfn == Some(gfn)) {
                    frame.gfn = None;
                }
            }
            p2m::EntryKind::Foreign => self.put(old.mfn),
            // The mapping's own reference goes when its handle does.
            p2m::EntryKind::Grant { .. } => {}
        }
    }

    /// Removes a destroyed domain once nothing of it is in use by others.
    pub(crate) fn free_if_unused(&mut self, domid: domid_t) {
        if !self.domain(domid).is_some_and(|domain| domain.destroyed) {
            return;
        }
        let in_use = |frame: &crate::frames::Frame| {
            frame.owner == Some(domid) && (!frame.special || frame.references > 1)
        };
        if self.frames.iter().any(|(_, frame)| in_use(frame)) {
            return;
        }
        let lent: Vec<Mfn> = self
            .frames
            .iter()
            .filter(|(_, frame)| frame.owner == Some(domid))
            .map(|(mfn, _)| mfn)
            .collect();
        for mfn in lent {
            self.frames.free(mfn);
        }
        self.domains.remove(&domid.0);
    }
}
