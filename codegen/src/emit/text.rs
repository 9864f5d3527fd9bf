//! The documentation of one item while it grows.

use std::collections::BTreeMap;

use super::links::{Links, Scope};

/// Paragraphs, and the targets of the links in them.
#[derive(Default)]
pub(super) struct Text {
    paragraphs: Vec<String>,
    targets: BTreeMap<String, String>,
}

impl Text {
    /// Appends a paragraph or several, with links where words name items.
    pub(super) fn words(&mut self, links: &Links<'_>, scope: Scope<'_>, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            let linked = links.link(scope, text, &mut self.targets);
            self.paragraphs.push(linked);
        }
    }

    /// Appends a paragraph as it is.
    pub(super) fn plain(&mut self, text: String) {
        self.paragraphs.push(text);
    }

    /// The lines, the links' targets last.
    pub(super) fn lines(self) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in &self.paragraphs {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(paragraph.lines().map(|line| line.trim().to_owned()));
        }
        let elsewhere = self.targets.iter().filter(|(word, target)| word != target);
        let definitions: Vec<_> =
            elsewhere.map(|(word, target)| format!("[`{word}`]: {target}")).collect();
        if !definitions.is_empty() {
            lines.push(String::new());
            lines.extend(definitions);
        }
        lines
    }
}
