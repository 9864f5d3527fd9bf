//! The machine's console on a terminal.

use std::io::{self, Write};

/// How Xen begins its own lines.
const XEN: &[u8] = b"(XEN) ";

/// Passes a guest's lines on as they come, and Xen's own only if they are wanted.
pub(crate) struct Console<W> {
    out: W,
    all: bool,
    /// The beginning of a line, of which it is not known yet whose it is.
    held: Vec<u8>,
    /// Whose the rest of the line is, once that is known.
    shown: Option<bool>,
}

impl<W: Write> Console<W> {
    /// A console of which all lines are shown, or only those of guests.
    pub(crate) fn new(out: W, all: bool) -> Self {
        Self { out, all, held: Vec::new(), shown: None }
    }

    /// Takes what came.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.all {
            self.out.write_all(bytes)?;
            return self.out.flush();
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.piece(piece)?;
        }
        self.out.flush()
    }

    /// Shows what was held back at the end.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.out.write_all(&held)?;
        self.out.flush()
    }

    /// A piece of one line.
    fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        let shown = match self.shown {
            Some(shown) => {
                if shown {
                    self.out.write_all(piece)?;
                }
                Some(shown)
            }
            None => {
                self.held.extend(piece);
                let known = self.held.len().min(XEN.len());
                if self.held[..known] != XEN[..known] {
                    self.finish()?;
                    Some(true)
                } else if known == XEN.len() {
                    self.held.clear();
                    Some(false)
                } else {
                    None
                }
            }
        };
        self.shown = shown.filter(|_| piece.last() != Some(&b'\n'));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&str], all: bool) -> String {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out, all);
        for piece in pieces {
            console.write(piece.as_bytes()).unwrap();
        }
        console.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_of_xen_are_left_out_wherever_they_are_cut() {
        let text = "(XEN) one\nhello\n(XEN) two\n(d1) three\n(XE\n\n(XEN) ";
        let expected = "hello\n(d1) three\n(XE\n\n";
        assert_eq!(shown(&[text], false), expected);
        assert_eq!(shown(&[text], true), text);
        for at in 0..text.len() {
            assert_eq!(shown(&[&text[..at], &text[at..]], false), expected, "{at}");
        }
        let bytes: Vec<_> = text.split_inclusive(|_| true).collect();
        assert_eq!(shown(&bytes, false), expected);
    }

    #[test]
    fn a_line_without_an_end_is_shown_at_once() {
        let mut out = Vec::new();
        Console::new(&mut out, false).write(b"> ").unwrap();
        assert_eq!(out, b"> ");
        assert_eq!(shown(&["(X"], false), "(X");
    }
}
