//! Our own words about the ABI, from the tables in `codegen/docs`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::Error;
use crate::ir::{Abi, Def};

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

    /// Names in the tables that `abis` together do not define: what upstream renamed or removed.
    #[must_use]
    pub fn stale(&self, abis: &[Abi]) -> Vec<String> {
        let mut stale = Vec::new();
        for (header, docs) in &self.0 {
            let read = |abi: &&Abi| abi.headers.contains(header);
            for name in docs.types.keys() {
                let known = |abi: &Abi| {
                    abi.types
                        .get(name)
                        .is_some_and(|ty| !matches!(ty.def, Def::Shared { .. }) || true)
                };
                if abis.iter().any(|abi| read(&abi)) && !abis.iter().any(known) {
                    stale.push(format!("{header}: {name}"));
                }
            }
            for name in docs.constants.keys() {
                let known =
                    |abi: &Abi| abi.constants.contains_key(name) || abi.omitted.contains_key(name);
                if abis.iter().any(|abi| read(&abi)) && !abis.iter().any(known) {
                    stale.push(format!("{header}: {name}"));
                }
            }
        }
        stale
    }
}
