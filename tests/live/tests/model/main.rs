//! The same scenarios on the model, compared as on a real hypervisor.

mod hypercalls;
mod ledger;

use xen_live::{Arch, Mode, Row, Where, compare, compare_simulated, matrix, simulate};
use xen_live::{simulate_unprivileged, stale};

/// The machines that there is a model of in this process: of all but those with Linux, and on x86 of those with
/// guests of its own width.
fn rows() -> impl Iterator<Item = Row> {
    let is_narrow = cfg!(target_arch = "x86");
    matrix()
        .into_iter()
        .filter(move |row| row.mode != Mode::Linux && is_narrow == (row.arch == Arch::X86_32))
}

#[test]
fn the_model_does_as_the_hypervisors_do() {
    let mut divergences = Vec::new();
    let mut all = Vec::new();
    for row in rows() {
        for (domid, transcript) in simulate(row, "").0 {
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

#[test]
fn an_unprivileged_domain_does_the_same_each_time() {
    let rows: Vec<_> =
        rows().filter_map(|row| row.unprivileged().map(|domid| (row, domid))).collect();
    assert!(!rows.is_empty());
    for (row, domid) in rows {
        let run = || simulate_unprivileged(row, domid, "steps=50");
        let (first, second) = (run(), run());
        assert!(first.len() > 500, "{row}: {}", first.len());
        assert_eq!(compare_simulated(&first, domid, &second), [], "{row}");
        // Another sequence differs, and so do the steps of a domain that did less.
        for other in ["steps=50 seed=9", "steps=50 scenario=random,version"] {
            let other = simulate_unprivileged(row, domid, other);
            assert_ne!(compare_simulated(&first, domid, &other), [], "{row}");
        }
    }
}
