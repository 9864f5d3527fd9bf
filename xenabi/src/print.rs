//! Output, with colour where it is a terminal.

use std::io::{ErrorKind, Write as _};
use std::sync::LazyLock;

use anstream::{AutoStream, ColorChoice};
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
    let written = match *IS_STYLED {
        true => anstream::stdout().write_all(text.as_bytes()),
        false => std::io::stdout().write_all(text.as_bytes()),
    };
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// Whether standard output takes styles. To write none is cheaper than to look for them in every byte.
static IS_STYLED: LazyLock<bool> =
    LazyLock::new(|| AutoStream::choice(&std::io::stdout()) != ColorChoice::Never);

/// `text` in a style, where there are any.
pub(crate) fn styled(style: Style, text: &str) -> String {
    if *IS_STYLED { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
