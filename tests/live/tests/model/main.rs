//! The same scenarios on the model, compared as on a real hypervisor.

#[cfg(not(target_arch = "x86"))]
mod hypercalls;
#[cfg(not(target_arch = "x86"))]
mod ledger;
#[cfg(not(target_arch = "x86"))]
mod unprivileged;

use xen_live::{Row, Where, built_rows, compare, matrix, simulate, stale};

/// The machines that there is a model of in this process: in one of 32 bits those of 32-bit x86 alone.
fn rows() -> impl Iterator<Item = Row> {
    matrix().into_iter().chain(built_rows()).filter(|row| row.is_simulated())
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
    assert!(!all.is_empty());
    assert!(divergences.is_empty(), "\n{}", divergences.join("\n"));
    let all: Vec<_> = all.iter().map(|(place, domid, text)| (*place, *domid, text)).collect();
    let stale = stale(&all);
    assert!(stale.is_empty(), "differences that make none:\n{}", stale.join("\n"));
}
