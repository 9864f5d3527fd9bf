//! Where the rings of a stream lie in its pages.

use core::sync::atomic::Ordering::Relaxed;

use xen_abi::macros::ring::slot;
use xen_ops::view::Field;

use crate::error::{AttachError, BadIndex};
use crate::indices::Lie;
use crate::pages::{self, Pages, word};

/// A ring of bytes: its two indices, which are in the first page, and its bytes, which are in any of the
/// pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRing {
    pub(super) name: &'static str,
    pub(super) prod: Field<u32>,
    pub(super) prod_name: &'static str,
    pub(super) cons: Field<u32>,
    pub(super) cons_name: &'static str,
    pub(super) data: usize,
    pub(super) size: u32,
}

impl ByteRing {
    /// A ring of `size` bytes, the first at offset `data` of the pages taken together. `None` if the size
    /// is no power of two.
    ///
    /// `name` is the ring's, for errors. The indices have their name in C beside them.
    #[must_use]
    pub const fn new(
        name: &'static str,
        (prod, prod_name): (Field<u32>, &'static str),
        (cons, cons_name): (Field<u32>, &'static str),
        data: usize,
        size: u32,
    ) -> Option<Self> {
        if !size.is_power_of_two() {
            return None;
        }
        Some(Self { name, prod, prod_name, cons, cons_name, data, size })
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// The offset of the byte with this index, and how many follow it before the ring starts again.
    #[inline]
    pub(super) const fn place(&self, index: u32) -> (usize, usize) {
        let slot = slot(index, self.size);
        (self.data + slot as usize, (self.size - slot) as usize)
    }

    /// Empties the ring, which neither side uses now.
    #[cfg(feature = "alloc")]
    pub(crate) fn clear<M: Pages>(&self, memory: &M) {
        for index in [self.cons, self.prod] {
            if let Some(index) = word(memory, index) {
                index.store(0, Relaxed);
            }
        }
    }

    /// The producer's and the consumer's index in these pages, which must hold the ring.
    pub(super) fn indices<M: Pages>(&self, memory: &M) -> Result<(u32, u32), AttachError> {
        let holds = |bytes: u32| {
            let end = self.data.checked_add(self.size as usize);
            end.is_some_and(|end| end <= bytes as usize)
        };
        let (Some(prod), Some(cons), true) = (
            word(memory, self.prod),
            word(memory, self.cons),
            pages::bytes(memory).is_some_and(holds),
        ) else {
            return Err(AttachError::Pages { ring: self.name, pages: memory.pages().len() });
        };
        let (prod, cons) = (prod.load(Relaxed), cons.load(Relaxed));
        if prod.wrapping_sub(cons) > self.size {
            let lie = Lie { value: prod, from: cons, allowed: self.size };
            return Err(BadIndex::new(self.name, self.prod_name, lie).into());
        }
        Ok((prod, cons))
    }
}

/// The two rings of a stream, as one side sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The ring that this side reads.
    pub incoming: ByteRing,
    /// The ring that this side writes.
    pub outgoing: ByteRing,
}

impl Layout {
    /// The same rings, as the other side sees them.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { incoming: self.outgoing, outgoing: self.incoming }
    }
}

/// A ring whose size is a constant. It does not compile if that is no power of two.
macro_rules! byte_ring {
    ($name:literal, $structure:ty[$prod:ident, $cons:ident], $data:ident, $size:expr) => {
        const {
            use core::mem::offset_of;

            use xen_ops::view::Field;

            match $crate::stream::ByteRing::new(
                $name,
                (Field::at::<{ offset_of!($structure, $prod) }>(), stringify!($prod)),
                (Field::at::<{ offset_of!($structure, $cons) }>(), stringify!($cons)),
                offset_of!($structure, $data),
                $size,
            ) {
                Some(ring) => ring,
                None => panic!("the size is no power of two"),
            }
        }
    };
}
pub(super) use byte_ring;
