//! Flattened device trees: what Xen is to start goes into a machine's own tree, below `/chosen`.

/// What marks a tree.
const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const HEADER: usize = 40;

/// A node to be added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    name: String,
    properties: Vec<(&'static str, Vec<u8>)>,
    nodes: Vec<Self>,
}

impl Node {
    /// A node without anything in it.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a property that is a number, or several.
    pub(crate) fn cells(self, name: &'static str, cells: &[u32]) -> Self {
        self.bytes(name, cells.iter().flat_map(|cell| cell.to_be_bytes()).collect())
    }

    /// Adds a property that is a text, or several.
    pub(crate) fn texts(self, name: &'static str, texts: &[&str]) -> Self {
        let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
        self.bytes(name, bytes.collect())
    }

    fn bytes(mut self, name: &'static str, bytes: Vec<u8>) -> Self {
        self.properties.push((name, bytes));
        self
    }

    /// Adds a node.
    pub(crate) fn node(mut self, node: Self) -> Self {
        self.nodes.push(node);
        self
    }
}

/// The `tree` with the properties and nodes of `chosen` in its `/chosen`, which has none of them;
/// `None` if it is no tree, or has no such node.
pub(crate) fn with_chosen(tree: &[u8], chosen: &Node) -> Option<Vec<u8>> {
    if word(tree, 0)? != MAGIC {
        return None;
    }
    let structure = word(tree, 8)? as usize;
    let (names, names_size) = (word(tree, 12)? as usize, word(tree, 32)? as usize);
    let (body, end) = chosen_body(tree, structure)?;
    let mut writer =
        Writer { strings: tree.get(names..names + names_size)?.to_vec(), out: Vec::new() };

    // Properties come before nodes: ours stand first and last.
    writer.out.extend(tree.get(structure..body)?);
    writer.properties(chosen);
    writer.out.extend(tree.get(body..end)?);
    writer.nodes(chosen);
    writer.out.extend(tree.get(end..structure + word(tree, 36)? as usize)?);

    let Writer { strings, out } = writer;
    let reserved = word(tree, 16)? as usize;
    // Header, reserved memory and structure keep their places; the names follow.
    let mut result = tree.get(..structure)?.to_vec();
    if reserved > structure {
        return None;
    }
    result.extend(&out);
    let names = result.len();
    result.extend(&strings);
    let total = result.len();
    for (at, value) in [(4, total), (12, names), (32, strings.len()), (36, out.len())] {
        result.get_mut(at..at + 4)?.copy_from_slice(&u32::try_from(value).ok()?.to_be_bytes());
    }
    (result.len() > HEADER).then_some(result)
}

/// Where the content of `/chosen` begins and where it ends.
fn chosen_body(tree: &[u8], structure: usize) -> Option<(usize, usize)> {
    let mut at = structure;
    let mut depth = 0;
    let mut body = None;
    loop {
        let start = at;
        at += 4;
        match word(tree, start)? {
            BEGIN_NODE => {
                let name = tree.get(at..)?.split(|byte| *byte == 0).next()?;
                at += (name.len() + 1).next_multiple_of(4);
                depth += 1;
                if depth == 2 && name == b"chosen" {
                    body = Some(at);
                }
            }
            END_NODE => {
                if let Some(body) = body.filter(|_| depth == 2) {
                    return Some((body, start));
                }
                depth -= 1;
            }
            PROPERTY => at += 8 + (word(tree, at)? as usize).next_multiple_of(4),
            NOP => {}
            _ => return None,
        }
    }
}

struct Writer {
    out: Vec<u8>,
    strings: Vec<u8>,
}

impl Writer {
    fn properties(&mut self, node: &Node) {
        for (name, bytes) in &node.properties {
            let place = self.strings.len();
            self.strings.extend(name.bytes().chain([0]));
            for value in [PROPERTY as usize, bytes.len(), place] {
                self.out.extend((value as u32).to_be_bytes());
            }
            self.out.extend(bytes);
            self.align();
        }
    }

    fn nodes(&mut self, node: &Node) {
        for node in &node.nodes {
            self.out.extend(BEGIN_NODE.to_be_bytes());
            self.out.extend(node.name.bytes().chain([0]));
            self.align();
            self.properties(node);
            self.nodes(node);
            self.out.extend(END_NODE.to_be_bytes());
        }
    }

    fn align(&mut self) {
        self.out.resize(self.out.len().next_multiple_of(4), 0);
    }
}

/// The big-endian word at an offset.
fn word(tree: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*tree.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with a root, a property, and `/chosen` with a property in it.
    fn tree() -> Vec<u8> {
        let chosen = Node::new("chosen").texts("old", &["x"]);
        let root = Node::new("").node(Node::new("").cells("size", &[1]).node(chosen));
        let mut writer = Writer { out: Vec::new(), strings: Vec::new() };
        writer.nodes(&root);
        writer.out.extend(9_u32.to_be_bytes());
        let (structure, names) = (HEADER + 16, HEADER + 16 + writer.out.len());
        let total = names + writer.strings.len();
        let header = [
            MAGIC as usize,
            total,
            structure,
            names,
            HEADER,
            17,
            16,
            0,
            writer.strings.len(),
            writer.out.len(),
        ];
        let mut bytes: Vec<u8> =
            header.iter().flat_map(|value| (*value as u32).to_be_bytes()).collect();
        bytes.extend([0; 16]);
        bytes.extend(writer.out);
        bytes.extend(writer.strings);
        bytes
    }

    #[test]
    fn what_is_added_is_in_chosen() {
        let added =
            Node::new("").cells("new", &[2]).node(Node::new("module").texts("a", &["b", "c"]));
        let result = with_chosen(&tree(), &added).unwrap();
        assert_eq!(word(&result, 4).unwrap() as usize, result.len());
        let (body, end) = chosen_body(&result, HEADER + 16).unwrap();
        let content = &result[body..end];
        let find = |text: &[u8]| content.windows(text.len()).position(|part| part == text);
        let (new, old) = (find(&[0, 0, 0, 2]).unwrap(), find(b"x\0").unwrap());
        let (node, texts) = (find(b"module\0").unwrap(), find(b"b\0c\0").unwrap());
        assert!(new < old && old < node && node < texts, "properties first");
        assert_eq!(word(&result, end), Some(END_NODE));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let good = tree();
        for end in 0..good.len() {
            let _ = with_chosen(&good[..end], &Node::new(""));
        }
        assert_eq!(with_chosen(b"", &Node::new("")), None);
        assert_eq!(with_chosen(&[0; 100], &Node::new("")), None);
    }
}
