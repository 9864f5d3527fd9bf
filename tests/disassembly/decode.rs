//! The instructions of every function in a library.

use std::collections::BTreeMap;

use iced_x86::{Formatter, IntelFormatter};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::{armv7, armv8};

/// Which instructions the bytes are.
#[derive(Clone, Copy)]
pub(crate) enum Decoder {
    X86_64,
    X86_32,
    Aarch64,
    Arm,
}

impl Decoder {
    /// The instructions of each function with a name in `library`, an archive: one text each.
    pub(crate) fn functions(self, library: &[u8]) -> BTreeMap<String, Vec<String>> {
        let archive = ArchiveFile::parse(library).expect("a library is an archive");
        let mut functions = BTreeMap::new();
        for member in archive.members() {
            let member = member.expect("the archive is whole");
            // Rust's own metadata is an object too, without functions.
            let data = member.data(library).expect("the archive is whole");
            let Ok(object) = object::File::parse(data) else { continue };
            for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
                let name = symbol.name().expect("functions have names").to_owned();
                let Some(section) = symbol.section_index() else { continue };
                let section = object.section_by_index(section).expect("it is there");
                let code = section
                    .data_range(symbol.address(), symbol.size())
                    .expect("the section has data")
                    .expect("the function is inside it");
                functions.insert(name, self.lines(code));
            }
        }
        functions
    }

    fn lines(self, code: &[u8]) -> Vec<String> {
        match self {
            Self::X86_64 => x86(64, code),
            Self::X86_32 => x86(32, code),
            Self::Aarch64 => words(code, |reader| {
                armv8::a64::InstDecoder::default().decode(reader).ok().map(|i| i.to_string())
            }),
            Self::Arm => words(code, |reader| {
                armv7::InstDecoder::default().decode(reader).ok().map(|i| i.to_string())
            }),
        }
    }
}

fn x86(bits: u32, code: &[u8]) -> Vec<String> {
    let mut formatter = IntelFormatter::new();
    iced_x86::Decoder::new(bits, code, 0)
        .iter()
        .map(|instruction| {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            text
        })
        .collect()
}

/// What `decode` makes of each four bytes. Where it makes nothing of them, they are data.
fn words(code: &[u8], decode: impl Fn(&mut U8Reader<'_>) -> Option<String>) -> Vec<String> {
    code.chunks(4)
        .map(|word| decode(&mut U8Reader::new(word)).unwrap_or_else(|| format!("{word:x?}")))
        .collect()
}
