//! Words for messages: everything here yields a single line.

use std::path::Path;

/// A path or foreign text as part of a one-line message: control characters become spaces.
pub(crate) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A path as part of a one-line message.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// "; did you mean X?", or nothing.
pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// ", older than X, the oldest known release,", or nothing.
pub(crate) fn older(than: Option<&str>) -> String {
    than.map_or_else(String::new, |name| format!(", older than {name}, the oldest known release,"))
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
