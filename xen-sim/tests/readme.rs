//! The README shows an example that runs.

#[test]
fn the_first_example_is_the_one_that_runs() {
    let readme = include_str!("../../README.md");
    let (_, code) = include_str!("../examples/hello.rs").split_once("\n\n").unwrap();
    let (_, shown) = readme.split_once("```rust\n").unwrap();
    assert!(shown.starts_with(code), "README.md and xen-sim/examples/hello.rs differ");
}
