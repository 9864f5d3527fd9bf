//! A domain of the simulator as the scenarios see it, and all of them on a simulated machine.

#![allow(unsafe_code, reason = "maps the model's grant table")]

use std::collections::BTreeSet;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use xen_abi::GuestHandle;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::params::{
    HVM_PARAM_CONSOLE_EVTCHN, HVM_PARAM_CONSOLE_PFN, HVM_PARAM_STORE_EVTCHN, HVM_PARAM_STORE_PFN,
};
use xen_abi::memory::{
    XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table, XENMEM_set_memory_map,
    xen_foreign_memory_map, xen_memory_map,
};
use xen_abi::xen::{
    __HYPERVISOR_memory_op, __HYPERVISOR_update_va_mapping, DOMID_SELF, domid_t, xen_pfn_t,
};
use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::event_channel_op::{alloc_unbound, bind_interdomain};
use xen_ops::hypercall::grant_table_op::{get_status_frames, setup_table};
use xen_ops::hypercall::hvm_op::set_param;
use xen_ops::hypercall::memory_op::add_to_physmap;
use xen_ops::memory::E820Entry;
use xen_ops::page::{MapTarget as _, PAGE_SIZE, Page as _};
use xen_scenarios::event_set::PAIRS;
use xen_scenarios::{Guest, Kind, Part, frame};
use xen_sim::{Domain, DomainConfig, GuestPage, GuestTarget, Release, Xen, Xsm};

use crate::boot::of_unprivileged;
use crate::{Arch, Mode, Row, Transcript};

/// A domain of the model that scenarios can run in.
struct ModelGuest {
    domain: Domain,
    /// All domains, this one too.
    domains: Arc<[Domain]>,
    xen: Recorded,
    bad_address: usize,
    transcript: Transcript,
}

/// Numbers and commands of hypercalls.
pub type Calls = BTreeSet<(u32, u32)>;

/// A domain whose hypercalls are written down.
#[derive(Clone)]
struct Recorded {
    domain: Domain,
    calls: Arc<Mutex<Calls>>,
}

// SAFETY: hands everything on.
unsafe impl Hypercall for Recorded {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.insert((number, arguments[0] as u32));
        drop(calls);
        // SAFETY: the caller's promise.
        unsafe { self.domain.call(number, arguments) }
    }
}

impl Guest for ModelGuest {
    type Xen = Recorded;
    type Page = Kept;
    type MapTarget = GuestTarget;
    type Frames = xen_sim::GrantFrames;
    type PortSet<'g> = xen_sim::PortSet;

    fn xen(&self) -> &Recorded {
        &self.xen
    }

    fn kind(&self) -> Kind {
        match self.domain.kind() {
            xen_sim::GuestKind::Pv => Kind::Pv,
            xen_sim::GuestKind::Pvh => Kind::Pvh,
            xen_sim::GuestKind::Arm => Kind::Arm,
        }
    }

    fn domid(&self) -> domid_t {
        self.domain.domid().domid()
    }

    fn page(&mut self) -> Kept {
        let page = self.loose_page();
        // A PV guest has its pages mapped.
        self.map_frame(&self.domain.target(), frame::number(page.frame()));
        page
    }

    fn loose_frame(&mut self) -> xen_pfn_t {
        self.loose_page().frame()
    }

    fn target(&mut self) -> GuestTarget {
        self.domain.target()
    }

    fn bad_address(&self) -> usize {
        match self.kind() {
            // Xen's own part of the address space.
            Kind::Pv => 0xffff_8300_0000_0000_u64 as usize,
            _ => self.bad_address,
        }
    }

    fn torn(&mut self) -> NonNull<u8> {
        let pages = Box::leak(Box::new([const { RawPage([0; PAGE_SIZE]) }; 3]));
        let middle = pages[1].0.as_ptr().addr();
        self.domain.faults().absent(middle..middle + PAGE_SIZE);
        NonNull::from(pages).cast()
    }

    fn frames(&mut self) -> xen_sim::GrantFrames {
        self.domain.table_frames().expect("the frames are not taken")
    }

