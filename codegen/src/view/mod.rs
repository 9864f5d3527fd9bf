//! The ABI for people and for other programs to read.

pub mod diff;
pub mod export;
pub mod layout;
pub mod text;

/// Appends to a text.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(out, text).expect("writing to a string");
}
