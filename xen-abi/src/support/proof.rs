//! Layouts as assertions: a wrong figure does not compile, and the error names its member.

/// Proves size, alignment and offsets of one type, that no byte of it lacks a name, and with that,
/// that it is plain.
///
/// The list after the members holds each of their types once.
macro_rules! layout {
    (
        struct $name:ident: $size:literal, $align:literal;
        $($field:ident: $ty:ty = $offset:literal, $path:literal;)*
        [$(($distinct:ty))*]
    ) => {
        const _: () = {
            $($crate::support::plain::is_plain::<$distinct>();)*
            $crate::support::proof::structure(
                stringify!($name),
                [size_of::<$name>(), align_of::<$name>()],
                [$size, $align],
                0 $(+ size_of::<$ty>())*,
                &[$((core::mem::offset_of!($name, $field), $offset, $path)),*],
            );
        };

        // SAFETY: the generator lists the types of all members. Each is plain and together they fill
        // the type: both asserted just above.
        #[allow(unsafe_code, reason = "asserted above")]
        unsafe impl $crate::support::plain::Plain for $name {}
        $crate::support::plain::byte_valued! { $name }
        $crate::support::plain::zero! { $name }
    };
    (union $name:ident: $size:literal, $align:literal) => {
        const _: () = $crate::support::proof::size_and_align(
            stringify!($name),
            [size_of::<$name>(), align_of::<$name>()],
            [$size, $align],
        );
    };
}
pub(crate) use layout;

/// Proves the offsets of members inside anonymous structures and unions: each step is a type and
/// the members walked inside it, and a union's members all start where it starts.
macro_rules! leaves {
    ($($offset:literal, $path:literal: $(($step:ident, $($member:tt)+))*;)*) => {
        const _: () = $crate::support::proof::offsets(&[
            $((0 $(+ core::mem::offset_of!($step, $($member)+))*, $offset, $path)),*
        ]);
    };
}
pub(crate) use leaves;

/// Stops compilation unless a structure is laid out as stated and its members fill it.
pub(crate) const fn structure(
    name: &str,
    found: [usize; 2],
    stated: [usize; 2],
    members: usize,
    offsets: &[(usize, usize, &str)],
) {
    size_and_align(name, found, stated);
    assert!(members == found[0], "padding without a name");
    self::offsets(offsets);
}

/// Stops compilation unless size and alignment are as stated.
pub(crate) const fn size_and_align(name: &str, found: [usize; 2], stated: [usize; 2]) {
    if found[0] != stated[0] || found[1] != stated[1] {
        panic!("{}", name);
    }
}

/// Stops compilation unless each offset is as stated: (found, stated, path).
pub(crate) const fn offsets(offsets: &[(usize, usize, &str)]) {
    let mut at = 0;
    while at < offsets.len() {
        let (found, stated, path) = offsets[at];
        if found != stated {
            panic!("{}", path);
        }
        at += 1;
    }
}
