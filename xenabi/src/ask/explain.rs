//! `xenabi explain`.

use clap::Args;
use xen_records::model::{Item, Value};

use super::number;
use crate::cli::Outcome;
use crate::error::{Error, nearest};
use crate::input::{Asked, Input};
use crate::print::{BOLD, print, styled};
use crate::trees::Trees;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi explain -22
  xenabi explain EINVAL
  xenabi explain GNTST_bad_gntref

Hypercalls return error numbers negated; grant operations leave a status in each element. A number may be either.")]
pub(crate) struct Explain {
    /// A number, or the name of an error or a grant status
    #[arg(value_name = "CODE", allow_hyphen_values = true)]
    code: String,
    #[command(flatten)]
    input: Input,
}

/// Prefixes of the names, with what they are.
const KINDS: [(&str, &str); 2] = [("XEN_E", "error"), ("GNTST_", "grant status")];

impl Explain {
    pub(crate) fn run(self, trees: Option<Trees>) -> Result<Outcome, Error> {
        let asked = self.input.load_without_lines(trees)?;
        let codes = codes(&asked);
        let found: Vec<_> = match number(&self.code) {
            Some(value) => codes.iter().filter(|code| code.is(value)).collect(),
            None => codes.iter().filter(|code| code.is_called(&self.code)).collect(),
        };
        if found.is_empty() && number(&self.code).is_none() {
            let names = codes.iter().flat_map(|code| [code.name.as_str(), code.short()]);
            let nearest = nearest(&self.code, names);
            return Err(Error::NotANumber { text: self.code, nearest });
        }
        let mut out = String::new();
        for Code { name, kind, value } in &found {
            let words = asked.records.words.get(name).map_or("", String::as_str);
            let shown = if *kind == "error" { -value } else { *value };
            out += &format!("{} ({kind} {shown}): {words}\n", styled(BOLD, name));
        }
        if found.is_empty() {
            anstream::eprintln!("{} is neither an error of Xen's nor a grant status", self.code);
        }
        print(&out)?;
        Ok(if found.is_empty() { Outcome::No } else { Outcome::Yes })
    }
}

struct Code {
    name: String,
    kind: &'static str,
    value: i128,
}

impl Code {
    /// Whether `value` is what a caller sees of it; an error may be written without its sign.
    fn is(&self, value: i128) -> bool {
        self.value == value || (self.kind == "error" && self.value == -value)
    }

    fn is_called(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.name) || name.eq_ignore_ascii_case(self.short())
    }

    /// Its name as other systems have it.
    fn short(&self) -> &str {
        self.name.strip_prefix("XEN_").unwrap_or(&self.name)
    }
}

fn codes(asked: &Asked) -> Vec<Code> {
    let entries = asked.records.headers.iter().flat_map(|header| &header.entries);
    let codes = entries.filter_map(|entry| {
        let (_, kind) = KINDS.iter().find(|(prefix, _)| entry.name.starts_with(prefix))?;
        let arch = entry.cells().arches_of(asked.release).next()?;
        let item = entry.item(asked.release, arch)?;
        let Item::Constant(constant) = item else { return None };
        let Value::Int { value, .. } = constant.value else { return None };
        // Macros of other headers may begin alike.
        asked.records.words.get(&entry.name)?;
        Some(Code { name: entry.name.clone(), kind, value })
    });
    codes.collect()
}
