//! The kernel inside x86's `vmlinuz`, as the boot protocol of Linux describes it
//! (Documentation/arch/x86/boot.rst).

use std::io::Read;

use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

/// Where the header keeps how many sectors the boot code has.
const SETUP_SECTORS: usize = 0x1f1;

/// Where the header's own mark is.
const MARK: usize = 0x202;

/// Where the header keeps the start of the kernel, from the end of the boot code, and its size.
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// The most bytes a kernel may unpack to.
const LIMIT: u64 = 256 << 20;

/// The kernel, an ELF file.
pub(super) fn kernel(vmlinuz: &[u8]) -> Result<Vec<u8>, String> {
    let payload = payload(vmlinuz).ok_or("it has no header of the boot protocol")?;
    let reader: Box<dyn Read> = match payload {
        // After the compressed kernel comes its length, which is no stream.
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(XzReader::new(payload, false)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = StreamingDecoder::new(payload);
            Box::new(decoder.map_err(|error| error.to_string())?)
        }
        _ => return Err("its kernel is compressed neither by xz nor by zstd".to_owned()),
    };
    let mut kernel = Vec::new();
    reader.take(LIMIT).read_to_end(&mut kernel).map_err(|error| error.to_string())?;
    match kernel.get(..4) {
        Some(b"\x7fELF") => Ok(kernel),
        _ => Err("what is compressed in it is no ELF file".to_owned()),
    }
}

/// The compressed kernel, if the file is what it should be.
fn payload(vmlinuz: &[u8]) -> Option<&[u8]> {
    if vmlinuz.get(MARK..)?.get(..4)? != b"HdrS" {
        return None;
    }
    let number = |at: usize| Some(u32::from_le_bytes(*vmlinuz.get(at..)?.first_chunk()?));
    // None means four; the boot sector comes before them.
    let sectors = match usize::from(*vmlinuz.get(SETUP_SECTORS)?) {
        0 => 4,
        sectors => sectors,
    };
    let offset = usize::try_from(number(PAYLOAD_OFFSET)?).ok()?;
    let length = usize::try_from(number(PAYLOAD_LENGTH)?).ok()?;
    vmlinuz.get((sectors + 1) * 512..)?.get(offset..)?.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lzma_rust2::{XzOptions, XzWriter};
    use std::io::Write as _;

    /// A file with one sector of boot code and a compressed kernel eight bytes after it.
    fn vmlinuz(payload: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 1032];
        file[SETUP_SECTORS] = 1;
        file[MARK..MARK + 4].copy_from_slice(b"HdrS");
        file[PAYLOAD_OFFSET] = 8;
        let length = u32::try_from(payload.len()).unwrap();
        file[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&length.to_le_bytes());
        file.extend(payload);
        file
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn both_compressions_are_undone() {
        for compressed in [xz(b"\x7fELF kernel"), zstd(b"\x7fELF kernel")] {
            let with_length = [&compressed, &11_u32.to_le_bytes()[..]].concat();
            assert_eq!(kernel(&vmlinuz(&with_length)).unwrap(), b"\x7fELF kernel");
        }
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let good = vmlinuz(&xz(b"\x7fELF kernel"));
        let mut marked = good.clone();
        marked[MARK] = 0;
        let mut far = good.clone();
        far[PAYLOAD_OFFSET + 3] = 0xff;
        for bad in [&[], &good[..600], &good[..good.len() - 1], &marked, &far] {
            assert!(kernel(bad).is_err());
        }
        assert!(kernel(&vmlinuz(&xz(b"text"))).unwrap_err().contains("no ELF"));
        assert!(kernel(&vmlinuz(b"gzip")).unwrap_err().contains("neither"));
    }
}
