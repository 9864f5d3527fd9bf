//! The same scenarios on the model, compared as on a real hypervisor.

mod guest;
mod ledger;

use xen_live::{Where, compare, matrix, stale};

#[test]
fn the_model_does_as_the_hypervisors_do() {
    let mut divergences = Vec::new();
    let mut of_one_domain = Vec::new();
    for row in matrix() {
        let place = Where { model: true, ..row.into() };
        for (domid, transcript) in (0..).zip(guest::run(row).0) {
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
