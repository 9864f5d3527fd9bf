//! The same scenarios on the model, compared as on a real hypervisor.

#![allow(unsafe_code, reason = "maps the model's grant table")]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use xen_abi::memory::{XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table};
use xen_abi::xen::{__HYPERVISOR_update_va_mapping, DOMID_SELF, domid_t, xen_pfn_t};
use xen_live::{Arch, Mode, Row, Transcript, Where, compare, matrix, stale};
use xen_model::{Config, Domain, Page, Release, Target, Xen, Xsm};
use xen_ops::hypercall::Hypercall as _;
use xen_ops::hypercall::grant_table_op::{get_status_frames, setup_table};
use xen_ops::hypercall::memory_op::add_to_physmap;
use xen_ops::page::{PAGE_SIZE, Page as _, Target as _};
use xen_scenarios::{Guest, Kind, Part};

/// A domain of the model that scenarios can run in.
struct ModelGuest {
    domain: Domain,
    /// All domains, this one too.
    domains: Arc<[Domain]>,
    transcript: Transcript,
}

impl Guest for ModelGuest {
    type Xen = Domain;
    type Page = Kept;
    type Target = Target;
    type Frames = xen_model::Frames;

    fn xen(&self) -> &Domain {
        &self.domain
    }

    fn kind(&self) -> Kind {
        match self.domain.kind() {
            xen_model::Kind::Pv => Kind::Pv,
            xen_model::Kind::Pvh => Kind::Pvh,
            xen_model::Kind::Arm => Kind::Arm,
        }
    }

    fn domid(&self) -> domid_t {
        self.domain.domid()
    }

    fn page(&mut self) -> Kept {
        let page = self.loose_page();
        // A PV guest has its pages mapped.
        self.map_frame(&self.domain.target(), page.frame().0);
        page
    }

    fn loose_frame(&mut self) -> xen_pfn_t {
        self.loose_page().frame()
    }

    fn target(&mut self) -> Target {
        self.domain.target()
    }

    fn bad_address(&self) -> usize {
        match self.kind() {
            // Xen's own part of the address space.
            Kind::Pv => 0xffff_8300_0000_0000_u64 as usize,
            _ => 0,
        }
    }

    fn torn(&mut self) -> NonNull<u8> {
        let pages = Box::leak(Box::new([const { RawPage([0; PAGE_SIZE]) }; 3]));
        let middle = pages[1].0.as_ptr().addr();
        self.domain.faults().absent(middle..middle + PAGE_SIZE);
        NonNull::from(pages).cast()
    }

    fn frames(&mut self) -> xen_model::Frames {
        self.domain.table_frames().expect("nobody else has them")
    }

    fn table(&mut self, part: Part) -> NonNull<u8> {
        let (domain, table) = (&self.domain, self.domain.table());
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
                let frame = xen_pfn_t(domain.target().host_addr() >> 12);
                let space = XENMAPSPACE_grant_table;
                // SAFETY: nothing is there. On Arm it is there already the second time.
                let _ =
                    unsafe { add_to_physmap(domain, DOMID_SELF, 0, space, index.into(), frame) };
            }
        }
        if part == Part::Shared { table.shared() } else { table.status() }
    }

    fn take_event(&mut self, port: u32) -> bool {
        self.domain.wait(port, Duration::ZERO)
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
    fn map_frame(&self, target: &Target, frame: u64) {
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

/// A page that nobody else gets, used up or not: a guest of the live tests has none back either.
struct Kept {
    domain: Domain,
    page: ManuallyDrop<Page>,
}

// SAFETY: a page of the domain's that nobody else has. Its address is where the domain has it, or that
// of a hole.
unsafe impl xen_ops::page::Page for Kept {
    fn frame(&self) -> xen_pfn_t {
        self.page.frame()
    }

    fn address(&self) -> NonNull<u8> {
        self.domain.address_of(self.page.frame().0)
    }
}

/// The kind of a guest.
fn kind(mode: Mode) -> xen_model::Kind {
    match mode {
        Mode::Pv => xen_model::Kind::Pv,
        Mode::Pvh => xen_model::Kind::Pvh,
        Mode::Native | Mode::On64 => xen_model::Kind::Arm,
        Mode::Linux => unreachable!("no domain of the model's"),
    }
}

/// What the scenarios of one domain give on a model of the machine, or that of several domains, by
/// domain.
fn transcripts(row: Row) -> Vec<(u16, Transcript)> {
    let release = match row.release {
        "4.14" => Release::V4_14,
        "4.17" => Release::V4_17,
        _ => Release::V4_20,
    };
    // Debian's hypervisors for Arm keep unprivileged domains apart.
    let xsm = if row.arch == Arch::X86_64 { Xsm::Dummy } else { Xsm::Silo };
    let xen = Xen::builder().release(release).xsm(xsm).build();
    let domains = row.domids().map(|domid| {
        let config = Config::new(kind(row.mode_of(domid))).domid(domid_t(domid)).pages(512);
        let config = if domid == 0 { config.privileged() } else { config };
        let config = if row.domains == 1 { config.max_maptrack_frames(1) } else { config };
        xen.domain(config).expect("a domain")
    });
    let domains: Arc<[Domain]> = domains.collect();
    let first = row.domids().start;
    let arguments = if row.domains > 1 { format!("first={first}") } else { String::new() };
    let run = |domain: &Domain| {
        let (domain, domains) = (domain.clone(), domains.clone());
        let mut guest = ModelGuest { domain, domains, transcript: Transcript::default() };
        xen_scenarios::run(&mut guest, &arguments);
        guest.transcript
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            domains.iter().map(|domain| scope.spawn(move || run(domain))).collect();
        let transcripts = threads.into_iter().map(|thread| thread.join().expect("a transcript"));
        row.domids().zip(transcripts).collect()
    })
}

#[test]
fn the_model_does_as_the_hypervisors_do() {
    let mut divergences = Vec::new();
    let mut all = Vec::new();
    for row in matrix().into_iter().filter(|row| row.mode != Mode::Linux) {
        for (domid, transcript) in transcripts(row) {
            let place = Where { model: true, ..Where::new(row, domid) };
            assert!(transcript.len() > 10, "{row}: {}", transcript.len());
            for divergence in compare(&transcript, domid, place) {
                divergences.push(format!("error: {row}: domain {domid}: {divergence}"));
            }
            all.push((place, domid, transcript));
        }
    }
    assert!(divergences.is_empty(), "\n{}", divergences.join("\n"));
    let all: Vec<_> = all.iter().map(|(place, domid, text)| (*place, *domid, text)).collect();
    let stale = stale(&all);
    assert!(stale.is_empty(), "differences that make none:\n{}", stale.join("\n"));
}
