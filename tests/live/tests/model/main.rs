//! The same scenarios on the model, compared as on a real hypervisor.

mod hypercalls;
mod ledger;

use xen_live::{Mode, Row, Where, compare, matrix, simulate, stale};

/// The machines that there is a model of: of all but those with Linux.
fn rows() -> impl Iterator<Item = Row> {
    matrix().into_iter().filter(|row| row.mode != Mode::Linux)
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
