//! The same scenarios on the model, compared as on a real hypervisor.

#![allow(unsafe_code, reason = "maps the model's grant table")]

use std::fmt;
use std::ptr::NonNull;
use std::thread;
use std::time::Duration;

use xen_abi::memory::{XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_live::{Mode, Row, Transcript, Where, compare, matrix, stale};
use xen_model::{Config, Domain, Page, Release, Target, Xen, Xsm};
use xen_ops::hypercall::grant_table_op::{get_status_frames, setup_table};
use xen_ops::hypercall::memory_op::add_to_physmap;
use xen_ops::page::{Page as _, Target as _};
use xen_scenarios::{Guest, Kind, Part};

/// A domain of the model that scenarios can run in.
struct ModelGuest {
    domain: Domain,
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
        Kept(std::mem::ManuallyDrop::new(self.domain.page().expect("a page")))
    }

    fn loose_frame(&mut self) -> xen_pfn_t {
        self.page().0.frame()
    }

    fn target(&mut self) -> Target {
        self.domain.target()
    }

    fn bad_address(&self) -> usize {
        0
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
                get_status_frames(domain, DOMID_SELF, &mut [0]).expect("the status frame");
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

    fn write(&mut self, line: fmt::Arguments<'_>) {
        self.transcript.read(&line.to_string());
    }
}

/// A page that nobody else gets, used up or not: a guest of the live tests has none back either.
struct Kept(std::mem::ManuallyDrop<Page>);

// SAFETY: hands everything on.
unsafe impl xen_ops::page::Page for Kept {
    fn frame(&self) -> xen_pfn_t {
        self.0.frame()
    }

    fn address(&self) -> NonNull<u8> {
        self.0.address()
    }
}

/// What the scenarios of one domain give on a model of the machine, or that of several domains, by
/// domain. Linux is no domain of the model's.
fn transcripts(row: Row) -> Vec<Transcript> {
    let release = match row.release {
        "4.14" => Release::V4_14,
        "4.17" => Release::V4_17,
        _ => Release::V4_20,
    };
    let kind = match row.mode {
        Mode::Pv => xen_model::Kind::Pv,
        Mode::Pvh => xen_model::Kind::Pvh,
        Mode::Native | Mode::On64 => xen_model::Kind::Arm,
        Mode::Linux => return Vec::new(),
    };
    // Debian's hypervisors for Arm keep unprivileged domains apart.
    let xsm = if kind == xen_model::Kind::Arm { Xsm::Silo } else { Xsm::Dummy };
    let xen = Xen::builder().release(release).xsm(xsm).build();
    let guests = (0..row.domains).map(|domid| {
        let config = Config::new(kind).domid(domid_t(domid)).pages(512);
        let config = if domid == 0 { config.privileged() } else { config };
        let domain = xen.domain(config).expect("a domain");
        ModelGuest { domain, transcript: Transcript::default() }
    });
    let guests: Vec<_> = guests.collect();
    let arguments =
        if row.domains > 1 { format!("domains={}", row.domains) } else { String::new() };
    thread::scope(|scope| {
        let run = |mut guest: ModelGuest| {
            xen_scenarios::run(&mut guest, &arguments);
            guest.transcript
        };
        let threads: Vec<_> =
            guests.into_iter().map(|guest| scope.spawn(move || run(guest))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a transcript")).collect()
    })
}

#[test]
fn the_model_does_as_the_hypervisors_do() {
    let mut divergences = Vec::new();
    let mut of_one_domain = Vec::new();
    for row in matrix() {
        let place = Where { model: true, ..row.into() };
        for (domid, transcript) in (0..).zip(transcripts(row)) {
            assert!(transcript.len() > 10, "{row}: {}", transcript.len());
            for divergence in compare(&transcript, domid, place) {
                divergences.push(format!("error: {row}: {divergence}"));
            }
            if row.domains == 1 {
                of_one_domain.push((place, transcript));
            }
        }
    }
    assert!(divergences.is_empty(), "\n{}", divergences.join("\n"));
    let stale = stale(&of_one_domain);
    assert!(stale.is_empty(), "differences that make none:\n{}", stale.join("\n"));
}
