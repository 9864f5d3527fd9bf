//! What the documentation says of an item's history.

use xen_records::catalogue::Catalogue;
use xen_records::view::history::{History, Past};

use crate::ir::Def;

/// The history of what one architecture of a recorded release has; empty for headers of no recorded one.
#[derive(Debug, Default)]
pub(super) struct Since {
    history: History,
    releases: Vec<String>,
}

impl Since {
    pub(super) fn new(history: History, catalogue: &Catalogue) -> Self {
        let releases = catalogue.releases.iter().map(|release| release.name.clone()).collect();
        Self { history, releases }
    }

    /// A sentence or two about a type, with a space before them, or nothing if it has always been as it is.
    pub(super) fn of_type(&self, name: &str, def: &Def) -> String {
        let what = if matches!(def, Def::Record(_)) { "layout" } else { "type" };
        self.sentences(self.history.types.get(name), what)
    }

    /// As [`Since::of_type`], of a constant.
    pub(super) fn of_constant(&self, name: &str) -> String {
        self.sentences(self.history.constants.get(name), "value")
    }

    fn sentences(&self, past: Option<&Past>, what: &str) -> String {
        let Some(Past { since, changed }) = past else { return String::new() };
        let mut text = String::new();
        if let Some(release) = since {
            text.push_str(&format!(" Since Xen {}.", self.releases[*release]));
        }
        let changed: Vec<_> = changed.iter().map(|at| self.releases[*at].as_str()).collect();
        if let Some((last, others)) = changed.split_last() {
            let others = match others {
                [] => String::new(),
                others => format!("{} and ", others.join(", ")),
            };
            text.push_str(&format!(" Its {what} changed in Xen {others}{last}."));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(since: Option<usize>, changed: &[usize]) -> String {
        let releases = ["4.14", "4.15", "4.16", "4.17"].map(String::from).to_vec();
        let past = Past { since, changed: changed.to_vec() };
        Since { history: History::default(), releases }.sentences(Some(&past), "value")
    }

    #[test]
    fn sentences_name_releases() {
        assert_eq!(sentences(None, &[]), "");
        assert_eq!(sentences(Some(1), &[]), " Since Xen 4.15.");
        assert_eq!(sentences(None, &[3]), " Its value changed in Xen 4.17.");
        assert_eq!(
            sentences(Some(1), &[2, 3]),
            " Since Xen 4.15. Its value changed in Xen 4.16 and 4.17."
        );
        assert_eq!(sentences(None, &[1, 2, 3]), " Its value changed in Xen 4.15, 4.16 and 4.17.");
    }
}
