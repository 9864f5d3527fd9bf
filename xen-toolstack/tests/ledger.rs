//! Every domctl and sysctl in the headers of each release is in the tables of `raw`, or has a reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Constants that begin as an operation's name does, and are none.
const NO_OPERATION: &[(&str, &str)] = &[
    ("XEN_DOMCTL_real_mode_area", "obsolete: of the PowerPC port that was removed"),
    ("XEN_DOMCTL_set_opt_feature", "obsolete: of the Itanium port that was removed"),
    ("XEN_DOMCTL_soft_reset_cont", "Xen's own continuation of soft_reset"),
    ("XEN_DOMCTL_vmtrace_", "commands of vmtrace_op"),
    ("XEN_SYSCTL_pm_op_", "commands of pm_op"),
    ("XEN_SYSCTL_cpu_featureset_", "arguments of get_cpu_featureset"),
    ("XEN_SYSCTL_cpu_policy_", "arguments of get_cpu_policy"),
];

/// The constants of `header` that are operations, as the generated text of a release has them.
fn operations(text: &str, prefix: &str) -> BTreeSet<String> {
    let constants = text.lines().filter_map(|line| line.strip_prefix("pub const "));
    let names = constants.filter_map(|line| line.split(':').next());
    let operation = |name: &&str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    names.filter(operation).map(str::to_owned).collect()
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap_or_default()
}

#[test]
fn tables_have_every_operation() {
    for (header, prefix) in [("domctl", "XEN_DOMCTL_"), ("sysctl", "XEN_SYSCTL_")] {
        let table = read(&format!("src/raw/{header}.rs"));
        let rows: BTreeSet<&str> = table
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with(prefix) && !word.ends_with("_VERSION"))
            .collect();
        let mut all = BTreeSet::new();
        for arch in ["x86_64", "aarch64"] {
            let root = format!("../xen-abi/src/generated/{arch}/{header}.rs");
            all.extend(operations(&read(&root), prefix));
            for minor in 17..=22 {
                let path = format!("../xen-abi/src/releases/{arch}/v4_{minor}/{header}.rs");
                all.extend(operations(&read(&path), prefix));
            }
        }
        assert!(all.len() > 25, "the generated text is where it was");
        let excused = |name: &str| {
            NO_OPERATION.iter().any(|(known, _)| {
                name == *known || (known.ends_with('_') && name.starts_with(known))
            })
        };
        let missing: Vec<_> =
            all.iter().filter(|name| !rows.contains(name.as_str()) && !excused(name)).collect();
        assert!(missing.is_empty(), "no row for {missing:?}");
        let stale: Vec<_> = rows.iter().filter(|name| !all.contains(**name)).collect();
        assert!(stale.is_empty(), "rows without an operation: {stale:?}");
    }
}
