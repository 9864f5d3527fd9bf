//! An unprivileged domain on the model, whose steps a real one's are compared with.

use xen_live::{compare_simulated, simulate_unprivileged};

use crate::rows;

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
