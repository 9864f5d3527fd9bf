//! Device trees that are cut or lie.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A tree that a test writes.
#[derive(Default)]
struct Builder {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Builder {
    fn word(mut self, word: u32) -> Self {
        self.structure.extend(word.to_be_bytes());
        self
    }

    fn padded(mut self, bytes: &[u8]) -> Self {
        self.structure.extend(bytes);
        self.structure.resize(self.structure.len().next_multiple_of(4), 0);
        self
    }

    fn begin(self, name: &str) -> Self {
        self.word(BEGIN_NODE).padded(&[name.as_bytes(), b"\0"].concat())
    }

    fn end(self) -> Self {
        self.word(END_NODE)
    }

    fn property(mut self, name: &str, value: &[u8]) -> Self {
        let offset = self.strings.len() as u32;
        self.strings.extend([name.as_bytes(), b"\0"].concat());
        self.word(PROPERTY).word(value.len() as u32).word(offset).padded(value)
    }

    fn build(self) -> Vec<u8> {
        let (structure, strings) = (HEADER + 16, HEADER + 16 + self.structure.len() + 4);
        let size = strings + self.strings.len();
        let header = [MAGIC, size as u32, structure as u32, strings as u32, HEADER as u32, 17, 16];
        let mut tree: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        tree.resize(structure, 0);
        tree.extend(self.structure);
        tree.extend(END.to_be_bytes());
        tree.extend(self.strings);
        tree
    }
}

fn xen() -> Vec<u8> {
    let cells =
        |cells: &[u32]| cells.iter().flat_map(|cell| cell.to_be_bytes()).collect::<Vec<_>>();
    Builder::default()
        .begin("")
        .property("#address-cells", &cells(&[2]))
        .property("#size-cells", &cells(&[2]))
        .begin("chosen")
        .begin("module@1")
        .property("bootargs", b"another's\0")
        .end()
        .property("bootargs", b"a=1 b\0")
        .end()
        .word(NOP)
        .begin("hypervisor")
        .property("compatible", b"xen,xen-4.20\0xen,xen\0")
        .property("reg", &cells(&[0, 0x3800_0000, 0, 0x2_0000, 1, 0, 2, 0]))
        .property("interrupts", &cells(&[1, 15, 0xf08]))
        .end()
        .end()
        .build()
}

#[test]
fn what_xen_puts_there_is_read() {
    let bytes = xen();
    let tree = DeviceTree::new(&bytes).unwrap();
    assert_eq!(tree.command_line(), Ok("a=1 b"));
    let node = tree.xen().unwrap().unwrap();
    assert_eq!(node.release, "4.20");
    let region = Region { address: 0x3800_0000, length: 0x2_0000 };
    assert_eq!(node.grant_table(), Some(region));
    let further = Region { address: 1 << 32, length: 2 << 32 };
    assert_eq!(node.extended_regions().collect::<Vec<_>>(), [further]);
    assert_eq!(node.interrupt.unwrap().intid(), 31);
    assert_eq!(tree.properties().count(), 7);
}

#[test]
fn another_hypervisor_is_not_xen() {
    let tree =
        Builder::default().begin("").begin("hypervisor").property("compatible", b"linux,kvm\0");
    let bytes = tree.end().end().build();
    assert_eq!(DeviceTree::new(&bytes).unwrap().xen(), Ok(None));
    let bytes = Builder::default().begin("").end().build();
    let tree = DeviceTree::new(&bytes).unwrap();
    assert_eq!((tree.xen(), tree.command_line()), (Ok(None), Ok("")));
}

#[test]
fn lies_are_named() {
    assert_eq!(DeviceTree::new(&[0; 40]).unwrap_err(), DeviceTreeError::BadMagic { found: 0 });
    let mut bytes = xen();
    bytes[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(DeviceTree::new(&bytes).unwrap_err(), DeviceTreeError::BadHeader);
    let deep = (0..40).fold(Builder::default(), |tree, _| tree.begin("a")).build();
    let last = DeviceTree::new(&deep).unwrap().properties().last().unwrap();
    assert!(matches!(last, Err(DeviceTreeError::BadNesting { .. })), "{last:?}");
    let ends = Builder::default().end().build();
    let last = DeviceTree::new(&ends).unwrap().properties().last().unwrap();
    assert!(matches!(last, Err(DeviceTreeError::BadNesting { .. })), "{last:?}");
    let token = Builder::default().word(77).build();
    let last = DeviceTree::new(&token).unwrap().properties().last().unwrap();
    assert!(matches!(last, Err(DeviceTreeError::BadToken { found: 77, .. })), "{last:?}");
}

#[test]
fn a_tree_that_is_cut_ends_with_an_error() {
    let bytes = xen();
    for length in 0..bytes.len() {
        let error = DeviceTree::new(&bytes[..length]).unwrap_err();
        assert!(matches!(error, DeviceTreeError::Truncated { .. }), "{length}: {error:?}");
    }
    // And where the header hides the cut.
    for length in HEADER..bytes.len() {
        let mut bytes = bytes[..length].to_vec();
        bytes[4..8].copy_from_slice(&(length as u32).to_be_bytes());
        let tree = DeviceTree::new(&bytes).unwrap();
        assert!(tree.properties().any(|property| property.is_err()), "{length}");
    }
}

proptest! {
    /// Whatever word is changed, a walk ends, without a panic.
    #[test]
    fn no_change_makes_a_walk_panic(at in 8..300_usize, to: u32, small in 0..64_u32, is_small: bool) {
        let mut bytes = xen();
        let at = at.min(bytes.len() - 4);
        let to = if is_small { small } else { to };
        bytes[at..at + 4].copy_from_slice(&to.to_be_bytes());
        if let Ok(tree) = DeviceTree::new(&bytes) {
            prop_assert!(tree.properties().count() <= bytes.len());
            let _ = tree.command_line();
            if let Ok(Some(node)) = tree.xen() {
                node.extended_regions().for_each(drop);
            }
        }
    }
}
