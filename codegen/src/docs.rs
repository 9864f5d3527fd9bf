//! Our own words about the ABI, from the tables in `codegen/docs`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::Error;
use crate::ir::Abi;

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

/// All tables by header.
#[derive(Clone, Debug, Default)]
pub struct Docs(BTreeMap<String, HeaderDocs>);

impl Docs {
    /// Parses the tables that are built in.
    pub fn load() -> Result<Self, Error> {
        let mut docs = Self::default();
        for file in include!("../docs/files.in") {
            let (file, text): (&str, &str) = file;
            let parsed: HeaderDocs = toml::from_str(text).map_err(|error| Error::Docs {
                file: file.to_owned(),
                message: error.message().to_owned(),
            })?;
            docs.0.insert(parsed.header.clone(), parsed);
        }
        Ok(docs)
    }

    /// The text of one header, if there is any.
    #[must_use]
    pub fn header(&self, header: &str) -> Option<&HeaderDocs> {
        self.0.get(header)
    }

    /// Every table, in the order of the headers' names.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderDocs> {
        self.0.values()
    }

    /// Names in the tables that are in none of `abis`: upstream has renamed or removed them.
    #[must_use]
    pub fn stale(&self, abis: &[Abi]) -> Vec<String> {
        let mut stale = Vec::new();
        let read = self
            .0
            .values()
            .filter(|docs| abis.iter().any(|abi| abi.headers.binary_search(&docs.header).is_ok()));
        for docs in read {
            let known = |name: &String| {
                abis.iter().any(|abi| {
                    abi.types.contains_key(name)
                        || abi.constants.contains_key(name)
                        || abi.omitted.contains_key(name)
                })
            };
            let names = docs.types.keys().chain(docs.constants.keys()).chain(docs.aliases.keys());
            stale.extend(
                names.filter(|name| !known(name)).map(|name| format!("{}: {name}", docs.header)),
            );
        }
        stale
    }
}
