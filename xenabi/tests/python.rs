//! The example of `docs/guide/other-languages.md`: Python reads what `xenabi export` prints.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn python_makes_types_of_the_export() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("xen.json");
    let export = Command::new(env!("CARGO_BIN_EXE_xenabi"))
        .args(["export", "--arch", "x86_64"])
        .output()
        .unwrap();
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
    fs::write(&json, export.stdout).unwrap();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    // A record is written and read back, and one member is where the ABI has it.
    let program = "import sys\nfrom xen_ctypes import Abi\nxen = Abi(sys.argv[1])\n\
        copy = xen.types['gnttab_copy']()\n\
        copy.put('source.domid', xen.constants['DOMID_SELF'])\n\
        copy.put('len', 64)\n\
        print(bytes(copy)[8:10].hex(), copy.get('len'), len(bytes(copy)))\n";
    let Ok(output) = Command::new("python3")
        .args(["-c", program])
        .arg(&json)
        .env("PYTHONPATH", &guide)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
    else {
        eprintln!("python3 is not installed: not tested");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "f07f 64 40");
    let table = Command::new("python3")
        .arg(guide.join("xen_ctypes.py"))
        .arg(&json)
        .arg("gnttab_copy")
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let has = |words: [&str; 3]| table.lines().any(|line| line.split_whitespace().eq(words));
    assert!(has(["source.u.gmfn", "0", "8"]) && has(["status", "36", "2"]), "{table}");
}
