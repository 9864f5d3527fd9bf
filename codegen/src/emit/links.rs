//! Names in our words as links: what a quoted word means, and where that is documented.

use std::collections::{BTreeMap, BTreeSet};

use super::module_path::module_path;
use super::release::Layer;
use crate::families::Family;
use crate::functions;
use crate::ir::{Abi, Def, FieldKind, Type};
use crate::keywords;

/// Types of `xen-abi`'s root that no header defines.
const OWN: &[&str] =
    &["Errno", "GrantStatus", "GuestHandle", "GuestHandle32", "GuestHandle64", "PointerHandle"];

/// What the words in one header's documentation can mean.
pub(super) struct Links<'a> {
    abi: &'a Abi,
    header: &'a str,
    /// The release whose module it is, or `None` for the root.
    layer: Option<&'a Layer<'a>>,
    /// Headers that have a module.
    modules: BTreeSet<&'a str>,
    /// The named records of this header.
    records: Vec<&'a str>,
}

/// What a text is about: its words are looked up there first.
#[derive(Clone, Copy, Default)]
pub(super) struct Scope<'a> {
    /// The item itself, which no link leads to.
    pub(super) item: &'a str,
    /// Records whose members go by their own names, the nearest first.
    pub(super) records: [Option<&'a str>; 2],
}

impl<'a> Links<'a> {
    pub(super) fn new(abi: &'a Abi, header: &'a str, layer: Option<&'a Layer<'a>>) -> Self {
        let types = abi.types.values().map(|ty| ty.location.header.as_str());
        let constants = abi.constants.values().map(|constant| constant.location.header.as_str());
        let named = abi.types.iter().filter(|(_, ty)| {
            ty.location.header == header && ty.c_name.is_some() && matches!(ty.def, Def::Record(_))
        });
        Self {
            abi,
            header,
            layer,
            modules: types.chain(constants).collect(),
            records: named.map(|(name, _)| name.as_str()).collect(),
        }
    }

    /// `text` with the words that name something of the ABI as links, and the links' targets by word
    /// where the word alone does not lead there.
    pub(super) fn link(
        &self,
        scope: Scope<'_>,
        text: &str,
        targets: &mut BTreeMap<String, String>,
    ) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('`') {
            let (before, quoted) = rest.split_at(start);
            let ticks = quoted.len() - quoted.trim_start_matches('`').len();
            let (fence, inner) = quoted.split_at(ticks);
            let Some(end) = inner.find(fence) else { break };
            let (word, after) = (&inner[..end], &inner[end + ticks..]);
            out.push_str(before);
            rest = after;
            let is_link = before.ends_with('[') || after.starts_with(['(', '[']);
            let target = (ticks == 1 && !is_link).then(|| self.target(scope, word)).flatten();
            match target.filter(|target| agrees(targets, word, target)) {
                Some(target) => {
                    targets.insert(word.to_owned(), target);
                    // A colon after a plain reference would make it the definition of one.
                    let collapsed = if after.starts_with(':') { "[]" } else { "" };
                    out.push_str(&format!("[`{word}`]{collapsed}"));
                }
                None => out.push_str(&format!("{fence}{word}{fence}")),
            }
        }
        out + rest
    }

    /// The path to what `word` names, as seen from this header's module.
    fn target(&self, scope: Scope<'_>, word: &str) -> Option<String> {
        let name = ["struct ", "union ", "enum "]
            .iter()
            .find_map(|keyword| word.strip_prefix(keyword))
            .unwrap_or(word);
        let is_path = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
        if name == scope.item || name.is_empty() || !name.chars().all(is_path) {
            return None;
        }
        let nearest =
            scope.records.into_iter().flatten().find_map(|record| self.member(record, name));
        nearest
            .or_else(|| self.item(name))
            .or_else(|| {
                let (record, path) = name.split_once('.')?;
                self.member(record, path)
            })
            .or_else(|| self.module(name))
            .or_else(|| self.replacement(name))
            .or_else(|| self.only_member(name))
    }

    /// A type or constant.
    fn item(&self, name: &str) -> Option<String> {
        let ty = self.abi.types.get(name).map(|ty| &ty.location);
        let constant = self.abi.constants.get(name).map(|constant| &constant.location);
        let kind = if ty.is_some() && constant.is_some() { "type@" } else { "" };
        match ty.or(constant) {
            Some(location) => Some(format!("{kind}{}", self.path(&location.header, name)?)),
            None => OWN.contains(&name).then(|| format!("crate::{name}")),
        }
    }

    /// A member of `record`, by the path that C knows it by.
    fn member(&self, record: &str, path: &str) -> Option<String> {
        let (owner, member) = member(self.abi, record, path)?;
        let header = &self.abi.types.get(owner)?.location.header;
        Some(format!("{}::{member}", self.path(header, owner)?))
    }

    /// A member that only one record of this header has.
    fn only_member(&self, path: &str) -> Option<String> {
        let mut found = self.records.iter().filter_map(|record| self.member(record, path));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The module of a header.
    fn module(&self, header: &str) -> Option<String> {
        let there = header != self.header && self.modules.contains(header);
        there.then(|| self.module_at(header)).flatten()
    }

    /// What the crate has in place of a macro with arguments.
    fn replacement(&self, name: &str) -> Option<String> {
        let header = &self.abi.omitted.get(name)?.location.header;
        let (_, path) = functions::function_like(name)?.split_once("xen_abi::")?;
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let path = &path[..end.unwrap_or(path.len())];
        self.reaches(header).then(|| format!("crate::{}", path.trim_end_matches(':')))
    }

    fn path(&self, header: &str, name: &str) -> Option<String> {
        if header == self.header {
            return Some(name.to_owned());
        }
        Some(format!("{}::{name}", self.module_at(header)?))
    }

    fn module_at(&self, header: &str) -> Option<String> {
        if let Some(path) = self.layer.and_then(|layer| layer.stable_module(header)) {
            return Some(path);
        }
        let up = "super::".repeat(module_path(self.header).len());
        self.reaches(header).then(|| format!("{up}{}", module_path(header).join("::")))
    }

    /// Whether what is in `header` is there whenever this header's module is: a link to what a
    /// feature leaves out would be broken.
    fn reaches(&self, header: &str) -> bool {
        Family::of(self.header).may_use(Family::of(header))
    }
}

