//! A hexadecimal dump.

use std::io::{self, Write};

const WIDTH: usize = 16;

/// Writes `bytes`, which begin at `offset`, as numbers and as text, 16 a line. Lines that repeat the one
/// before are replaced by one `*`.
pub(crate) fn dump(out: &mut dyn Write, offset: usize, bytes: &[u8]) -> io::Result<()> {
    let mut before = None;
    let mut is_left_out = false;
    for (line, offset) in bytes.chunks(WIDTH).zip((offset..).step_by(WIDTH)) {
        if before == Some(line) {
            if !is_left_out {
                writeln!(out, "*")?;
            }
            is_left_out = true;
            continue;
        }
        (before, is_left_out) = (Some(line), false);
        write!(out, "{offset:08x} ")?;
        for n in 0..WIDTH {
            let gap = if n == WIDTH / 2 { " " } else { "" };
            match line.get(n) {
                Some(byte) => write!(out, "{gap} {byte:02x}")?,
                None => write!(out, "{gap}   ")?,
            }
        }
        let text =
            line.iter().map(|&byte| if matches!(byte, b' '..=b'~') { byte as char } else { '.' });
        writeln!(out, "  |{}|", text.collect::<String>())?;
    }
    writeln!(out, "{:08x}", offset + bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(offset: usize, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        dump(&mut out, offset, bytes).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_aligned_and_repetitions_are_left_out() {
        let mut bytes = vec![0; 70];
        bytes[..6].copy_from_slice(b"hello\n");
        bytes[69] = 0xff;
        assert_eq!(
            text(0x40, &bytes),
            "\
00000040  68 65 6c 6c 6f 0a 00 00  00 00 00 00 00 00 00 00  |hello...........|
00000050  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00000080  00 00 00 00 00 ff                                 |......|
00000086
"
        );
    }

    #[test]
    fn an_empty_dump_is_the_offset() {
        assert_eq!(text(8, &[]), "00000008\n");
    }
}
