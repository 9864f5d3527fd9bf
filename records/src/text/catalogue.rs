//! The catalogue as text.

use super::file::{self, CATALOGUE};
use crate::catalogue::{Arch, Catalogue, MAX_ARCHES, MAX_RELEASES, Release};
use crate::error::Error;

pub(super) fn write(catalogue: &Catalogue) -> String {
    let mut out = String::new();
    for Arch { name, pointer, handle, align64 } in &catalogue.arches {
        out += &format!("arch {name} pointer {pointer} handle {handle} align64 {align64}\n");
    }
    for (number, release) in catalogue.releases.iter().enumerate() {
        let Release { name, point, interface, domctl, sysctl } = release;
        out += &format!(
            "release {name} {point} interface {interface:#010x} domctl {domctl:#x} sysctl {sysctl:#x} on"
        );
        for (at, arch) in catalogue.arches.iter().enumerate() {
            if catalogue.cells.contains(number, at) {
                out += &format!(" {}", arch.name);
            }
        }
        out.push('\n');
    }
    file::seal("releases", &out)
}

pub(super) fn read(text: &str) -> Result<Catalogue, Error> {
    let (_, body) = file::open(CATALOGUE, text)?;
    let mut catalogue = Catalogue::default();
    for (number, line) in body.lines().enumerate() {
        one(&mut catalogue, line).ok_or_else(|| Error::Malformed {
            file: CATALOGUE.to_owned(),
            line: number + 3,
            what: String::from("neither an architecture nor a release"),
        })?;
    }
    Ok(catalogue)
}

fn one(catalogue: &mut Catalogue, line: &str) -> Option<()> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["arch", name, "pointer", pointer, "handle", handle, "align64", align64] => {
            let number = |text: &str| text.parse().ok();
            let arch = Arch {
                name: (*name).to_owned(),
                pointer: number(pointer)?,
                handle: number(handle)?,
                align64: number(align64)?,
            };
            catalogue.arches.push(arch);
        }
        [
            "release",
            name,
            point,
            "interface",
            interface,
            "domctl",
            domctl,
            "sysctl",
            sysctl,
            "on",
            arches @ ..,
        ] => {
            let number = |text: &str| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok();
            let release = Release {
                name: (*name).to_owned(),
                point: (*point).to_owned(),
                interface: number(interface)?,
                domctl: number(domctl)?,
                sysctl: number(sysctl)?,
            };
            catalogue.releases.push(release);
            for arch in arches {
                let arch = catalogue.arches.iter().position(|known| known.name == *arch)?;
                catalogue.cells.insert(catalogue.releases.len() - 1, arch);
            }
        }
        _ => return None,
    }
    (catalogue.arches.len() <= MAX_ARCHES && catalogue.releases.len() <= MAX_RELEASES).then_some(())
}
