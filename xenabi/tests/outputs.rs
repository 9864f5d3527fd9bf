//! What the commands print, against what was reviewed, and how they end.

use std::process::{Command, Output};

use serde_json::Value;

fn xenabi(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xenabi"));
    command.args(arguments.split_whitespace()).output().expect("it runs")
}

/// The output of a command that succeeds.
#[track_caller]
fn printed(arguments: &str) -> String {
    let Output { status, stdout, stderr } = xenabi(arguments);
    assert_eq!(status.code(), Some(0), "{arguments}: {}", String::from_utf8_lossy(&stderr));
    assert!(stderr.is_empty(), "{arguments}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

/// A command that fails with this status, and says one line that has all these words.
#[track_caller]
fn refused(arguments: &str, status: i32, words: &[&str]) {
    let Output { status: found, stdout, stderr } = xenabi(arguments);
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(found.code(), Some(status), "{arguments}: {said}");
    assert!(stdout.is_empty(), "{arguments}: {}", String::from_utf8_lossy(&stdout));
    assert!(status == 1 || said.lines().count() == 1, "{said}");
    for word in words {
        assert!(said.contains(word), "{arguments}: no {word:?} in: {said}");
    }
}

#[test]
fn answers_are_as_reviewed() {
    for (name, arguments) in [
        ("layout", "layout gnttab_copy"),
        ("layout_bits", "layout ioreq --arch arm"),
        ("layout_member", "layout xen_domctl_createdomain.arch --release 4.17"),
        ("layout_of_a_typedef", "layout xen_pfn_t"),
        ("layout_of_linux", "layout gntdev_grant_copy_segment"),
        ("find", "find CACHE_flush"),
        ("find_members", "find frame_list"),
        ("const", "const GNTST_eagain"),
        ("const_of_an_enumeration", "const XENMEM_access_default --release 4.17"),
        ("const_by_architecture", "const MACH2PHYS_VIRT_START"),
        ("value", "value 0xb --in GNTTABOP"),
        ("value_of_a_result", "value -22"),
        ("explain_a_number", "explain -11"),
        ("explain_a_name", "explain einval"),
        ("uses", "uses gnttab_copy_ptr"),
        ("uses_of_a_typedef", "uses evtchn_fifo_control_block"),
        ("since_a_type", "since xen_domctl_createdomain"),
        ("since_a_constant", "since XEN_DOMCTL_CDF_vpmu"),
        ("releases", "releases"),
    ] {
        let text = printed(arguments);
        insta::with_settings!({ description => format!("xenabi {arguments}"), omit_expression => true }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

#[test]
fn breaks_of_a_stable_interface_have_a_status() {
    let Output { status, stdout, .. } = xenabi("diff 4.19 4.20 --arch x86_64 --breaks");
    assert_eq!(status.code(), Some(1));
    let text = String::from_utf8(stdout).expect("text");
    insta::with_settings!({ description => "xenabi diff 4.19 4.20 --arch x86_64 --breaks", omit_expression => true }, {
        insta::assert_snapshot!("diff", text);
    });
    assert!(printed("diff 4.22 4.22").contains(": 0 changes, 0 of them breaks"));
    // A domctl promises nothing.
    let text = printed("diff 4.22 RELEASE-4.22.0 --arch riscv64");
    assert!(text.starts_with("Xen 4.22 (4.22.0) to Xen 4.22 (4.22.0) on riscv64: 0"), "{text}");
}

#[test]
fn unknown_names_get_the_nearest() {
    refused("layout gnttab_copi", 2, &["gnttab_copi", "did you mean \"gnttab_copy\"?"]);
    refused("layout gnttab_copy.stat", 2, &["gnttab_copy.stat", "did you mean \"status\"?"]);
    refused("const GNTTABOP_copi", 2, &["did you mean \"GNTTABOP_copy\"?"]);
    refused("uses gnttab_copi_ptr", 2, &["did you mean \"gnttab_copy_ptr\"?"]);
    refused("since gnttab_copi", 2, &["did you mean \"gnttab_copy\"?"]);
    refused("explain EINVALL", 2, &["did you mean \"EINVAL\"?"]);
    refused("layout ioreq --release 4.71", 2, &["4.71", "did you mean \"4.17\"?"]);
    refused("diff 4.17.5 4.20", 2, &["4.17.5", "did you mean \"4.17\"?"]);
    refused("layout ioreq --arch aarch46", 2, &["did you mean \"aarch64\"?"]);
    refused("layout ioreq --arch riscv64 --release 4.14", 2, &["4.14 has no riscv64"]);
    refused("layout tmem_op", 2, &["it is in 4.14 to 4.18"]);
    refused("value many", 2, &["many", "neither a number"]);
    refused("layout x@y", 2, &["x@y", "xenabi find"]);
}

#[test]
fn nothing_found_has_a_status() {
    refused("find no_such_thing", 1, &["no_such_thing"]);
    refused("value 0x123456789", 1, &["4886718345"]);
    refused("explain 9999", 1, &["9999"]);
    refused("uses evtchn_fifo_control_block_t", 1, &["nothing in Xen 4.22 uses"]);
}

#[test]
fn trees_need_another_program() {
    refused("layout ioreq --headers /tmp", 2, &["cargo run -p xenabi-headers"]);
    refused("diff --git . HEAD~1 HEAD", 2, &["cargo run -p xenabi-headers"]);
}

/// Where `value` is not as `schema` has it. Knows the keywords that the schema of the export uses.
fn violations(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).expect("a definition");
        return violations(root, target, value, path);
    }
    let mut out = Vec::new();
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let is_of = |ty: &Value| match ty.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        other => panic!("{path}: the test does not know the type {other:?}"),
    };
    let listed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    let negative = schema["minimum"] == 0 && value.as_i64().is_some_and(|value| value < 0);
    if !(types.is_empty() || types.iter().any(is_of)) || !listed || negative {
        out.push(format!("{path}: {value}"));
    }
    if let (Value::Object(members), Value::Object(known)) = (value, &schema["properties"]) {
        let required = schema["required"].as_array().expect("a list").iter();
        let missing = required.filter(|name| !members.contains_key(name.as_str().expect("a name")));
        out.extend(missing.map(|name| format!("{path}: no {name}")));
        for (name, value) in members {
            let path = format!("{path}.{name}");
            match known.get(name) {
                Some(schema) => out.extend(violations(root, schema, value, &path)),
                None => out.push(format!("{path}: not in the schema")),
            }
        }
    }
    if let Value::Array(values) = value {
        let each = values.iter().enumerate();
        out.extend(each.flat_map(|(at, value)| {
            violations(root, &schema["items"], value, &format!("{path}[{at}]"))
        }));
    }
    out
}

#[test]
fn the_export_follows_its_schema() {
    let schema = serde_json::from_str(include_str!("../schema/export.json"));
    let schema: Value = schema.expect("the schema is JSON");
    let check = |export: &Value| violations(&schema, &schema, export, "export");
    for arguments in ["export", "export --release 4.14 --arch arm"] {
        let mut export: Value = serde_json::from_str(&printed(arguments)).expect("JSON");
        assert_eq!(check(&export), [""; 0], "{arguments}");
        let length = |list: &str| export[list].as_array().map_or(0, Vec::len);
        assert_eq!(export["counts"]["constants"], length("constants"));
        assert_eq!(export["counts"]["types"], length("types") + length("typedefs"));
        // The negative control: each kind of flaw is found.
        export["types"][0]["size"] = "8".into();
        export["types"][1]["kind"] = "class".into();
        export["types"][2]["align"] = (-8).into();
        export["constants"][0]["colour"] = "red".into();
        export["typedefs"][0].as_object_mut().expect("an object").remove("target");
        assert_eq!(check(&export).len(), 5, "{:?}", check(&export));
    }
}

#[test]
fn the_text_is_the_record() {
    let text = printed("export --format text --arch x86_64");
    let copy =
        "struct gnttab_copy\n   40     8  size, align\n    0    16  source: gnttab_copy_ptr\n";
    assert!(text.contains(copy), "{text}");
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(printed(&format!("completions {shell}")).contains("xenabi"), "{shell}");
    }
}

/// `cargo xtask verify` shows the same figures for the same releases.
#[test]
fn counts_agree_with_what_verify_shows() {
    let shown = include_str!("../../docs/figures/verify.txt");
    let releases = printed("releases");
    let mut compared = 0;
    for row in shown.lines().skip(2) {
        let cells: Vec<&str> = row.split_whitespace().collect();
        let ours = releases.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ours = ours.into_iter().find(|ours| ours[0] == cells[0] && ours[2] == cells[1]);
        let ours = ours.unwrap_or_else(|| panic!("{row}: not known"));
        // Packages of a release are not always the point release that is recorded.
        if cells[0] == "4.20" {
            assert_eq!(ours[3..6], cells[2..5], "{row}");
            compared += 1;
        }
    }
    assert_eq!(compared, 5);
}

#[test]
fn the_readme_shows_what_is_printed() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("xenabi", trycmd::cargo::cargo_bin!("xenabi"));
    cases.case("README.md");
}
