//! What Xen knows of a domain.

use std::collections::{BTreeMap, BTreeSet};

use xen_abi::hvm::params::HVM_PARAM_CALLBACK_IRQ;
use xen_abi::xen::domid_t;

use crate::abi::COMPAT;
use crate::config::{CreateError, DomainConfig, GuestKind};
use crate::state::faults::Pending;
use crate::state::frames::{Frames, Mfn};
use crate::state::grant_table::GrantTable;
use crate::state::ioreq::{self, IoreqServer};
use crate::state::maptrack::Maptrack;
use crate::state::memory_map::{FIRST_GFN, MemoryMap};
use crate::state::p2m::{self, P2m};
use crate::state::ports::Ports;
use crate::state::vcpu::Vcpu;
use crate::state::vnuma::VnumaTopology;

/// First guest frame number for targets of mappings: a domain's own memory is below.
const FIRST_TARGET_GFN: u64 = 0x10_0000;
/// First virtual page number for targets of mappings in a PV guest.
const FIRST_TARGET_PAGE: u64 = if COMPAT { 0xe000_0000 } else { 0xffff_c900_0000_0000 } >> 12;

pub(crate) struct DomainState {
    pub(crate) domid: domid_t,
    pub(crate) kind: GuestKind,
    pub(crate) privileged: bool,
    /// Xen has started it by itself.
    pub(crate) dom0less: bool,
    /// Xen has begun to destroy it: it gets no memory, and pinned grants serve no new copies.
    pub(crate) dying: bool,
    /// It makes no more hypercalls. It stays until no other domain maps its memory.
    pub(crate) destroyed: bool,
    /// Why Xen crashed it, if it did.
    pub(crate) crashed: Option<&'static str>,
    /// Why it shut down, `SHUTDOWN_*`, if it did.
    pub(crate) shutdown: Option<u8>,
    /// Which of its watchdog timers are set.
    pub(crate) watchdogs: [bool; 2],
    /// Whether its vCPU is pinned by `SCHEDOP_pin_override`.
    pub(crate) pinned: bool,
    pub(crate) max_pages: usize,
    pub(crate) pages: usize,
    /// Whether its guest frames are the machine's, which stay assigned to it.
    pub(crate) in_place: bool,
    /// Pages that Xen keeps for its page tables.
    pub(crate) paging_pages: usize,
    /// Pages that are claimed for it, beyond those it has.
    pub(crate) claimed: usize,
    pub(crate) p2m: P2m,
    /// Guest frames that are populated on demand, which `p2m` does not have yet.
    pub(crate) pod: Pod,
    /// Entries of a PV guest's page tables, by virtual page number: those of mapping targets.
    pub(crate) page_table: BTreeMap<u64, Option<Mapped>>,
    pub(crate) grants: GrantTable,
    pub(crate) maptrack: Maptrack,
    pub(crate) ports: Ports,
    /// Its vCPUs, of which the first runs the guest's code.
    pub(crate) vcpus: Vec<Vcpu>,
    /// Bits of `VMASST_TYPE_*` that are on.
    pub(crate) vm_assist: u64,
    /// The servers of its device models.
    pub(crate) ioreq_servers: [Option<IoreqServer>; ioreq::MAX_SERVERS],
    /// Values of `HVM_PARAM_*`; 0 for one that is not here.
    pub(crate) params: BTreeMap<u32, u64>,
    pub(crate) console: Vec<u8>,
    pub(crate) memory_map: MemoryMap,
    pub(crate) vnuma: Option<VnumaTopology>,
    pub(crate) shared_info: Mfn,
    pub(crate) faults: Pending,
    /// Frame numbers of pages that the guest does not use yet.
    pub(crate) unused: Vec<u64>,
    next_target: u64,
    /// Whether the guest's code has started its grant table.
    pub(crate) table_taken: bool,
}

/// Memory that is populated on demand.
#[derive(Debug, Default)]
pub(crate) struct Pod {
    /// The guest frames.
    pub(crate) entries: BTreeSet<u64>,
    /// Pages to populate them with; the domain has them already.
    pub(crate) cache: Vec<Mfn>,
}

