//! Foreign text in messages of one line.

use std::path::Path;

/// A text on one line: control characters and line ends become spaces.
#[must_use]
pub fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A path on one line.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(one_line("a\n  b\u{1b}[31m\r\n"), "a b [31m");
        assert_eq!(shown(Path::new("a\nb\u{1b}")), "a?b?");
    }
}
