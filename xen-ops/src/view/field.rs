//! Members of structures in a page, by name.

use core::fmt;
use core::marker::PhantomData;

use super::error::{AccessError, Misaligned, OutOfBounds};
use crate::page_size::PAGE_SIZE;

/// The offset of a value of type `T` in a page: inside it, and aligned.
///
/// [`field!`](crate::field) names a member of a structure. [`at`](Self::at) is for protocols without
/// one. Both are checked at compile time:
///
/// ```
/// use xen_ops::field;
/// use xen_ops::view::Field;
/// use xen_ops::xen_abi::xen::shared_info;
///
/// const MASK: Field<u8> = field!(shared_info, vcpu_info[3].evtchn_upcall_mask);
/// const ANSWER: Field<u32> = Field::at::<64>();
/// assert_eq!(ANSWER.offset(), 64);
/// ```
///
/// A part of an array that is a member, at an index known when the program runs, is at
/// [`offset`](Self::offset) plus the index, for [`View::read`](super::View::read) and
/// [`View::write`](super::View::write).
///
/// ```compile_fail,E0080
/// use xen_ops::view::Field;
/// const OUTSIDE: Field<u32> = Field::at::<4094>();
/// ```
pub struct Field<T> {
    offset: u16,
    value: PhantomData<fn() -> T>,
}

impl<T> Field<T> {
    /// The field `OFFSET` bytes from the start of the page. It does not compile if the value is not
    /// inside the page, or not aligned.
    #[must_use]
    pub const fn at<const OFFSET: usize>() -> Self {
        const { Self::checked(OFFSET) }
    }

    /// The field `offset` bytes from the start of the page.
    ///
    /// # Errors
    ///
    /// [`AccessError`] if the value is not inside the page, or not aligned.
    pub const fn at_offset(offset: usize) -> Result<Self, AccessError> {
        let (length, align) = (size_of::<T>(), align_of::<T>());
        if length > PAGE_SIZE || offset > PAGE_SIZE - length {
            return Err(AccessError::OutOfBounds(OutOfBounds { offset, length }));
        }
        if offset % align != 0 {
            return Err(AccessError::Misaligned(Misaligned { offset, align }));
        }
        Ok(Self { offset: offset as u16, value: PhantomData })
    }

    /// Bytes from the start of the page.
    #[inline]
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset as usize
    }

    /// The same member of a structure that starts `bytes` further on.
    ///
    /// # Errors
    ///
    /// As [`at_offset`](Self::at_offset).
    pub const fn moved(self, bytes: usize) -> Result<Self, AccessError> {
        Self::at_offset(self.offset().saturating_add(bytes))
    }

    const fn checked(offset: usize) -> Self {
        match Self::at_offset(offset) {
            Ok(field) => field,
            Err(AccessError::OutOfBounds(_)) => panic!("the value is not inside a page"),
            Err(AccessError::Misaligned(_)) => panic!("the value is not aligned"),
        }
    }

    /// For [`field!`](crate::field), where `member` is inside `*base`.
    ///
    /// # Safety
    ///
    /// Both pointers are into one object.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn between<S>(base: *const S, member: *const T) -> Self {
        // SAFETY: the caller's promise.
        Self::checked(unsafe { member.byte_offset_from(base) } as usize)
    }
}

impl<T, const N: usize> Field<[T; N]> {
    /// The element with this index, or `None` if there are not so many.
    #[must_use]
    pub const fn element(self, index: usize) -> Option<Field<T>> {
        if index >= N {
            return None;
        }
        // Inside the array, which is inside the page.
        let offset = self.offset + (index * size_of::<T>()) as u16;
        Some(Field { offset, value: PhantomData })
    }
}

/// The [`Field`](crate::view::Field) of a structure's member, when the structure starts with the page.
///
/// It takes the structure and the path of the member, indices included. It is a constant, and does not
/// compile if the member is not inside the page or not aligned.
///
/// ```
/// use xen_ops::field;
/// use xen_ops::xen_abi::grant_table::grant_entry_v1;
///
/// assert_eq!(field!(grant_entry_v1, frame).offset(), 4);
/// ```
#[macro_export]
macro_rules! field {
    ($structure:ty, $($member:tt)+) => {
        const {
            let object: $structure = $crate::xen_abi::zeroed();
            let (base, member) = (&raw const object, &raw const object.$($member)+);
            // SAFETY: both point into the object. Another object does not compile, since this is a
            // constant.
            unsafe { $crate::view::Field::between(base, member) }
        }
    };
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> PartialEq for Field<T> {
    fn eq(&self, other: &Self) -> bool {
        self.offset == other.offset
    }
}

impl<T> Eq for Field<T> {}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Field").field(&self.offset).finish()
    }
}
