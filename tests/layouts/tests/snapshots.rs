//! A readable text of every header, for each pinned release and architecture; of Linux's headers one
//! for all releases.
#![cfg(feature = "headers")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use devtools::Arch;
use xen_codegen::ir::Profile;
use xen_codegen::view::text;
use xen_headers::pins;
use xen_layouts::release;

#[test]
fn layouts_are_as_reviewed() {
    let mut expected = BTreeSet::new();
    for pin in pins().releases() {
        let name = &pin.name;
        let source = release(name).expect("the headers are at hand");
        let abis = xen_codegen::abis(&source, &Arch::SHIPPED, Profile::Tools).expect("they import");
        for abi in &abis {
            for header in &abi.headers {
                // Linux's are the same with each release of Xen.
                let (of, release) = match abi.linux.get(header) {
                    Some(package) => (package.clone(), "linux"),
                    None => (format!("Xen {name}"), name.as_str()),
                };
                let directory = snapshots().join(release).join(abi.arch.name());
                let text = text::header(abi, header);
                if text.is_empty() {
                    continue;
                }
                let file = header.trim_start_matches("linux/").trim_end_matches(".h");
                let file = file.replace(['/', '-'], "_");
                expected.insert(directory.join(format!("{file}.snap")));
                insta::with_settings!({
                    snapshot_path => &directory,
                    prepend_module_to_snapshot => false,
                    omit_expression => true,
                    description => format!("{header} of {of}, {}", abi.arch),
                }, {
                    insta::assert_snapshot!(file, text);
                });
            }
        }
    }
    let mut found = BTreeSet::new();
    collect(&snapshots(), &mut found);
    let unreferenced: Vec<_> = found.difference(&expected).collect();
    assert!(unreferenced.is_empty(), "snapshots nothing refers to: {unreferenced:#?}");
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots")
}

fn collect(dir: &Path, out: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("the snapshots are there") {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            collect(&path, out);
        } else {
            out.insert(path);
        }
    }
}
