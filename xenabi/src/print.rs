//! Output, with colour where it is a terminal.

use std::io::{ErrorKind, Write as _};

use anstyle::{AnsiColor, Style};

use crate::error::Error;

/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// What is of less interest.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What breaks.
pub(crate) const RED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// Prints a finished text; a reader that has seen enough is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// `text` in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
