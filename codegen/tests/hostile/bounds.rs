//! What would not end, or take all memory or the stack.

use std::fs;
use std::process::Command;

use crate::Tree;

/// `count` lines, each from the number of the one before.
fn lines(count: usize, line: impl Fn(usize, usize) -> String) -> String {
    (1..=count).map(|number| line(number - 1, number) + "\n").collect()
}

#[test]
fn chained_typedefs() {
    let tree = Tree::with(&lines(20_000, |a, b| format!("typedef t{a} t{b};")));
    tree.refused(&["sched.h:", "levels deep"]);
}

#[test]
fn chained_structures() {
    let tree = Tree::with(&lines(3_000, |a, b| format!("struct n{b} {{ struct n{a} a; }};")));
    tree.refused(&["sched.h:", "levels deep"]);
}

#[test]
fn chained_macros() {
    let tree = Tree::with(&lines(20_000, |a, b| format!("#define M{b} M{a}")));
    tree.refused(&["sched.h:", "levels deep"]);
}

#[test]
fn a_macro_bomb() {
    let tree = Tree::with(&lines(40, |a, b| format!("#define B{b} B{a} + B{a}")));
    tree.refused(&["sched.h:", "stands for more than"]);
}

#[test]
fn stars() {
    let tree = Tree::new();
    let line = tree.append(&format!("typedef int {}p;", "*".repeat(50_000)));
    tree.refused(&[&format!("sched.h:{line}"), "pointers to pointers"]);
}

#[test]
fn includes_of_anything_else() {
    for (file, line) in [
        ("/dev/zero", "#include \"/dev/zero\""),
        ("/etc/passwd", "#include </etc/passwd>"),
        ("../../../../../../etc/passwd", "#include \"../../../../../../etc/passwd\""),
        ("/etc/passwd", "#inc\\\nlude \"/etc/passwd\""),
        ("NAME", "#define NAME \"/etc/passwd\"\n#include NAME"),
    ] {
        let tree = Tree::new();
        tree.append(line);
        tree.refused(&["sched.h:", "it includes", file]);
    }
}

#[test]
fn an_included_fifo() {
    let tree = Tree::with("#include \"pipe\"");
    assert!(Command::new("mkfifo").arg(tree.path().join("pipe")).status().unwrap().success());
    tree.refused(&["sched.h:", "pipe"]);
}

#[test]
fn huge_arrays() {
    for members in [
        "char a[0x7fffffffffffffff];",
        "char a[0x4000000000000000]; char b[0x4000000000000000];",
        "char a[0x2000000000000000][8];",
    ] {
        let tree = Tree::new();
        let line = tree.append(&format!("struct huge {{ {members} }};"));
        let output = tree.run(&["show"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("libclang cannot") && !said.contains("panicked"), "{said}");
        // Clang's own limit on a type's size differs between versions; what passes it must add up.
        let place = format!("sched.h:{line}");
        assert!(output.status.success() || said.contains(&place), "{said}");
    }
}

/// A header far larger than any of upstream's is read, since the cost grows with the number of its
/// lines and no faster.
#[test]
fn ten_thousand_members_and_macros() {
    let members = lines(10_000, |_, n| format!("uint8_t m{n};"));
    let macros = lines(10_000, |_, n| format!("#define V{n} {n}"));
    let tree = Tree::with(&format!("struct big {{\n{members}}};\n{macros}"));
    let text = tree.prints(&["show"]);
    assert!(text.contains(" m10000: u8") && text.contains("#define V10000 = 10000"));
}

#[test]
fn more_than_any_header_holds() {
    let tree = Tree::new();
    let members = lines(100_000, |_, n| format!("uint8_t member{n};"));
    fs::write(tree.path().join("big.h"), format!("struct big {{\n{members}}};\n")).unwrap();
    tree.refused(&["big.h", "larger than any header"]);
}
