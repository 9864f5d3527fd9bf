//! The command line in a flattened device tree: `bootargs` of `/chosen`.

#![allow(unsafe_code, reason = "the tree is at an address, and says itself how long it is")]

use core::slice;

const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;

/// The command line; empty if there is none, or no tree.
///
/// # Safety
///
/// `tree` is where a device tree begins that stays as it is, or where at least its header's first
/// eight bytes can be read.
pub(crate) unsafe fn arguments(tree: *const u8) -> &'static str {
    // SAFETY: the caller's promise: magic and total size.
    let head = unsafe { slice::from_raw_parts(tree, 8) };
    if word(head, 0) != Some(MAGIC) {
        return "";
    }
    let length = word(head, 4).unwrap_or(0) as usize;
    // SAFETY: the tree says that it is so long.
    let tree = unsafe { slice::from_raw_parts(tree, length) };
    bootargs(tree).unwrap_or_default()
}

/// Walks through the tree up to the property.
fn bootargs(tree: &'static [u8]) -> Option<&'static str> {
    let mut at = word(tree, 8)? as usize;
    let names = word(tree, 12)? as usize;
    let mut depth = 0;
    let mut in_chosen = false;
    loop {
        let token = word(tree, at)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = text(tree, at)?;
                at += (name.len() + 1).next_multiple_of(4);
                depth += 1;
                in_chosen = depth == 2 && name == "chosen";
            }
            END_NODE => {
                depth -= 1;
                in_chosen = false;
            }
            PROPERTY => {
                let length = word(tree, at)? as usize;
                let name = text(tree, names + word(tree, at + 4)? as usize)?;
                if in_chosen && name == "bootargs" {
                    return text(tree, at + 8);
                }
                at += 8 + length.next_multiple_of(4);
            }
            NOP => {}
            _ => return None,
        }
    }
}

/// The big-endian word at an offset.
fn word(tree: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*tree.get(at..)?.first_chunk()?))
}

/// The text at an offset, up to its zero.
fn text(tree: &'static [u8], at: usize) -> Option<&'static str> {
    tree.get(at..)?.split(|byte| *byte == 0).next().and_then(|text| core::str::from_utf8(text).ok())
}
