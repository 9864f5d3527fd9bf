//! Where the module of a header is.

/// The module of a header: `io/xs_wire.h` is `io::xs_wire`, `io/9pfs.h` is `io::_9pfs`.
pub(super) fn module_path(header: &str) -> Vec<String> {
    let stem = header.strip_suffix(".h").unwrap_or(header);
    let module = |part: &str| {
        let digit = part.starts_with(|c: char| c.is_ascii_digit());
        format!("{}{}", if digit { "_" } else { "" }, part.replace('-', "_"))
    };
    stem.split('/').map(module).collect()
}
