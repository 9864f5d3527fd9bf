//! Constants with the value and the type C gives them.
//!
//! Bindgen's own evaluation of macros loses some and mistypes others. A probe
//! `static const __typeof__(M) V__M = (M);` after the headers makes clang evaluate each one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::clang::Run;
use super::rust::{Raw, RawConst};
use super::{Macro, MacroKind, Macros};
use crate::error::Error;
use crate::exceptions;
use crate::functions;
use crate::ir::{Abi, Constant, Int, Omission, Origin, Type, Unknown, Value};

pub(super) const PREFIX: &str = "V__";

/// The probes, and which macro each of their lines is about.
pub(super) struct Probes<'a> {
    pub(super) text: String,
    probed: Vec<&'a Macro>,
}

impl<'a> Probes<'a> {
    /// Probes of all macros in `headers` that may be constants, except `no_constants`.
    pub(super) fn new(
        macros: &'a Macros,
        headers: &[String],
        no_constants: &BTreeSet<String>,
    ) -> Self {
        let mut probes = Self { text: String::new(), probed: Vec::new() };
        for candidate in macros.0.keys().filter_map(|name| macros.find(name, headers)) {
            let name = &candidate.name;
            if candidate.kind != MacroKind::Object
                || exceptions::not_a_constant(name).is_some()
                || no_constants.contains(name)
            {
                continue;
            }
            probes.probed.push(candidate);
            let probe = format!("static const __typeof__({name}) {PREFIX}{name} = ({name});");
            writeln!(probes.text, "#ifdef {name}\n{probe}\n#endif").expect("writing to a string");
        }
        probes
    }

    /// The macro that line `line` of the probes, counted from 0, asks about.
    pub(super) fn at(&self, line: usize) -> Option<&'a Macro> {
        self.probed.get(line / 3).copied()
    }
}

/// Fills in every constant of the ABI and the reasons for the macros that are none; `no_constants` are
/// those that clang could not evaluate.
pub(super) fn constants(
    abi: &mut Abi,
    raw: &Raw,
    run: &Run,
    macros: &Macros,
    no_constants: &BTreeSet<String>,
) -> Result<(), Error> {
    for found in &raw.consts {
        match probed(abi, macros, &found.name) {
            Some(source) => macro_constant(abi, macros, source, found),
            // What bindgen itself reads of a macro comes through the callback and the probes.
            None if macros.0.contains_key(&found.name) => {}
            None => enumerator(abi, raw, run, found)?,
        }
    }
    for name in &raw.statics {
        let Some(source) = probed(abi, macros, name) else {
            return Err(Error::not_understood(name, "an external variable"));
        };
        let Some(bytes) = run.strings.get(&source.name) else {
            unknown(&mut abi.unknown, source, "neither an integer nor a string");
            continue;
        };
        let value = Value::Str(String::from_utf8_lossy(bytes).into_owned());
        insert_macro(abi, macros, source, value);
    }
    for source in macros.0.keys().filter_map(|name| macros.find(name, &abi.headers)) {
        let reason = match source.kind {
            MacroKind::Function => functions::function_like(&source.name),
            MacroKind::Empty => Some("an include guard or flag without a value"),
            MacroKind::Object => exceptions::not_a_constant(&source.name),
        };
        if let Some(reason) = reason {
            let omission = Omission { location: source.location.clone(), reason };
            abi.omitted.insert(source.name.clone(), omission);
        } else if source.kind == MacroKind::Function {
            unknown(&mut abi.unknown, source, "which takes arguments");
        } else if no_constants.contains(&source.name) {
            unknown(&mut abi.unknown, source, "which is no constant expression");
        } else if abi.unknown.contains_key(&source.name) {
            // Its probe was evaluated, to something that is no constant.
        } else if !abi.constants.contains_key(&source.name) {
            // The probe's `#ifdef` passed over it, or it would be among the variables.
            let reason = exceptions::NOT_TAKEN;
            let omission = Omission { location: source.location.clone(), reason };
            abi.omitted.entry(source.name.clone()).or_insert(omission);
        }
    }
    Ok(())
}

/// The macro a probe's variable is about.
fn probed<'a>(abi: &Abi, macros: &'a Macros, variable: &str) -> Option<&'a Macro> {
    macros.find(variable.strip_prefix(PREFIX)?, &abi.headers)
}

fn macro_constant(abi: &mut Abi, macros: &Macros, source: &Macro, found: &RawConst) {
    match (integer(abi, &found.ty), found.value) {
        (Some(ty), Some(value)) => insert_macro(abi, macros, source, Value::Int { value, ty }),
        _ => unknown(&mut abi.unknown, source, "neither an integer nor a string"),
    }
}

/// Notes a macro that has no rule.
fn unknown(unknown: &mut Unknown, source: &Macro, why: &str) {
    let what = format!("the macro {}, {why}", source.name);
    unknown.insert(source.name.clone(), (source.location.clone(), what));
}

/// Enumerators are `int` in C, or a wider type if their enumeration needs one.
fn enumerator(abi: &mut Abi, raw: &Raw, run: &Run, found: &RawConst) -> Result<(), Error> {
    let (Type::Named(owner), Some(value)) = (&found.ty, found.value) else {
        return Err(Error::not_understood(&found.name, "a constant that no header defines"));
    };
    let location = match run.places.get(owner) {
        Some(place) => place.location.clone(),
        None => exceptions::anonymous_enum(&found.name).ok_or_else(|| {
            Error::not_understood(&found.name, "an enumerator without an enumeration")
        })?,
    };
    let wide = raw.enums.get(owner).filter(|int| int.bytes > 4);
    let ty = wide.copied().unwrap_or(Int { signed: true, bytes: 4, align: 4 });
    let newtype = run.places.contains_key(owner).then(|| owner.clone());
    let value = Value::Int { value, ty };
    let constant =
        Constant { location, repeated: Vec::new(), value, origin: Origin::Enumerator, newtype };
    abi.constants.insert(found.name.clone(), constant);
    Ok(())
}

fn insert_macro(abi: &mut Abi, macros: &Macros, source: &Macro, value: Value) {
    let location = source.location.clone();
    let repeated = macros.repeated(source, &abi.headers);
    let constant = Constant { location, repeated, value, origin: Origin::Macro, newtype: None };
    abi.constants.insert(source.name.clone(), constant);
}

fn integer(abi: &Abi, ty: &Type) -> Option<Int> {
    match ty {
        Type::Int(int) => Some(*int),
        Type::Named(name) => match &abi.types.get(name)?.def {
            crate::ir::Def::Alias(ty) => integer(abi, ty),
            crate::ir::Def::Enum(_) => Some(Int { signed: true, bytes: 4, align: 4 }),
            _ => None,
        },
        _ => None,
    }
}
