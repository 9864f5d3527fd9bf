//! Where the module of a header is.

use crate::keywords;

/// The module of a header: `io/xs_wire.h` is `io::xs_wire`, `io/9pfs.h` is `io::_9pfs`. What a
/// module cannot be called gets an underscore; two headers of one module are an error of
/// [`tree`](super::tree).
#[must_use]
pub fn module_path(header: &str) -> Vec<String> {
    let stem = header.strip_suffix(".h").unwrap_or(header);
    let module = |part: &str| {
        let digit = part.starts_with(|c: char| c.is_ascii_digit());
        let part = part.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        format!("{}{}", if digit { "_" } else { "" }, keywords::to_rust(&part))
    };
    stem.split('/').map(module).collect()
}
