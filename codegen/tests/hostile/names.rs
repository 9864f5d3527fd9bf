//! Headers whose names are no modules, or the same one.

use std::fs;

use crate::{Tree, out, refused};

fn generate(tree: &Tree, out: &std::path::Path) -> std::process::Output {
    tree.run(&["gen", "--arch", "arm", "--out", &out.to_string_lossy()])
}

#[test]
fn two_headers_of_one_module() {
    for (first, second) in
        [("a-b.h", "a_b.h"), ("grant-table.h", "grant_table.h"), ("mod.h", "mod_.h")]
    {
        let tree = Tree::new();
        fs::write(tree.path().join(first), "#define NEW_CONSTANT 99\n").unwrap();
        if !tree.path().join(second).exists() {
            fs::write(tree.path().join(second), "#define OTHER_CONSTANT 98\n").unwrap();
        }
        let (_dir, out) = out();
        refused(&generate(&tree, &out), &[first, second]);
        assert!(!out.exists());
    }
}

#[test]
fn names_that_are_keywords() {
    for (name, module) in
        [("mod", "mod_"), ("self", "self_"), ("crate", "crate_"), ("a.b", "a_b"), ("a+b", "a_b")]
    {
        let tree = Tree::new();
        let header = tree.path().join(name).with_file_name(format!("{name}.h"));
        fs::write(header, "#define NEW_CONSTANT 99\n").unwrap();
        let (_dir, out) = out();
        let output = generate(&tree, &out);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(out.join(format!("arm/{module}.rs"))).unwrap();
        assert!(text.contains("NEW_CONSTANT"), "{name}");
        let root = fs::read_to_string(out.join("arm/mod.rs")).unwrap();
        assert!(root.contains(&format!("pub mod {module};")), "{name}");
    }
}

#[test]
fn names_that_no_header_has() {
    for name in ["..h", "a b.h", "a\nb.h"] {
        let tree = Tree::new();
        fs::write(tree.path().join(name), "#define NEW_CONSTANT 99\n").unwrap();
        tree.refused(&["has a name that no header has"]);
    }
}

/// A member that Rust has no name for keeps C's in the data.
#[test]
fn a_member_named_underscore() {
    let tree = Tree::with("struct odd_member { uint8_t _; uint8_t type; };");
    let text = tree.prints(&["show"]);
    assert!(text.contains("  _: u8\n") && !text.contains("  __: u8\n"));
}

#[test]
fn a_tag_and_a_typedef_of_another_type() {
    let tree = Tree::with(
        "struct odd24 { uint8_t a; };\nstruct odd24b { uint32_t b; };\ntypedef struct odd24b odd24;",
    );
    tree.refused(&["sched.h:", "odd24"]);
}