    fn table(&mut self, part: Part) -> NonNull<u8> {
        let (domain, table) = (&self.domain, self.domain.raw_table());
        match (part, self.kind().is_translated()) {
            (Part::Shared, false) => {
                setup_table(domain, DOMID_SELF, &mut [xen_pfn_t(0)]).expect("the table's frame");
            }
            (Part::Status, false) => {
                let mut frames = [0];
                get_status_frames(domain, DOMID_SELF, &mut frames).expect("the status frame");
                self.map_frame(&domain.target(), frames[0]);
            }
            (_, true) => {
                let index = if part == Part::Shared { 0 } else { XENMAPIDX_grant_table_status };
                let frame = frame::at(domain.target().host_addr());
                let space = XENMAPSPACE_grant_table;
                // SAFETY: nothing is there. On Arm it is there already the second time.
                let _ =
                    unsafe { add_to_physmap(domain, DOMID_SELF, 0, space, index.into(), frame) };
            }
        }
        if part == Part::Shared { table.shared() } else { table.status() }
    }

    fn take_event(&mut self, port: u32) -> bool {
        self.domain.wait(evtchn_port_t(port), Duration::ZERO)
    }

    fn port_set(&self, ports: [evtchn_port_t; PAIRS]) -> xen_sim::PortSet {
        let mut set = xen_sim::PortSet::new(&self.domain);
        ports.into_iter().for_each(|port| set.add(port));
        set
    }

    fn destroy(&mut self, domid: domid_t) {
        let other = self.domains.iter().find(|domain| domain.domid() == domid);
        other.expect("a domain that there is").destroy();
    }

    fn write(&mut self, line: fmt::Arguments<'_>) {
        self.transcript.read(&line.to_string());
    }
}

impl ModelGuest {
    /// A page that a PV guest has not mapped.
    fn loose_page(&self) -> Kept {
        let page = self.domain.page().expect("a page");
        Kept { domain: self.domain.clone(), page: ManuallyDrop::new(page) }
    }

    /// Maps a machine frame, in a PV guest.
    fn map_frame(&self, target: &GuestTarget, frame: u64) {
        if self.kind() == Kind::Pv {
            let arguments = [target.host_addr() as usize, (frame << 12 | 3) as usize, 0];
            // SAFETY: nothing is there.
            let result = unsafe { self.domain.call3(__HYPERVISOR_update_va_mapping, arguments) };
            assert_eq!(result, 0, "update_va_mapping");
        }
    }
}

/// Memory of the guest's that is no page of the domain's: only arguments lie there.
#[repr(C, align(4096))]
struct RawPage([u8; PAGE_SIZE]);

/// A page that is never freed: a guest of the live tests frees none either.
struct Kept {
    domain: Domain,
    page: ManuallyDrop<GuestPage>,
}

// SAFETY: a page of the domain's that has no other owner. Its address is where the domain has it, or that
// of a hole.
unsafe impl xen_ops::page::Page for Kept {
    fn frame(&self) -> xen_pfn_t {
        self.page.frame()
    }

    fn address(&self) -> NonNull<u8> {
        self.domain.address_of(self.page.frame())
    }
}

/// Pages of a domain.
const PAGES: usize = 1024;

/// The kind of a guest.
fn kind(mode: Mode) -> xen_sim::GuestKind {
    match mode {
        Mode::Pv => xen_sim::GuestKind::Pv,
        Mode::Pvh => xen_sim::GuestKind::Pvh,
        Mode::Native | Mode::On64 => xen_sim::GuestKind::Arm,
        Mode::Linux | Mode::LinuxPvh => unreachable!("no domain of the model's"),
    }
}

/// What the scenarios of one domain, told `arguments`, give on a simulated machine, or that of several
/// domains, by domain; and the hypercalls that were made.
///
/// # Panics
///
/// The machine is one with Linux, of which there is no simulation, or a scenario panics.
#[must_use]
pub fn run(row: Row, arguments: &str) -> (Vec<(u16, Transcript)>, Calls) {
    let domids = row.domids();
    let arguments =
        if row.domains > 1 { format!("first={}", domids.start) } else { arguments.to_owned() };
    domains(row, domids, &arguments)
}

/// What the scenarios of one domain, told `arguments`, give in the [unprivileged domain](Row::unprivileged)
/// `domid` of a simulated machine.
///
/// # Panics
///
/// As [`run`].
#[must_use]
pub fn run_unprivileged(row: Row, domid: u16, arguments: &str) -> Transcript {
    let (transcripts, _) = domains(row, domid..domid + 1, &of_unprivileged(arguments));
    transcripts.into_iter().map(|(_, transcript)| transcript).next().unwrap_or_default()
}

