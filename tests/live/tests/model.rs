//! The same scenarios on the model, compared as on a real hypervisor.

#![allow(unsafe_code, reason = "maps the model's grant table")]

use std::fmt;
use std::ptr::NonNull;
use std::time::Duration;

use xen_abi::memory::{XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table};
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_live::{Row, Transcript, Where, compare, matrix, stale};
use xen_model::{Config, Domain, Page, Release, Target, Xen};
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

/// What the scenarios give on a model of the machine.
fn transcript(row: Row) -> Transcript {
    let release = match row.release {
        "4.14" => Release::V4_14,
        "4.17" => Release::V4_17,
        _ => Release::V4_20,
    };
    let kind = match row.mode {
        xen_live::Mode::Pv => xen_model::Kind::Pv,
        xen_live::Mode::Pvh => xen_model::Kind::Pvh,
        _ => xen_model::Kind::Arm,
    };
    let xen = Xen::builder().release(release).build();
    let config = Config::new(kind).domid(domid_t(0)).privileged().pages(512);
    let domain = xen.domain(config).expect("a domain");
    let mut guest = ModelGuest { domain, transcript: Transcript::default() };
    xen_scenarios::run(&mut guest, "");
    guest.transcript
}

#[test]
fn the_model_does_as_the_hypervisors_do() {
    let mut divergences = Vec::new();
    let mut transcripts = Vec::new();
    for row in matrix().into_iter().filter(|row| row.domains == 1) {
        let transcript = transcript(row);
        assert!(transcript.len() > 300, "{row}: {}", transcript.len());
        let place = Where { model: true, ..row.into() };
        for divergence in compare(&transcript, 0, place) {
            divergences.push(format!("error: {row}: {divergence}"));
        }
        transcripts.push((place, transcript));
    }
    assert!(divergences.is_empty(), "\n{}", divergences.join("\n"));
    let stale = stale(&transcripts);
    assert!(stale.is_empty(), "differences that make none:\n{}", stale.join("\n"));
}
