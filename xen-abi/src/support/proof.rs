//! Layouts as assertions: a wrong figure does not compile.

/// Proves size, alignment and offsets of one type, and that no byte of it lacks a name.
macro_rules! layout {
    (struct $name:ident: $size:expr, $align:expr; $($field:ident: $ty:ty = $offset:expr,)*) => {
        const _: () = {
            assert!(size_of::<$name>() == $size, concat!(stringify!($name), ": size"));
            assert!(align_of::<$name>() == $align, concat!(stringify!($name), ": alignment"));
            $(assert!(
                core::mem::offset_of!($name, $field) == $offset,
                concat!(stringify!($name), ".", stringify!($field), ": offset")
            );)*
        };
        $crate::support::plain::plain! { $name: $($ty),* }
    };
    (union $name:ident: $size:expr, $align:expr) => {
        const _: () = {
            assert!(size_of::<$name>() == $size, concat!(stringify!($name), ": size"));
            assert!(align_of::<$name>() == $align, concat!(stringify!($name), ": alignment"));
        };
    };
}
pub(crate) use layout;

/// Proves the offsets of members behind anonymous structures and unions: each step is a type and
/// the members walked inside it, and a union's members all start where it starts.
macro_rules! leaves {
    ($($name:ident, $path:literal, $offset:literal: $(($step:ident, $($member:tt)+))*;)*) => {
        const _: () = {
            $(assert!(
                0 $(+ core::mem::offset_of!($step, $($member)+))* == $offset,
                concat!(stringify!($name), ".", $path, ": offset")
            );)*
        };
    };
}
pub(crate) use leaves;
