//! ELF notes: what a kernel tells Xen's loader about itself.
//!
//! [`note!`](crate::note!) puts one note into the section `.note.Xen`, and [`entry!`](crate::entry!)
//! all that the entry code needs. The value is checked when the kernel is compiled:
//!
//! ```
//! xen_guest::note!(XEN_ELFNOTE_BSD_SYMTAB = text "yes");
//! xen_guest::note!(XEN_ELFNOTE_SUSPEND_CANCEL = number 1);
//! ```
//!
//! ```compile_fail,E0080
//! // The loader takes an address.
//! xen_guest::note!(XEN_ELFNOTE_ENTRY = text "start");
//! ```
//!
//! Upstream: `xen/include/public/elfnote.h`.

use xen_abi::elfnote::*;

/// The bytes of one note: the header of ELF, the name `Xen`, and the value.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub struct Note<V> {
    name_size: u32,
    value_size: u32,
    kind: u32,
    name: [u8; 4],
    value: V,
}

/// An address that only the linker knows.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Address(*const ());

#[allow(unsafe_code, reason = "an address is shared, nothing at it")]
// SAFETY: it is never dereferenced.
unsafe impl Sync for Address {}

/// What kind of value a note has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Text,
    Number,
    Address,
}

/// What kind of value Xen's loader takes for this note. `None` if this release defines no such note.
#[allow(non_upper_case_globals, reason = "upstream's constants, as patterns")]
const fn value_of(kind: u32) -> Option<Value> {
    Some(match kind {
        XEN_ELFNOTE_GUEST_OS
        | XEN_ELFNOTE_GUEST_VERSION
        | XEN_ELFNOTE_XEN_VERSION
        | XEN_ELFNOTE_LOADER
        | XEN_ELFNOTE_PAE_MODE
        | XEN_ELFNOTE_FEATURES
        | XEN_ELFNOTE_BSD_SYMTAB => Value::Text,
        XEN_ELFNOTE_ENTRY | XEN_ELFNOTE_HYPERCALL_PAGE | XEN_ELFNOTE_PHYS32_ENTRY => Value::Address,
        XEN_ELFNOTE_VIRT_BASE
        | XEN_ELFNOTE_PADDR_OFFSET
        | XEN_ELFNOTE_HV_START_LOW
        | XEN_ELFNOTE_INIT_P2M
        | XEN_ELFNOTE_SUSPEND_CANCEL
        | XEN_ELFNOTE_MOD_START_PFN
        | XEN_ELFNOTE_SUPPORTED_FEATURES => Value::Number,
        _ => return None,
    })
}

const fn check(kind: u32, value: Value) {
    match value_of(kind) {
        None => panic!("no such note takes a text, a number or an address"),
        Some(Value::Text) => assert!(matches!(value, Value::Text), "the value is a text"),
        Some(Value::Number) => assert!(matches!(value, Value::Number), "the value is a number"),
        Some(Value::Address) => assert!(matches!(value, Value::Address), "the value is an address"),
    }
}

impl<V> Note<V> {
    const fn new(kind: u32, value_size: usize, value: V) -> Self {
        Self { name_size: 4, value_size: value_size as u32, kind, name: *b"Xen\0", value }
    }
}

impl<const N: usize> Note<[u8; N]> {
    /// A note with a text, for which `N` is one more than it has bytes.
    ///
    /// # Panics
    ///
    /// When the kernel is compiled: if the note takes no text, or the text contains a zero byte.
    #[must_use]
    pub const fn text(kind: u32, text: &str) -> Self {
        check(kind, Value::Text);
        let from = text.as_bytes();
        assert!(N == from.len() + 1, "the text and its terminator");
        let mut value = [0; N];
        let mut at = 0;
        while at < from.len() {
            assert!(from[at] != 0, "the text contains a zero byte");
            value[at] = from[at];
            at += 1;
        }
        Self::new(kind, N, value)
    }
}

impl Note<u64> {
    /// A note with a number.
    ///
    /// # Panics
    ///
    /// When the kernel is compiled: if the note takes no number.
    #[must_use]
    pub const fn number(kind: u32, value: u64) -> Self {
        check(kind, Value::Number);
        Self::new(kind, size_of::<u64>(), value)
    }
}

impl Note<Address> {
    /// A note with an address.
    ///
    /// # Panics
    ///
    /// When the kernel is compiled: if the note takes no address.
    #[must_use]
    pub const fn address(kind: u32, value: *const ()) -> Self {
        check(kind, Value::Address);
        Self::new(kind, size_of::<usize>(), Address(value))
    }
}

/// Puts a note into the kernel's section `.note.Xen`. The linker script keeps that section.
///
/// It takes the note's name in `elfnote.h`, and `text`, `number` or `address` before the value. An
/// address is a constant expression of type `*const ()`.
///
/// ```
/// xen_guest::note!(XEN_ELFNOTE_GUEST_OS = text "hello");
/// ```
#[macro_export]
macro_rules! note {
    ($kind:ident = text $value:expr) => {
        $crate::note!(@static
            $crate::note::Note<[u8; { let text: &str = $value; text.len() } + 1]>,
            $crate::note::Note::text($crate::xen_abi::elfnote::$kind, $value)
        );
    };
    ($kind:ident = number $value:expr) => {
        $crate::note!(@static
            $crate::note::Note<u64>,
            $crate::note::Note::<u64>::number($crate::xen_abi::elfnote::$kind, $value)
        );
    };
    ($kind:ident = address $value:expr) => {
        $crate::note!(@static
            $crate::note::Note<$crate::note::Address>,
            $crate::note::Note::address($crate::xen_abi::elfnote::$kind, $value)
        );
    };
    (@static $type:ty, $value:expr) => {
        #[allow(unsafe_code, reason = "the section is the loader's")]
        const _: () = {
            #[used]
            // SAFETY: a note, aligned to 4 and without gaps, as the section has them.
            #[unsafe(link_section = ".note.Xen")]
            static NOTE: $type = $value;
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_what_elf_says() {
        let note = Note::<[u8; 6]>::text(XEN_ELFNOTE_GUEST_OS, "guest");
        assert_eq!((size_of_val(&note), align_of_val(&note)), (16 + 8, 4));
        let Note { name_size, value_size, kind, name, value } = note;
        assert_eq!((name_size, value_size, kind), (4, 6, 6));
        assert_eq!((&name, &value), (b"Xen\0", b"guest\0"));
        assert_eq!(size_of::<Note<u64>>(), 24);
        assert_eq!(align_of::<Note<u64>>(), 4);
    }

    #[test]
    fn every_value_has_its_kind() {
        for (kind, value) in [
            (XEN_ELFNOTE_PAE_MODE, Value::Text),
            (XEN_ELFNOTE_SUPPORTED_FEATURES, Value::Number),
            (XEN_ELFNOTE_PHYS32_ENTRY, Value::Address),
        ] {
            assert!(value_of(kind) == Some(value), "{kind}");
        }
        assert!(value_of(XEN_ELFNOTE_MAX + 1).is_none());
    }

    #[test]
    #[should_panic(expected = "the value is an address")]
    fn a_text_is_no_entry() {
        let _ = Note::<[u8; 2]>::text(XEN_ELFNOTE_ENTRY, "1");
    }
}
