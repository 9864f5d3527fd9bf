//! The modules of an architecture as a tree.

use std::collections::{BTreeMap, BTreeSet};

/// The modules as a tree; a node is a header, a directory, or both.
#[derive(Default)]
pub(super) struct ModuleTree {
    headers: BTreeSet<String>,
    children: BTreeMap<String, ModuleTree>,
}

impl ModuleTree {
    pub(super) fn insert(&mut self, path: &[String], header: &str) {
        match path {
            [] => {
                self.headers.insert(header.to_owned());
            }
            [first, rest @ ..] => {
                self.children.entry(first.clone()).or_default().insert(rest, header);
            }
        }
    }

    /// Headers with a directory of the same name beside them, by path.
    pub(super) fn inner_modules(&self) -> Vec<(String, &Self)> {
        let mut found = Vec::new();
        for (name, child) in &self.children {
            if !child.headers.is_empty() && !child.children.is_empty() {
                found.push((name.clone(), child));
            }
            let inner = child.inner_modules().into_iter();
            found.extend(inner.map(|(path, node)| (format!("{name}/{path}"), node)));
        }
        found
    }

    /// The modules' declarations: `declare` has that of a header's module, by its name.
    pub(super) fn declarations(&self, declare: &dyn Fn(&str, &str) -> String) -> String {
        let mut text = String::new();
        for (name, child) in &self.children {
            match child.headers.first() {
                Some(header) => text.push_str(&declare(name, header)),
                None => {
                    let inner = child.declarations(declare).replace('\n', "\n    ");
                    let about = match name.as_str() {
                        "linux" => String::from("What Linux offers to programs below `/dev/xen`."),
                        _ => format!("The headers below `{}/`.", name.replace('_', "-")),
                    };
                    let inner = inner.trim_end();
                    text.push_str(&format!("/// {about}\npub mod {name} {{\n    {inner}\n}}\n"));
                }
            }
        }
        text
    }
}
