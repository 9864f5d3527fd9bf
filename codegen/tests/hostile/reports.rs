//! Trees and options of real users that came out wrong.

use std::fs;

use crate::{Tree, out, refused};

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

/// A type without a rule fails what holds it and nothing else.
#[test]
fn types_without_a_rule() {
    let odd = [
        "struct sched_odd0 { uint8_t x; } __attribute__((aligned(64)));",
        "struct sched_odd1 { int x : 3; };",
        "union sched_odd2 { uint32_t a : 3; uint32_t b; };",
        "struct sched_odd3 { void (*f)(int); };",
        "struct sched_odd4 { uint8_t a; }; struct sched_b { uint32_t b; }; \
         typedef struct sched_b sched_odd4;",
    ];
    let tree = Tree::new();
    let first = tree.append(&odd.join("\n"));
    for number in 0..odd.len() {
        let keyword = if number == 2 { "union" } else { "struct" };
        let ty = format!("{keyword} sched_odd{number}");
        tree.append(&format!("struct sched_holder{number} {{ {ty} in[2]; uint32_t after; }};"));
    }
    tree.append("struct sched_clean { struct sched_holder0 *to; uint32_t a; };");
    let output = tree.run(&["omitted", "--arch", "arm"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("a bit field with a sign") && !said.contains("sched_clean"), "{said}");
    for number in 0..odd.len() {
        // What holds it is named with the place of the cause.
        let place = format!("sched.h:{}: the generator does not understand", first + number);
        for what in [
            format!("{place} sched_odd{number}, "),
            format!("{place} sched_holder{number}, which holds sched_odd{number}, "),
        ] {
            assert_eq!(said.matches(&what).count(), 1, "{what} in {said}");
        }
    }
    // What must hold the whole ABI does not go on without it.
    tree.refused(&["sched_", "sched.h:"]);
    let (_dir, out) = out();
    let arguments = ["gen", "--arch", "arm", "--out", &out.to_string_lossy()];
    refused(&tree.run(&arguments), &["sched_", "sched.h:"]);
    assert!(!out.exists());
}

/// A copy in another project may include what only this project has.
#[test]
fn headers_that_clang_rejects() {
    let tree = Tree::new();
    let place = format!("sched.h:{}", tree.append("#include <linux/spinlock.h>"));
    fs::write(tree.path().join("new.h"), "#include \"sched.h\"\nstruct new_one { int a; };\n")
        .unwrap();
    let output = tree.run(&["omitted", "--arch", "arm"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for words in [
        "the header sched.h, which clang rejects: 'linux/spinlock.h' file not found",
        "the header new.h, which includes sched.h",
    ] {
        let warned = said.lines().filter(|line| line.contains(words) && line.contains(&place));
        assert_eq!(warned.count(), 1, "{said}");
    }
    tree.refused(&[&place, "clang rejects"]);
    // Nothing can be read without this one.
    let xen = tree.path().join("xen.h");
    let text = fs::read_to_string(&xen).unwrap();
    fs::write(&xen, format!("{text}\n#error not for you\n")).unwrap();
    refused(&tree.run(&["omitted", "--arch", "arm"]), &["xen.h:", "not for you"]);
}

/// Of trees that no guest runs on yet.
#[test]
fn architectures_on_request() {
    let tree = Tree::new();
    for arch in ["ppc64le", "riscv64"] {
        let text = tree.prints(&["show", "--arch", arch]);
        assert!(text.contains("\nstruct gnttab_copy\n"), "{arch}");
    }
}
