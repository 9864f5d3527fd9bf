//! The READMEs show code that runs.

const ROOT: &str = include_str!("../../README.md");
const OPS: &str = include_str!("../../xen-ops/README.md");

/// The code after the comment at the start of a file.
fn code(file: &str) -> &str {
    file.split_once("\n\n").expect("a comment, and code").1
}

/// The contents of the code blocks that begin with this fence.
fn blocks<'a>(readme: &'a str, fence: &str) -> Vec<&'a str> {
    let starts = readme.split(fence).skip(1);
    starts.map(|block| block.split("```").next().expect("the block ends")).collect()
}

#[test]
fn the_first_example_is_the_one_that_runs() {
    let mut shown = blocks(ROOT, "```rust\n").into_iter();
    for (name, file) in [
        ("share.rs", include_str!("../examples/hello/share.rs")),
        ("main.rs", include_str!("../examples/hello/main.rs")),
    ] {
        let shown = shown.next().expect("the README shows both files");
        assert_eq!(shown, code(file), "README.md and examples/hello/{name} differ");
    }
}

/// The root's README leaves out the kernel's page type. The documentation of xen-ops compiles the whole.
#[test]
fn the_kernels_set_up_is_the_one_that_compiles() {
    let [shown] = blocks(ROOT, "```rust,ignore\n")[..] else { panic!("the README shows it once") };
    let [compiled] = blocks(OPS, "```rust,no_run\n")[..] else { panic!("xen-ops shows it once") };
    assert!(compiled.starts_with(shown), "README.md and xen-ops/README.md differ");
}
