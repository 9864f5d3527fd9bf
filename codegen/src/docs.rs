//! Our own words about the ABI, from the tables in `codegen/docs`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use xen_records::{Entry, Records};

use crate::error::Error;
use crate::ir::Abi;
use crate::releases::{ROOT, is_unstable};

/// The text of one header.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderDocs {
    /// The header's path.
    pub header: String,
    /// About the module.
    #[serde(default)]
    pub doc: String,
    /// About types, by C name.
    #[serde(default)]
    pub types: BTreeMap<String, TypeDocs>,
    /// About constants.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
    /// What C libraries and Linux call the operations, by constant or type: a reader of their code
    /// searches for those names.
    #[serde(default)]
    pub aliases: BTreeMap<String, Vec<String>>,
}

impl HeaderDocs {
    /// The other names of one item.
    #[must_use]
    pub fn aliases(&self, item: &str) -> &[String] {
        self.aliases.get(item).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The text of one type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeDocs {
    /// About the type.
    #[serde(default)]
    pub doc: String,
    /// About its members, by dotted path.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// All tables by header, and the records, which say since when an item is there.
#[derive(Clone, Debug, Default)]
pub struct Docs {
    headers: BTreeMap<String, HeaderDocs>,
    records: Records,
}

impl Docs {
    /// Parses the tables and records that are built in.
    ///
    /// # Errors
    ///
    /// What is wrong with a table or record.
    pub fn load() -> Result<Self, Error> {
        let mut docs = Self { records: xen_records::records()?, ..Self::default() };
        for file in include!("../docs/files.in") {
            let (file, text): (&str, &str) = file;
            let parsed: HeaderDocs = toml::from_str(text).map_err(|error| Error::Docs {
                file: file.to_owned(),
                message: error.message().to_owned(),
            })?;
            docs.headers.insert(parsed.header.clone(), parsed);
        }
        Ok(docs)
    }

    /// The text of one header, if there is any.
    #[must_use]
    pub fn header(&self, header: &str) -> Option<&HeaderDocs> {
        self.headers.get(header)
    }

    /// Every table, in the order of the headers' names.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderDocs> {
        self.headers.values()
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Names in the tables that no module has, by the records, and that no macro of `abis` has either.
    #[must_use]
    pub fn stale(&self, abis: &[Abi]) -> Vec<String> {
        let root = self.records.catalogue.release(ROOT);
        let has_module = |header: &str, entry: &Entry| {
            is_unstable(header)
                || root.is_some_and(|root| entry.cells().any_releases() >> root & 1 == 1)
        };
        let headers = self.records.headers.iter();
        let recorded: BTreeSet<_> = headers
            .flat_map(|header| header.entries.iter().map(|entry| (header.name.as_str(), entry)))
            .filter(|(header, entry)| has_module(header, entry))
            .map(|(_, entry)| &entry.name)
            .collect();
        let mut stale = Vec::new();
        for docs in self.headers.values() {
            let known = |name: &String| {
                recorded.contains(name) || abis.iter().any(|abi| abi.omitted.contains_key(name))
            };
            let names = docs.types.keys().chain(docs.constants.keys()).chain(docs.aliases.keys());
            stale.extend(
                names.filter(|name| !known(name)).map(|name| format!("{}: {name}", docs.header)),
            );
        }
        stale
    }
}
