//! `diff` finds what is known to have moved between releases, and nothing between equals.

use xen_records::view::Index;
use xen_records::view::diff::{Change, diff};

fn changes(old: &str, new: &str, arch: &str) -> Vec<Change> {
    let records = xen_records::records().expect("the records are as they were written");
    let index = Index::new(&records);
    let abi = |release| {
        let cell = records.catalogue.cell(release, arch).expect("a recorded release");
        index.abi(cell.0, cell.1)
    };
    diff(abi(old), abi(new))
}

#[track_caller]
fn assert_change(changes: &[Change], name: &str, kind: &str, breaks: bool) {
    let of_name: Vec<_> = changes.iter().filter(|change| change.name == name).collect();
    let found = of_name.iter().find(|change| change.kind.to_string() == kind);
    let found = found.unwrap_or_else(|| panic!("{name} {kind}: only {of_name:#?}"));
    assert_eq!(found.breaks, breaks, "{name} {kind}");
}

#[test]
fn from_4_17_to_4_20() {
    let changes = changes("4.17", "4.20", "x86_64");
    // A domctl or sysctl promises nothing, so that no change of one is a break.
    assert_change(&changes, "xen_domctl_createdomain", "size 64 -> 68", false);
    assert_change(&changes, "XEN_DOMCTL_INTERFACE_VERSION", "value 21 (i32) -> 23 (i32)", false);
    assert_change(&changes, "xen_get_cpufreq_para", ".u moved 96 -> 68", false);
    // Every ring lost its first element to a flexible array.
    for ring in ["blkif_sring", "netif_tx_sring", "netif_rx_sring", "xen_sndif_sring"] {
        let ring: Vec<_> = changes.iter().filter(|change| change.name == ring).collect();
        assert!(ring.iter().any(|change| change.kind.to_string().ends_with(" -> 64")), "{ring:?}");
    }
    assert_change(&changes, "XENMEM_access_default", "value 10 (i32) -> 11 (i32)", true);
}

#[test]
fn from_4_14_to_4_17() {
    let found = changes("4.14", "4.17", "x86_64");
    assert_change(&found, "vm_event_st", "size 384 -> 400", false);
    assert_change(&found, "xen_domctl_createdomain", "size 48 -> 64", false);
    assert_change(&found, "xen_domctl_getdomaininfo", "size 104 -> 112", false);
    assert_change(&found, "xen_sysctl_physinfo", "size 104 -> 112", false);
    let found = changes("4.14", "4.17", "aarch64");
    assert_change(&found, "vcpu_guest_core_regs", "size 304 -> 312", true);
}

#[test]
fn nothing_differs_from_itself() {
    assert_eq!(changes("4.22", "4.22", "arm"), []);
}