/// A frame in a PV guest's page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) mfn: Mfn,
    pub(crate) readonly: bool,
    /// Whether it is a grant, whose handle holds the reference; else the entry holds one itself.
    pub(crate) granted: bool,
}

/// The interrupt that tells Arm guests of events: a private one, which is active low. Xen sets it for the first
/// domain, and the toolstack for those that it starts.
fn first_params(config: &DomainConfig) -> BTreeMap<u32, u64> {
    // Names of Arm's headers: kind 2 in the top byte, flag 2 in the second.
    const KIND: u64 = 2 << 56;
    const ACTIVE_LOW: u64 = 2 << 8;
    let interrupt = if config.privileged { 16 } else { 31 };
    let value = KIND | ACTIVE_LOW | interrupt;
    let is_told = config.kind == GuestKind::Arm && !config.dom0less;
    let told = is_told.then_some((HVM_PARAM_CALLBACK_IRQ, value));
    told.into_iter().collect()
}

/// The pool for page tables that xl gives a domain: for each vCPU a mebibyte, for each mebibyte of memory a page,
/// and on Arm pages for memory of other domains.
fn paging_pages(config: &DomainConfig, max_pages: usize) -> usize {
    let foreign = if config.kind == GuestKind::Arm { 128 } else { 0 };
    256 * config.vcpus as usize + max_pages / 256 + foreign
}

impl DomainState {
    /// A domain with its memory and one frame of grant table.
    pub(crate) fn new(
        frames: &mut Frames,
        domid: domid_t,
        config: &DomainConfig,
    ) -> Result<Self, CreateError> {
        config.check_limits()?;
        let mut mfns = Vec::new();
        for _ in 0..config.pages {
            match frames.allocate(domid, 0) {
                Some(mfn) => mfns.push(mfn),
                None => {
                    for mfn in mfns {
                        frames.free(mfn);
                    }
                    return Err(CreateError::NoMemory);
                }
            }
        }
        let mut p2m = P2m::default();
        let mut unused = Vec::new();
        // Guest frames of Arm's control domain are the machine's.
        let in_place = config.kind == GuestKind::Arm && config.privileged;
        for (gfn, mfn) in (FIRST_GFN..).zip(mfns) {
            let gfn = if in_place { mfn.0 } else { gfn };
            if config.kind.is_translated() {
                p2m.set(gfn, p2m::Entry { mfn, kind: p2m::EntryKind::Ram });
                if let Some(frame) = frames.get_mut(mfn) {
                    frame.gfn = Some(gfn);
                }
                unused.push(gfn);
            } else {
                unused.push(mfn.0);
            }
        }
        unused.reverse();
        let max_pages = config.max_pages.unwrap_or(config.pages.saturating_mul(2));
        let shared_info = frames.reserve(1);
        frames.assign(shared_info, domid);
        let grants = GrantTable::new(frames, domid, config);
        Ok(Self {
            domid,
            kind: config.kind,
            privileged: config.privileged,
            dom0less: config.dom0less,
            dying: false,
            destroyed: false,
            crashed: None,
            shutdown: None,
            watchdogs: [false; 2],
            pinned: false,
            max_pages,
            paging_pages: paging_pages(config, max_pages),
            pages: config.pages,
            memory_map: MemoryMap::new(config.kind, p2m.last()),
            p2m,
            pod: Pod::default(),
            in_place,
            claimed: 0,
            page_table: BTreeMap::new(),
            grants,
            maptrack: Maptrack::new(config.max_maptrack_frames),
            ports: Ports::default(),
            vcpus: Vcpu::all(config.vcpus),
            vm_assist: 0,
            ioreq_servers: [const { None }; ioreq::MAX_SERVERS],
            params: first_params(config),
            console: Vec::new(),
            vnuma: None,
            shared_info,
            faults: Pending::default(),
            unused,
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

    /// A frame number, or a PV guest's virtual page number, that nothing was mapped at before.
    pub(crate) fn new_target(&mut self) -> u64 {
        let number = self.next_target;
        self.next_target += 1;
        if !self.is_translated() {
            self.page_table.insert(number, None);
        }
        number
    }
}
