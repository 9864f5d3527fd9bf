//! Compiles the fixture for a target.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Where the fixture is compiled: apart from everyone else's builds, and kept for the next run.
const SCRATCH: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/hypercalls");

/// Cargo locks what it compiles, but not the files that are written for it here.
static TURN: Mutex<()> = Mutex::new(());

/// The compiled library, with the options of a release: the bytes of an archive.
pub(crate) fn build(triple: &str) -> Vec<u8> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let suite = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = suite.ancestors().nth(2).expect("the package is in the workspace");
    let scratch = Path::new(SCRATCH).join(triple);
    fs::create_dir_all(&scratch).expect("the directory is ours");
    let manifest = scratch.join("Cargo.toml");
    fs::write(&manifest, text(&suite.join("hypercalls/lib.rs"), &workspace.join("xen-ops")))
        .expect("the directory is ours");
    // The workspace's own choice of versions, which are here already.
    fs::copy(workspace.join("Cargo.lock"), scratch.join("Cargo.lock")).expect("it is there");

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--offline", "--quiet", "--target", triple]);
    cargo.arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(SCRATCH);
    // Other options make other instructions.
    for variable in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_INCREMENTAL"]
    {
        cargo.env_remove(variable);
    }
    let output = cargo.output().expect("cargo can be run");
    assert!(output.status.success(), "{triple}: {}", String::from_utf8_lossy(&output.stderr));
    let library = Path::new(SCRATCH).join(triple).join("release/libhypercalls.rlib");
    fs::read(library).expect("cargo has written it")
}

/// The manifest. It stands outside the workspace, so that no other command compiles the fixture.
fn text(library: &Path, xen_ops: &Path) -> String {
    format!(
        "[package]\n\
         name = \"hypercalls\"\n\
         edition = \"2024\"\n\
         [lib]\n\
         path = {library:?}\n\
         [dependencies]\n\
         xen-ops = {{ path = {xen_ops:?}, features = [\"argo\", \"toolstack\"] }}\n\
         [profile.release]\n\
         panic = \"abort\"\n\
         codegen-units = 1\n\
         [workspace]\n"
    )
}
