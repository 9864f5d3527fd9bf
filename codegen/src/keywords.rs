//! Names that are C's but cannot be Rust's.

/// What bindgen appends an underscore to: the keywords of every edition, the names of primitive
/// types, and the name that matches anything.
const TAKEN: &[&str] = &[
    "_", "Self", "abstract", "alignof", "as", "async", "await", "become", "bool", "box", "break",
    "const", "continue", "crate", "do", "dyn", "else", "enum", "extern", "f32", "f64", "false",
    "final", "fn", "for", "gen", "i128", "i16", "i32", "i64", "i8", "if", "impl", "in", "isize",
    "let", "loop", "macro", "match", "mod", "move", "mut", "offsetof", "override", "priv", "proc",
    "pub", "pure", "ref", "return", "self", "sizeof", "static", "str", "struct", "super", "trait",
    "true", "try", "type", "typeof", "u128", "u16", "u32", "u64", "u8", "unsafe", "unsized", "use",
    "usize", "virtual", "where", "while", "yield",
];

/// The name Rust uses for C's `name`.
pub(crate) fn to_rust(name: &str) -> String {
    if TAKEN.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

/// The name C uses for what bindgen calls `name`.
pub(crate) fn to_c(name: &str) -> &str {
    match name.strip_suffix('_') {
        Some(taken) if TAKEN.contains(&taken) => taken,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for name in TAKEN.iter().copied().chain(["domid", "pad_"]) {
            assert_eq!(to_c(&to_rust(name)), name);
        }
        assert_eq!(to_rust("gen"), "gen_");
        assert_eq!(to_c("pad_"), "pad_");
    }
}