/// Whether a link of this word can go to `target`: Markdown's labels do not tell cases apart.
fn agrees(targets: &BTreeMap<String, String>, word: &str, target: &str) -> bool {
    let mut same = targets.iter().filter(|(other, _)| other.eq_ignore_ascii_case(word));
    same.all(|(_, other)| other == target)
}

/// The record and the name in Rust of the member that C reaches by `path` from `record`.
fn member<'a>(abi: &'a Abi, record: &str, path: &str) -> Option<(&'a str, String)> {
    let (name, ty) = abi.types.get_key_value(record)?;
    let record = match &ty.def {
        Def::Record(record) => record,
        Def::Alias(Type::Named(target)) => return member(abi, target, path),
        _ => return None,
    };
    let (first, rest) =
        path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    record.fields.iter().find_map(|field| match (&field.kind, rest) {
        (FieldKind::Named(c_name), None) if c_name == first => {
            Some((name.as_str(), field.name.clone()))
        }
        (FieldKind::Named(c_name), Some(rest)) if c_name == first => {
            member(abi, element(&field.ty)?, rest)
        }
        (FieldKind::Anonymous, _) => member(abi, element(&field.ty)?, path),
        (FieldKind::Bits(bits), None) if bits.iter().any(|bit| bit.name == first) => {
            Some((name.as_str(), keywords::to_rust(first)))
        }
        _ => None,
    })
}

