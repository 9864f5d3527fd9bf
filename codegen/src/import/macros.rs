//! Every `#define` of a header tree, found in the text, since a compiler only knows the last one.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::Location;

/// One definition of a macro.
#[derive(Clone, Debug)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Where it is defined.
    pub location: Location,
    /// What kind it is.
    pub kind: MacroKind,
    /// Its replacement text, comments and line breaks gone.
    pub body: String,
}

/// What kind of macro it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroKind {
    /// Its replacement is empty: an include guard or a flag.
    Empty,
    /// It has a replacement.
    Object,
    /// It takes arguments.
    Function,
}

/// The macros of a tree by name, each with all its definitions, in the order of the headers.
#[derive(Clone, Debug, Default)]
pub struct Macros(pub BTreeMap<String, Vec<Macro>>);

impl Macros {
    /// Adds the definitions of one header, whose comments are gone.
    pub(super) fn scan(&mut self, header: &str, text: &str) {
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let mut logical = line.to_owned();
            while logical.ends_with('\\') {
                logical.pop();
                logical.push_str(lines.next().map_or("", |(_, line)| line));
            }
            let location = Location { header: header.to_owned(), line: number + 1 };
            if let Some(found) = definition(&logical, location) {
                self.0.entry(found.name.clone()).or_default().push(found);
            }
        }
    }

    /// The definition that counts where only `headers` are read: one that takes arguments makes
    /// the macro a function, one with a replacement beats an empty one.
    #[must_use]
    pub fn find(&self, name: &str, headers: &[String]) -> Option<&Macro> {
        let read = |found: &&Macro| headers.binary_search(&found.location.header).is_ok();
        let rank = |found: &&Macro| match found.kind {
            MacroKind::Function => 0,
            MacroKind::Object => 1,
            MacroKind::Empty => 2,
        };
        self.0.get(name)?.iter().filter(read).min_by_key(rank)
    }

    /// The other headers among `headers` that define the same macro in the same words.
    #[must_use]
    pub fn repeated(&self, found: &Macro, headers: &[String]) -> Vec<String> {
        let others = self.0.get(&found.name).into_iter().flatten().filter(|other| {
            let header = &other.location.header;
            *header != found.location.header
                && (other.kind, &other.body) == (found.kind, &found.body)
                && headers.binary_search(header).is_ok()
        });
        others.map(|other| other.location.header.clone()).collect()
    }

    /// The macros that can never stand for a string, directly or through another macro.
    #[must_use]
    pub fn without_strings(&self) -> BTreeSet<String> {
        // From the macros that may be strings themselves to those that stand for them.
        let mut stand_for: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut strings: BTreeSet<&str> = BTreeSet::new();
        let mut new = Vec::new();
        for (name, definitions) in &self.0 {
            for body in definitions.iter().map(|found| found.body.as_str()) {
                stand_for.entry(body).or_default().push(name);
                if body.contains('"') || !self.is_known(body) {
                    new.push(name.as_str());
                }
            }
        }
        while let Some(name) = new.pop() {
            if strings.insert(name) {
                new.extend(stand_for.get(name).into_iter().flatten());
            }
        }
        let others = self.0.keys().filter(|name| !strings.contains(name.as_str()));
        others.cloned().collect()
    }

    /// Whether `body` is anything but the name of a macro from outside the tree.
    fn is_known(&self, body: &str) -> bool {
        let name = body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && body.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        !name || self.0.contains_key(body)
    }
}

fn definition(line: &str, location: Location) -> Option<Macro> {
    let directive = line.trim_start().strip_prefix('#')?.trim_start();
    let rest = directive.strip_prefix("define")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, body) = rest.split_at(end);
    let kind = match body {
        _ if body.starts_with('(') => MacroKind::Function,
        _ if body.trim().is_empty() => MacroKind::Empty,
        _ => MacroKind::Object,
    };
    Some(Macro { name: name.to_owned(), location, kind, body: body.trim().to_owned() })
}

/// Blanks comments out, line breaks kept, so that line numbers stay true.
pub(super) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['/', '"', '\'']) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let (kept, blank, end) = if rest.starts_with("/*") {
            (0, true, rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else if rest.starts_with("//") {
            (0, true, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with('/') {
            (1, false, 1)
        } else {
            let end = literal_end(rest);
            (end, false, end)
        };
        out.push_str(&rest[..kept]);
        if blank {
            out.push(' ');
            out.extend(rest[..end].chars().filter(|c| *c == '\n'));
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Bytes of the string or character literal `text` starts with; it ends with its line at the latest,
/// so that an apostrophe in an inactive block swallows nothing.
fn literal_end(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else { return 0 };
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '\n' => return at,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> BTreeMap<String, Macro> {
        let mut macros = Macros::default();
        macros.scan("x.h", &without_comments(text));
        let found = macros.0.into_iter();
        found.map(|(name, mut definitions)| (name, definitions.remove(0))).collect()
    }

    #[test]
    fn finds_every_form() {
        let found = scan(
            "#define GUARD\n#  define A 1 /* one\n */\n#define F(x) (x)\n#define L \\\n  2\n\
             // #define NO 1\n/* #define NO2 1 */\n#define S \"/* kept */\"\n",
        );
        let kinds: Vec<_> =
            found.values().map(|m| (m.name.as_str(), m.kind, m.body.as_str())).collect();
        assert_eq!(
            kinds,
            [
                ("A", MacroKind::Object, "1"),
                ("F", MacroKind::Function, "(x) (x)"),
                ("GUARD", MacroKind::Empty, ""),
                ("L", MacroKind::Object, "2"),
                ("S", MacroKind::Object, "\"/* kept */\""),
            ]
        );
        assert_eq!(found["F"].location.line, 4);
        assert_eq!(found["L"].location.line, 5);
    }

    #[test]
    fn the_same_words_in_another_header_are_a_repetition() {
        let mut macros = Macros::default();
        let headers = ["a.h", "b.h", "c.h", "d.h"].map(str::to_owned);
        for (header, text) in headers.iter().zip(["#define X 1", "#define X 1", "#define X 2"]) {
            macros.scan(header, text);
        }
        macros.scan("d.h", "#define X 1");
        let found = macros.find("X", &headers).unwrap();
        assert_eq!(found.location.header, "a.h");
        assert_eq!(macros.repeated(found, &headers), ["b.h", "d.h"]);
        assert_eq!(macros.repeated(found, &headers[..3]), ["b.h"], "d.h is not read");
    }

    #[test]
    fn unbalanced_quotes_end_with_their_line() {
        let found = scan("don't\n#define A 1\n\"open\n#define B 2\n");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["A", "B"]);
    }
}
