//! `cargo xtask features`: every cargo feature of the published libraries, alone.

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, package, process, tool, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Tool(&tool::HACK)];

/// Features that are not checked alone: sums of others, and those that only pass a feature on to xen-abi or xen-ops,
/// where it is checked.
const EXCLUDED: [(&[&str], &str); 5] = [
    (&[package::ABI], "default,full"),
    (&["xen-abi-derive", "xen-toolstack", "xen-sim"], "default"),
    (&["xen-ops"], "default,full,foreign,io,linux,vm-memory,zerocopy"),
    (&["xen-io", "xen-guest"], "default,argo,vm-memory,zerocopy"),
    (&["xen-linux"], "default,full,argo,foreign,io,toolstack,zerocopy"),
];

/// Has cargo-hack check each feature; a warning in one of them is an error.
///
/// Pairs of features are not checked: code of one feature that needs another fails with the first alone, and
/// code of two features is linted with their sum.
///
/// cargo-hack's `--no-dev-deps` is not used: it edits the manifests while it runs, which other steps read, and
/// cargo's resolver keeps the features of dev-dependencies out of a plain check anyway.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    for (crates, excluded) in EXCLUDED {
        let mut command = tool::HACK.command()?;
        command.arg("check").args(crates.iter().flat_map(|name| ["-p", name]));
        command.args(["--each-feature", "--exclude-features", excluded]);
        command.arg("--target-dir").arg(workspace::scratch("features")?);
        command.env("RUSTFLAGS", "-D warnings").env("CARGO_INCREMENTAL", "0");
        process::captured(&format!("features of {}", crates.join(", ")), &mut command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn every_feature_with_code_is_checked() {
        let root = workspace::root().unwrap();
        let (_, over_abi) = EXCLUDED.split_first().unwrap();
        for (crates, excluded) in over_abi {
            for name in *crates {
                let directory = root.join(name).join("src");
                let files = workspace::files(&directory).unwrap();
                let text = |file| fs::read_to_string(directory.join(file)).unwrap();
                let text: String = files.iter().map(text).collect();
                for feature in excluded.split(',') {
                    let is_used = text.contains(&format!("feature = {feature:?}"));
                    assert!(!is_used, "{name} has code for {feature}");
                }
            }
        }
    }

    #[test]
    fn every_library_is_checked() {
        let checked: BTreeSet<_> = EXCLUDED.iter().flat_map(|(crates, _)| *crates).collect();
        assert_eq!(checked, package::LIBRARIES.iter().collect());
    }
}