/// The named type that `ty` is, or is an array of.
fn element(ty: &Type) -> Option<&str> {
    match ty {
        Type::Named(name) => Some(name),
        Type::Array(inner, _) => element(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{
        Constant, Field, Int, Location, Origin, Profile, Record, RecordKind, TypeDef, Value,
    };
    use devtools::Arch;

    const U32: Type = Type::Int(Int { signed: false, bytes: 4, align: 4 });

    /// Two records and a constant in `xen.h`, a constant of the same name as a member's in `sysctl.h`.
    fn abi() -> Abi {
        let mut abi = Abi {
            release: String::from("none"),
            linux: BTreeMap::new(),
            arch: Arch::X86_64,
            profile: Profile::Tools,
            headers: vec![String::from("sysctl.h"), String::from("xen.h")],
            types: BTreeMap::new(),
            constants: BTreeMap::new(),
            unknown: Default::default(),
            omitted: BTreeMap::new(),
        };
        for (name, members) in [("one", ["both", "type"]), ("two", ["both", "only"])] {
            let field = |member: &&str| Field {
                name: keywords::to_rust(member),
                offset: 0,
                ty: U32,
                kind: FieldKind::Named((*member).to_owned()),
            };
            let fields = members.iter().map(field).collect();
            let record =
                Record { kind: RecordKind::Struct, size: 8, align: 4, packed: None, fields };
            let location = Location { header: String::from("xen.h"), line: 9 };
            let c_name = Some(format!("struct {name}"));
            let def = Def::Record(record);
            abi.types.insert(name.to_owned(), TypeDef { location, c_name, within: None, def });
        }
        for (name, header) in [("CORE", "xen.h"), ("TOOLS", "sysctl.h")] {
            let constant = Constant {
                location: Location { header: header.to_owned(), line: 3 },
                repeated: Vec::new(),
                value: Value::Str(String::new()),
                origin: Origin::Macro,
                newtype: None,
            };
            abi.constants.insert(name.to_owned(), constant);
        }
        abi
    }

    /// `text` about `item` in `header`, linked, and the targets.
    fn link(header: &str, item: &str, text: &str) -> (String, Vec<(String, String)>) {
        let abi = abi();
        let links = Links::new(&abi, header, None);
        let mut targets = BTreeMap::new();
        let record = (item == "one").then_some(item);
        let linked = links.link(Scope { item, records: [record, None] }, text, &mut targets);
        (linked, targets.into_iter().collect())
    }

    #[track_caller]
    fn target(header: &str, item: &str, word: &str) -> Option<String> {
        let (text, targets) = link(header, item, &format!("`{word}`"));
        assert_eq!(
            text,
            if targets.is_empty() { format!("`{word}`") } else { format!("[`{word}`]") }
        );
        targets.into_iter().next().map(|(_, target)| target)
    }

    #[test]
    fn items_members_and_headers() {
        assert_eq!(target("xen.h", "", "CORE").as_deref(), Some("CORE"));
        assert_eq!(target("sysctl.h", "", "CORE").as_deref(), Some("super::xen::CORE"));
        assert_eq!(target("sysctl.h", "", "xen.h").as_deref(), Some("super::xen"));
        assert_eq!(target("xen.h", "", "struct two").as_deref(), Some("two"));
        assert_eq!(target("xen.h", "", "one.type").as_deref(), Some("one::type_"));
        assert_eq!(target("xen.h", "one", "both").as_deref(), Some("one::both"));
        assert_eq!(target("xen.h", "", "only").as_deref(), Some("two::only"));
        assert_eq!(target("xen.h", "", "GrantStatus").as_deref(), Some("crate::GrantStatus"));
    }

    #[test]
    fn what_is_no_name_or_no_one_things_name_stays() {
        for word in ["", "both", "CORE_*", "nothing", "one.nothing", "u32"] {
            assert_eq!(target("xen.h", "", word), None, "{word}");
        }
        assert_eq!(target("xen.h", "one", "struct one"), None, "the item itself");
    }

    /// The core must not link to what the feature `toolstack` may leave out.
    #[test]
    fn links_stay_within_what_a_feature_has() {
        assert_eq!(target("xen.h", "", "TOOLS"), None);
        assert_eq!(target("sysctl.h", "", "TOOLS").as_deref(), Some("TOOLS"));
    }

    #[test]
    fn text_around_a_link_changes_nothing() {
        assert_eq!(link("xen.h", "", "`CORE`: 3.").0, "[`CORE`][]: 3.");
        assert_eq!(link("xen.h", "", "[`CORE`](there) ``CORE``").0, "[`CORE`](there) ``CORE``");
        assert_eq!(link("xen.h", "", "a `CORE`, an odd `").0, "a [`CORE`], an odd `");
    }
}
