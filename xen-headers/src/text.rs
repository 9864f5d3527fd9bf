//! Parts of messages.

/// "; did you mean X?", or nothing.
pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// ", older than X, the oldest known release,", or nothing.
pub(crate) fn older(than: Option<&str>) -> String {
    than.map_or_else(String::new, |name| format!(", older than {name}, the oldest known release,"))
}
