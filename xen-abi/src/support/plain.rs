//! The property that all ABI types share, and the casts that rely on it.

/// Plain data: every pattern of bytes is a value, and every byte belongs to a member.
///
/// All structures, unions and integers of this crate are plain. It is what makes a union's members
/// readable at any time, and what zerocopy's traits say in more detail under the feature `zerocopy`.
///
/// # Safety
///
/// The type must have no invalid bit pattern, no padding, no pointer, and no interior mutability.
#[allow(unsafe_code, reason = "the trait is the contract the casts below rest on")]
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain_integers {
    ($($ty:ty),*) => {$(
        // SAFETY: an integer has no invalid pattern, no padding and no pointer.
        #[allow(unsafe_code, reason = "states a fact about a primitive")]
        unsafe impl Plain for $ty {}
    )*};
}
plain_integers!(u8, i8, u16, i16, u32, i32, u64, i64, usize, isize);

// SAFETY: an array is its elements without gaps.
#[allow(unsafe_code, reason = "states a fact about arrays")]
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// The value whose bytes are all zero.
#[must_use]
#[allow(unsafe_code, reason = "sound for every type that is Plain")]
pub const fn zeroed<T: Plain>() -> T {
    // SAFETY: T is Plain, so all zeros is one of its values.
    unsafe { core::mem::zeroed() }
}

/// The bytes of `value`.
///
/// ```
/// # use xen_abi::grant_table::grant_entry_v1;
/// # use xen_abi::as_bytes;
/// let entry = grant_entry_v1 { frame: 0x1234, ..grant_entry_v1::ZERO };
/// assert_eq!(as_bytes(&entry), [0, 0, 0, 0, 0x34, 0x12, 0, 0]);
/// ```
#[must_use]
#[allow(unsafe_code, reason = "sound for every type that is Plain")]
pub const fn as_bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: T is Plain, so all of its bytes are initialised; the result borrows `value`.
    unsafe { core::slice::from_raw_parts(core::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// The `T` that `bytes` are, of any alignment, or `None` unless there are exactly
/// `size_of::<T>()` of them.
///
/// ```
/// # use xen_abi::grant_table::grant_entry_v1;
/// # use xen_abi::from_bytes;
/// let entry: grant_entry_v1 = from_bytes(&[0, 0, 0, 0, 0x34, 0x12, 0, 0]).unwrap();
/// assert_eq!(entry.frame, 0x1234);
/// assert!(from_bytes::<grant_entry_v1>(&[0; 7]).is_none());
/// ```
#[must_use]
#[allow(unsafe_code, reason = "sound for every type that is Plain")]
pub const fn from_bytes<T: Plain>(bytes: &[u8]) -> Option<T> {
    if bytes.len() != size_of::<T>() {
        return None;
    }
    // SAFETY: there are as many bytes as T has, any of which are a T since it is Plain; the read asks for no
    // alignment.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// Stops compilation unless a `T` fits at the start of a `U`, in size and in alignment.
pub(crate) const fn fits<U: Plain, T: Plain>() {
    assert!(size_of::<T>() <= size_of::<U>(), "a member larger than its union");
    assert!(align_of::<T>() <= align_of::<U>(), "a member aligned more than its union");
}

/// The first bytes of `whole` as a `T`: how a union shows one of its members.
#[allow(unsafe_code, reason = "sound for every type that is Plain")]
pub(crate) const fn view<U: Plain, T: Plain>(whole: &U) -> &T {
    const { fits::<U, T>() };
    // SAFETY: `fits` keeps T inside U and aligned; U is initialised throughout since it has
    // no padding, and T takes any bytes. The result borrows `whole`.
    unsafe { &*core::ptr::from_ref(whole).cast::<T>() }
}

/// The first bytes of `whole` as a `T` that can be written.
#[allow(unsafe_code, reason = "sound for every type that is Plain")]
pub(crate) const fn view_mut<U: Plain, T: Plain>(whole: &mut U) -> &mut T {
    const { fits::<U, T>() };
    // SAFETY: as in `view`, and every write through T leaves initialised bytes, since T has no
    // padding; any bytes are a U. The result borrows `whole` exclusively.
    unsafe { &mut *core::ptr::from_mut(whole).cast::<T>() }
}

/// Compiles for plain types only.
pub(crate) const fn is_plain<T: Plain>() {}

/// Gives a plain type the trait by which the crate vm-memory reads and writes guest memory. That crate is
/// for 64-bit processors only.
macro_rules! byte_valued {
    ($name:ident $(<$T:ident>)?) => {
        // SAFETY: the type is Plain, so any bytes are a value and every byte is initialised.
        #[cfg(all(feature = "vm-memory", target_pointer_width = "64"))]
        #[cfg_attr(docsrs, doc(cfg(feature = "vm-memory")))]
        #[allow(unsafe_code, reason = "Plain asks for as much")]
        unsafe impl$(<$T: 'static>)? vm_memory::ByteValued for $name$(<$T>)? {}
    };
}
pub(crate) use byte_valued;

/// Gives a plain type its zero.
macro_rules! zero {
    ($name:ident) => {
        impl $name {
            /// All bytes zero.
            pub const ZERO: Self = $crate::support::plain::zeroed();
        }

        #[cfg(feature = "extra-traits")]
        impl Default for $name {
            fn default() -> Self {
                Self::ZERO
            }
        }
    };
}
pub(crate) use zero;
