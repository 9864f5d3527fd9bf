//! The tables written by hand keep up with the generated constants.

use xen_abi::xen::domid_t;
use xen_abi::{Errno, GrantStatus};

/// The values of the constants of type `ty` in a generated module.
fn values(module: &str, ty: &str) -> Vec<(String, i64)> {
    let start = format!(": {ty} = {ty}(");
    let constant = |line: &str| {
        let (name, value) = line.strip_prefix("pub const ")?.split_once(&start)?;
        Some((name.to_owned(), value.strip_suffix(");")?.parse().ok()?))
    };
    module.lines().filter_map(constant).collect()
}

#[test]
fn every_error_has_a_text() {
    let all = values(include_str!("../src/generated/x86_64/errno.rs"), "Errno");
    assert!(all.len() > 40, "only {}", all.len());
    for (name, value) in all {
        let error = Errno(u32::try_from(value).expect("an error number"));
        assert!(error.text().is_some(), "{name} = {value}");
    }
}

#[test]
fn every_status_has_a_text() {
    let all = values(include_str!("../src/generated/x86_64/grant_table.rs"), "GrantStatus");
    assert_eq!(all.len(), 14);
    for (name, value) in all {
        let status = GrantStatus(i16::try_from(value).expect("a status"));
        assert_eq!(status.name(), Some(name.as_str()));
    }
}

#[test]
fn every_reserved_domain_has_its_name() {
    let all = values(include_str!("../src/generated/x86_64/xen.rs"), "domid_t");
    // Two constants are bounds, of the same value as the reserved domain there.
    let bounds = ["DOMID_FIRST_RESERVED", "DOMID_MASK"];
    let all: Vec<_> =
        all.into_iter().filter(|(name, _)| !bounds.contains(&name.as_str())).collect();
    assert!(all.len() >= 6, "only {all:?}");
    for (name, value) in all {
        let domain = domid_t(u16::try_from(value).expect("a domain"));
        assert_eq!(domain.name(), Some(name.as_str()));
    }
}