/// Gives a domain what it has from xl: ports to xenstored and xenconsoled, which have bound them, and the
/// parameters of a translated guest that say so, or a memory map, which Xen gives to translated guests.
fn started_by_xl(xen: &Xen, domain: &Domain) {
    let config = DomainConfig::new(xen_sim::GuestKind::Pv).domid(domid_t(0)).pages(0).privileged();
    let (dom0, domid) = (xen.domain(config).expect("the first domain"), domain.domid().domid());
    for (page, frame, parameter) in [
        (HVM_PARAM_STORE_PFN, 0xf_effc, HVM_PARAM_STORE_EVTCHN),
        (HVM_PARAM_CONSOLE_PFN, 0xf_efff, HVM_PARAM_CONSOLE_EVTCHN),
    ] {
        let port = alloc_unbound(&dom0, domid, DOMID_SELF).expect("a port");
        bind_interdomain(&dom0, domid, port).expect("its other end");
        if domain.kind().is_translated() {
            for (index, value) in [(page, frame), (parameter, port.0.into())] {
                // SAFETY: the guest does not look at what is there.
                unsafe { set_param(&dom0, domid, index, value) }.expect("a parameter");
            }
        }
    }
    if !domain.kind().is_translated() {
        let entry = E820Entry::default();
        let buffer = GuestHandle::from_addr((&raw const entry).expose_provenance() as _);
        let map = xen_memory_map { nr_entries: 1, buffer, ..xen_memory_map::ZERO };
        let op = xen_foreign_memory_map { domid, map, ..xen_foreign_memory_map::ZERO };
        let arguments = [XENMEM_set_memory_map as usize, (&raw const op).expose_provenance()];
        // SAFETY: the map has one entry. Not every host has a typed wrapper.
        let result = unsafe { dom0.call2(__HYPERVISOR_memory_op, arguments) };
        assert_eq!(result, 0, "set_memory_map");
    }
}

fn domains(row: Row, domids: Range<u16>, arguments: &str) -> (Vec<(u16, Transcript)>, Calls) {
    let release = match row.release {
        "4.14" => Release::V4_14,
        "4.17" => Release::V4_17,
        "4.21" => Release::V4_21,
        "4.22" => Release::V4_22,
        _ => Release::V4_20,
    };
    // Debian's hypervisors for Arm keep unprivileged domains apart.
    let xsm = if row.hypervisor() == Arch::X86_64 { Xsm::Dummy } else { Xsm::Silo };
    let xen = Xen::builder().release(release).xsm(xsm).build();
    let domains = domids.clone().map(|domid| {
        let kind = kind(row.mode_of(domid));
        let config = DomainConfig::new(kind).domid(domid_t(domid)).pages(PAGES);
        // Arm's control domain may have what it has, the others' any number.
        let most = if kind == xen_sim::GuestKind::Arm { PAGES } else { 1 << 30 };
        let config = config.max_pages(most);
        let config = if domid == 0 { config.privileged() } else { config };
        // On Arm no toolstack starts the others.
        let by_xen = kind == xen_sim::GuestKind::Arm && domid != 0;
        let config = if by_xen { config.dom0less() } else { config };
        let config = if row.domains == 1 { config.max_maptrack_frames(1) } else { config };
        xen.domain(config).expect("a domain")
    });
    let domains: Arc<[Domain]> = domains.collect();
    if row.has_toolstack() && row.unprivileged() == Some(domids.start) {
        started_by_xl(&xen, &domains[0]);
    }
    let calls = Arc::default();
    let run = |domain: &Domain| {
        let (domain, domains) = (domain.clone(), domains.clone());
        let xen = Recorded { domain: domain.clone(), calls: Arc::clone(&calls) };
        let [.., nothing] = &*Box::leak(Box::new([const { RawPage([0; PAGE_SIZE]) }; 2]));
        let bad_address = nothing.0.as_ptr().addr();
        domain.faults().absent(bad_address..bad_address + PAGE_SIZE);
        let transcript = Transcript::default();
        let mut guest = ModelGuest { domain, domains, xen, bad_address, transcript };
        xen_scenarios::run(&mut guest, arguments);
        guest.transcript
    };
    let transcripts = thread::scope(|scope| {
        let threads: Vec<_> =
            domains.iter().map(|domain| scope.spawn(move || run(domain))).collect();
        let transcripts = threads.into_iter().map(|thread| thread.join().expect("a transcript"));
        domids.zip(transcripts).collect()
    });
    let calls = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (transcripts, calls)
}
