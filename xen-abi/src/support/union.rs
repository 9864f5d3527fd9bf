//! Unions: bytes, as words of the union's alignment, with an accessor for each member.

/// Gives a union its accessors, and proves that each member fits.
macro_rules! union_members {
    ($name:ident; $($(#[$doc:meta])* $get:ident, $get_mut:ident, $from:ident: $ty:ty;)*) => {
        // SAFETY: transparent over an array of integers.
        #[allow(unsafe_code, reason = "states a fact about a transparent wrapper")]
        unsafe impl $crate::support::plain::Plain for $name {}
        $crate::support::plain::byte_valued! { $name }
        $crate::support::plain::zero! { $name }

        const _: () = {
            $($crate::support::plain::fits::<$name, $ty>();)*
        };

        impl $name {
            $(
                $(#[$doc])*
                #[inline]
                #[must_use]
                pub const fn $get(&self) -> &$ty {
                    $crate::support::plain::view(self)
                }

                #[doc = concat!("`", stringify!($get), "`, mutable.")]
                #[inline]
                pub const fn $get_mut(&mut self) -> &mut $ty {
                    $crate::support::plain::view_mut(self)
                }

                #[doc = concat!("A union of `", stringify!($get), "`, all bytes after it zero.")]
                #[inline]
                #[must_use]
                pub const fn $from(value: $ty) -> Self {
                    let mut this = Self::ZERO;
                    *this.$get_mut() = value;
                    this
                }
            )*
        }
    };
}
pub(crate) use union_members;
