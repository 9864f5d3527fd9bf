//! Trees and options of real users that came out wrong.

use std::fs;

use crate::{Tree, refused};

/// Some downstream trees set the version themselves, whatever a program defines.
#[test]
fn a_tree_that_sets_the_interface_version() {
    let tree = Tree::new();
    let compat = tree.path().join("xen-compat.h");
    let old = fs::read_to_string(&compat).unwrap();
    let line = old.lines().position(|line| line.contains("#define __XEN_LATEST")).unwrap() + 2;
    let (before, after) = old.split_at(old.find("#if defined(__XEN__)").unwrap());
    let own = "#define __XEN_INTERFACE_VERSION__ 0x00040100\n";
    fs::write(
        &compat,
        format!("{before}#undef __XEN_INTERFACE_VERSION__\n{own}#if 0\n#elif 0\n#endif\n{after}"),
    )
    .unwrap();
    let text = fs::read_to_string(&compat).unwrap();
    let spoiled = text.lines().position(|line| line == own.trim_end()).unwrap() + 1;
    assert!(spoiled >= line);
    let place = format!("xen-compat.h:{spoiled}");
    let fixed = tree.run(&["show", "--interface-version", "0x00040d00"]);
    refused(&fixed, &[&place, "__XEN_INTERFACE_VERSION__", "0x00040d00"]);
}

/// Below 0x0003020a a macro gives the structure another tag.
#[test]
fn c_names_of_older_interfaces() {
    let tree = Tree::new();
    let text = tree.prints(&["show", "--interface-version", "0x00030209"]);
    assert!(text.contains("\nstruct grant_entry\n"));
    assert!(!text.contains("typedef struct grant_entry\n"));
    let text = tree.prints(&["show", "--interface-version", "0x0003020a"]);
    assert!(text.contains("\nstruct grant_entry_v1\n"));
}

/// A macro without a rule is left out of what does not need it, with a warning.
#[test]
fn one_macro_without_a_rule() {
    for text in [
        "#define SCHEDOP_twice(x) ((x) * 2)",
        "#define SCHEDOP_float 1.5",
        "#define SCHEDOP_loop do { } while (0)",
        "#define SCHEDOP_list { 1, 2 }",
    ] {
        let tree = Tree::new();
        let place = format!("sched.h:{}", tree.append(text));
        let output = tree.run(&["omitted", "--arch", "arm"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let warned = said.lines().filter(|line| line.contains(&place)).count();
        assert_eq!(warned, 1, "{said}");
        // What must hold the whole ABI does not go on without it.
        tree.refused(&[&place, "SCHEDOP_"]);
    }
}
