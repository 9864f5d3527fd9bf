//! The C oracle: our exported figures as C assertions, checked by a C compiler, which knows nothing of
//! bindgen or Rust.

use std::fmt::Write as _;

use devtools::{Arch, Compiler};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use xen_codegen::import::{Source, includes, write_stubs};
use xen_codegen::ir::Profile;
use xen_records::view::export::{Export, ExportValue};

use crate::{Error, compilers};

/// What a compiler made of our figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Assertions it evaluated.
    pub checks: usize,
    /// Its complaints, one line each; none if all agree.
    pub complaints: Vec<String>,
}

/// Has `compiler` check every figure in `export`, made for `profile`, against the headers of `source`.
pub fn check(
    source: &Source,
    export: &Export,
    profile: Profile,
    compiler: &Compiler,
) -> Result<Verdict, Error> {
    let dir = tempfile::tempdir().map_err(|source| io(std::env::temp_dir(), source))?;
    let stubs = dir.path().join("stubs");
    write_stubs(source, &stubs)?;
    let c = dir.path().join("oracle.c");
    let object = dir.path().join("oracle.o");
    let Assertions { text, checks, bits } = assertions(source, export, profile, compiler.arch);
    std::fs::write(&c, text).map_err(|source| io(c.clone(), source))?;
    let object_path = object.to_string_lossy().into_owned();
    let more = ["-c", "-fdata-sections", "-o", &object_path];
    let output = compilers::run(compiler, source, &c, &stubs, profile, &more)?;
    let mut complaints: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| line.contains("error"))
        .map(|line| line.rsplit_once("error: ").map_or(line, |(_, rest)| rest).to_owned())
        .collect();
    if output.status.success() {
        let data = std::fs::read(&object).map_err(|source| io(object, source))?;
        complaints.extend(check_bits(&data, &bits)?);
    } else if complaints.is_empty() {
        complaints.push(format!("{} failed and gave no reason", compiler.program));
    }
    Ok(Verdict { checks, complaints })
}

struct Assertions {
    text: String,
    checks: usize,
    bits: Vec<BitProbe>,
}

/// A constant in the object file whose only bits are those of one bit field.
struct BitProbe {
    symbol: String,
    what: String,
    first: u64,
    width: u32,
    size: u64,
}

fn assertions(source: &Source, export: &Export, profile: Profile, arch: Arch) -> Assertions {
    let mut out =
        Assertions { text: includes(source, arch, profile).text, checks: 0, bits: Vec::new() };
    for ty in &export.types {
        let c = &ty.c;
        out.check(&format!("sizeof({c}) == {}", ty.size), &format!("{c}: size"));
        out.check(&format!("_Alignof({c}) == {}", ty.align), &format!("{c}: align"));
        for field in &ty.fields {
            let path = &field.path;
            if let (Some(first), Some(width)) = (field.bit_offset, field.bits) {
                let symbol = format!("bits_{}", out.bits.len());
                out.line(&format!("const {c} {symbol} = {{ .{path} = -1 }};"));
                let what = format!("{c}.{path}: bits");
                out.bits.push(BitProbe { symbol, what, first, width, size: ty.size });
                out.checks += 1;
                continue;
            }
            let offset = field.offset;
            let what = format!("{c}.{path}");
            out.check(
                &format!("__builtin_offsetof({c}, {path}) == {offset}"),
                &format!("{what}: offset"),
            );
            // A flexible array has no size to ask for.
            if field.size > 0 {
                let size = field.size;
                out.check(
                    &format!("sizeof((({c} *)0)->{path}) == {size}"),
                    &format!("{what}: size"),
                );
            }
        }
    }
    for constant in &export.constants {
        let (name, bytes) = (&constant.name, constant.bytes);
        let value = match &constant.value {
            ExportValue::Text(text) => format!("!__builtin_strcmp({name}, {text:?})"),
            ExportValue::Unsigned(value) => format!("({name}) == {value}ULL && ({name}) > 0"),
            ExportValue::Signed(value) if *value < 0 => {
                format!("({name}) == -{}LL - 1 && ({name}) < 0", value.unsigned_abs() - 1)
            }
            ExportValue::Signed(value) => format!("({name}) == {value}LL && ({name}) >= 0"),
        };
        out.check(&value, &format!("{name}: value"));
        out.check(&format!("sizeof({name}) == {bytes}"), &format!("{name}: bytes"));
    }
    out
}

impl Assertions {
    fn check(&mut self, condition: &str, what: &str) {
        self.line(&format!("_Static_assert({condition}, \"{what}\");"));
        self.checks += 1;
    }

    fn line(&mut self, text: &str) {
        writeln!(self.text, "{text}").expect("writing to a string");
    }
}

fn check_bits(data: &[u8], probes: &[BitProbe]) -> Result<Vec<String>, Error> {
    let file = object::File::parse(data)?;
    let mut complaints = Vec::new();
    for probe in probes {
        let symbol = file.symbols().find(|symbol| symbol.name() == Ok(&probe.symbol));
        let section = symbol.as_ref().and_then(object::Symbol::section_index);
        let (Some(symbol), Some(section)) = (symbol, section) else {
            complaints.push(format!("{}: not in the object file", probe.what));
            continue;
        };
        let section = file.section_by_index(section)?;
        let bytes = section.data_range(symbol.address(), probe.size)?.unwrap_or(&[]);
        let set = |bit: u64| {
            let byte = usize::try_from(bit / 8).ok().and_then(|at| bytes.get(at));
            byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
        };
        let ours = probe.first..probe.first + u64::from(probe.width);
        if !(0..probe.size * 8).all(|bit| set(bit) == ours.contains(&bit)) {
            complaints.push(probe.what.clone());
        }
    }
    Ok(complaints)
}

fn io(path: std::path::PathBuf, source: std::io::Error) -> Error {
    Error::Io { path, source }
}
