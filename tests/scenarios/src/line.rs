//! The lines of a transcript, as text on a console and back.

use core::fmt;

/// A line of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A scenario begins.
    Begin {
        /// Its name.
        scenario: &'a str,
    },
    /// A step of the scenario that began last.
    Step {
        /// What was done; no colon in it.
        name: &'a str,
        /// What came of it.
        result: &'a str,
    },
    /// The domain is through.
    End {
        /// How many steps it wrote: a line that was lost shows.
        steps: usize,
    },
}

impl<'a> Line<'a> {
    /// Reads a line of domain `domid`; `None` if `text` is something else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<(u16, Self)> {
        // A domain other than the first has its lines prefixed by Xen.
        let (_, rest) = text.split_once('@')?;
        let (domid, rest) = rest.split_once(' ')?;
        let (word, rest) = rest.split_once(' ')?;
        let line = match word {
            "begin" => Self::Begin { scenario: rest },
            "step" => {
                let (name, result) = rest.split_once(": ")?;
                Self::Step { name, result }
            }
            "end" => Self::End { steps: rest.parse().ok()? },
            _ => return None,
        };
        Some((domid.parse().ok()?, line))
    }
}

/// A line without the domain that wrote it, which [`parse`](Line::parse) wants in front: `@0 `.
impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { scenario } => write!(f, "begin {scenario}"),
            Self::Step { name, result } => write!(f, "step {name}: {result}"),
            Self::End { steps } => write!(f, "end {steps}"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;

    #[test]
    fn what_is_written_is_read() {
        for line in [
            Line::Begin { scenario: "gnttab-v1" },
            Line::Step { name: "map, bad reference", result: "GNTST_bad_gntref" },
            Line::End { steps: 7 },
        ] {
            assert_eq!(Line::parse(&format!("@3 {line}")), Some((3, line)));
            assert_eq!(Line::parse(&format!("(XEN) (d3) @3 {line}")), Some((3, line)));
        }
    }

    #[test]
    fn other_text_is_no_line() {
        for text in ["", "(XEN) Brought up 1 CPUs", "@", "@0 step x", "@x begin y", "@0 end many"] {
            assert_eq!(Line::parse(text), None, "{text}");
        }
    }
}
