//! `XEN_GUEST_HANDLE(x)` is a type of its own here: the address as an integer, typed by its target.
//!
//! The macros that declare handles make hundreds of records, two or four for each type, all alike.
//! Bindgen is told to pass over them; what they point to stands in the macros' arguments.

use std::collections::BTreeMap;

use devtools::Arch;

use crate::ir::{Abi, Int, Location, Omission, Profile, Type};

/// What every handle's name begins with.
pub(super) const PREFIX: &str = "__guest_handle_";

/// What declares a handle: upstream's macro, and those of kernels' copies.
const DECLARE: [&str; 3] =
    ["DEFINE_XEN_GUEST_HANDLE", "DEFINE_GUEST_HANDLE", "DEFINE_GUEST_HANDLE_STRUCT"];

/// The handles a tree declares: by name, each place and C's type there. Architectures declare some of
/// the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct Handles(BTreeMap<String, Vec<(Location, String)>>);

impl Handles {
    /// Adds the declarations of one header, whose comments are gone.
    pub(super) fn scan(&mut self, header: &str, text: &str) {
        self.scan_as(text, |line| Location { header: header.to_owned(), line });
    }

    /// Adds the declarations of a text, each at the place that `location` has for its line.
    pub(super) fn scan_as(&mut self, text: &str, location: impl Fn(usize) -> Location) {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.contains("##"));
        for (number, line) in lines {
            let declaration = |word: &&str| {
                let (before, after) = line.split_once(*word)?;
                Some((before, after.trim_start().strip_prefix('(')?))
            };
            let Some((before, after)) = DECLARE.iter().find_map(declaration) else { continue };
            let arguments = after.split(')').next().unwrap_or_default();
            let (name, target) = arguments.split_once(',').unwrap_or((arguments, arguments));
            if before.trim_start().starts_with('#') {
                continue;
            }
            let location = location(number + 1);
            let declared = self.0.entry(expanded(name.trim()).to_owned()).or_default();
            declared.push((location, expanded(target.trim()).to_owned()));
        }
    }

    /// The handle that bindgen calls `name`; `None` if no header declares it.
    pub(super) fn ty(&self, arch: Arch, name: &str) -> Option<Type> {
        let name = name.strip_prefix(PREFIX)?;
        let (bytes, name) = match name.strip_prefix("64_") {
            Some(name) => (8, name),
            None => (arch.pointer_bytes(), name),
        };
        let name = name.strip_prefix("const_").unwrap_or(name);
        let (_, target) = self.0.get(name)?.first()?;
        Some(Type::Handle(Box::new(c_type(target, arch)), bytes))
    }

    /// Says what takes the place of C's records.
    pub(super) fn omit(&self, abi: &mut Abi) {
        let wide = match abi.arch {
            Arch::X86_64 => false,
            Arch::X86_32 => abi.profile == Profile::Tools,
            Arch::Aarch64 | Arch::Arm | Arch::Riscv64 | Arch::Ppc64le => true,
        };
        for (name, declared) in &self.0 {
            let mut read = declared.iter().map(|(location, _)| location);
            let Some(location) =
                read.find(|location| abi.headers.binary_search(&location.header).is_ok())
            else {
                continue;
            };
            for width in if wide { &["", "64_"][..] } else { &[""] } {
                for constant in ["", "const_"] {
                    let location = location.clone();
                    let reason = "GuestHandle takes its place";
                    let record = format!("{PREFIX}{width}{constant}{name}");
                    abi.omitted.insert(record, Omission { location, reason });
                }
            }
        }
    }
}

/// A name as clang sees it: EDK II's are macros.
fn expanded(name: &str) -> &str {
    match name {
        "VOID" => "void",
        "CHAR8" => "char",
        "INT32" => "int32_t",
        "UINT8" => "uint8_t",
        "UINT16" => "uint16_t",
        "UINT32" => "uint32_t",
        "UINT64" => "uint64_t",
        "INTN" => "long",
        "UINTN" => "unsigned long",
        other => other,
    }
}

/// A type as the macros' arguments spell it.
fn c_type(text: &str, arch: Arch) -> Type {
    let long = arch.pointer_bytes();
    let (signed, bytes) = match text {
        "void" => return Type::Void,
        "char" | "unsigned char" | "uint8_t" | "u8" => (false, 1),
        "uint16_t" | "u16" => (false, 2),
        "int" | "int32_t" => (true, 4),
        "unsigned int" | "uint32_t" | "u32" => (false, 4),
        "uint64_t" | "u64" => (false, 8),
        "long" => (true, long),
        "unsigned long" => (false, long),
        name => return Type::Named(name.to_owned()),
    };
    Type::Int(Int::of(arch, signed, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_and_what_they_point_to() {
        let mut handles = Handles::default();
        handles.scan(
            "x.h",
            "#define DEFINE_XEN_GUEST_HANDLE(name) __DEFINE_XEN_GUEST_HANDLE(name, name)\n\
             DEFINE_XEN_GUEST_HANDLE(foo_t);\n__DEFINE_XEN_GUEST_HANDLE(ulong, unsigned long);\n",
        );
        assert_eq!(handles.0.len(), 2);
        let foo = Type::Handle(Box::new(Type::Named("foo_t".into())), 4);
        assert_eq!(handles.ty(Arch::X86_32, "__guest_handle_const_foo_t"), Some(foo));
        let ulong = Type::Int(Int { signed: false, bytes: 4, align: 4 });
        let ulong = Type::Handle(Box::new(ulong), 8);
        assert_eq!(handles.ty(Arch::Arm, "__guest_handle_64_ulong"), Some(ulong));
        assert_eq!(handles.ty(Arch::Arm, "__guest_handle_bar"), None);
        // As Linux and EDK II write them.
        let text = "DEFINE_GUEST_HANDLE_STRUCT(rec);\nDEFINE_GUEST_HANDLE(u64);\n\
             __DEFINE_XEN_GUEST_HANDLE (uint, UINT32);\n";
        handles.scan("y.h", text);
        let target = |name| handles.ty(Arch::X86_64, name).map(|ty| format!("{ty:?}"));
        assert!(target("__guest_handle_rec").is_some_and(|ty| ty.contains("rec")));
        assert!(target("__guest_handle_u64").is_some_and(|ty| ty.contains("bytes: 8")));
        assert!(target("__guest_handle_uint").is_some_and(|ty| ty.contains("bytes: 4")));
    }
}
