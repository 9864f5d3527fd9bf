//! An archive that Linux unpacks as its first root file system: cpio's "new" format
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;

/// The kinds of entries, with permissions: everything can be executed.
const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_755;

/// The name of the entry after the last one.
const END: &str = "TRAILER!!!";

/// An archive in the making.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    directories: BTreeSet<String>,
    entries: u32,
}

impl Archive {
    /// Adds a file, after the directories that it is in.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        for (at, _) in name.match_indices('/') {
            let directory = &name[..at];
            if self.directories.insert(directory.to_owned()) {
                self.entry(directory, DIRECTORY, &[]);
            }
        }
        self.entry(name, FILE, content);
    }

    /// The archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(END, 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let (links, size, name_size) = (1, content.len(), name.len() + 1);
        let header = [self.entries as usize, mode as usize, 0, 0, links, 0, size];
        self.bytes.extend(b"070701");
        // Four numbers of devices, and a checksum that this format does not use.
        for number in header.into_iter().chain([0, 0, 0, 0, name_size, 0]) {
            self.bytes.extend(format!("{number:08X}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    /// Names and contents end at a multiple of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_where_linux_looks_for_them() {
        let mut archive = Archive::default();
        archive.add("a/b/file", b"hello");
        archive.add("a/other", b"");
        let bytes = archive.finish();
        let mut rest = &bytes[..];
        let mut found = Vec::new();
        loop {
            assert_eq!(rest[..6], *b"070701");
            let field = |index: usize| {
                let text = str::from_utf8(&rest[6 + index * 8..][..8]).unwrap();
                usize::from_str_radix(text, 16).unwrap()
            };
            let (mode, size, name_size) = (field(1), field(6), field(11));
            let name = str::from_utf8(&rest[110..110 + name_size - 1]).unwrap();
            let content = (110 + name_size).next_multiple_of(4);
            found.push((name, mode, &rest[content..content + size]));
            rest = &rest[(content + size).next_multiple_of(4)..];
            if name == END {
                break;
            }
        }
        assert_eq!(rest, []);
        let directory = DIRECTORY as usize;
        let file = FILE as usize;
        let expected: [(&str, usize, &[u8]); 5] = [
            ("a", directory, b""),
            ("a/b", directory, b""),
            ("a/b/file", file, b"hello"),
            ("a/other", file, b""),
            (END, 0, b""),
        ];
        assert_eq!(found, expected);
    }
}
