//! The README shows an example that runs.

/// The code after the comment at the start of a file.
fn code(file: &str) -> &str {
    file.split_once("\n\n").expect("a comment, and code").1
}

#[test]
fn the_first_example_is_the_one_that_runs() {
    let readme = include_str!("../../README.md");
    let mut shown = readme.split("```rust\n").skip(1);
    for (name, file) in [
        ("share.rs", include_str!("../examples/hello/share.rs")),
        ("main.rs", include_str!("../examples/hello/main.rs")),
    ] {
        let shown = shown.next().expect("the README shows both files");
        assert!(shown.starts_with(code(file)), "README.md and examples/hello/{name} differ");
    }
}
