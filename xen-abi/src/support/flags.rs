//! Sets of flags.

use core::fmt;

/// A set of flags over an integer: any bits are allowed and kept.
///
/// The first list has the flags of one bit, the second one the values of a number that shares the word, each
/// with the mask of the number's bits: what `Debug` prints by name.
macro_rules! flags {
    (
        $(#[$doc:meta])* pub struct $name:ident(pub $int:ty);
        [$($flag:ident)*] [$($value:ident in $mask:ident),*]
    ) => {
        $crate::support::newtypes::newtype! { $(#[$doc])* pub struct $name(pub $int); base }

        impl $name {
            /// No flag.
            #[must_use]
            pub const fn empty() -> Self {
                Self(0)
            }

            /// The bits as C has them.
            #[must_use]
            pub const fn bits(self) -> $int {
                self.0
            }

            /// The set with these bits, those without a name included.
            #[must_use]
            pub const fn from_bits_retain(bits: $int) -> Self {
                Self(bits)
            }

            /// Whether no bit is set.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether all bits of `other` are set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether some bit of `other` is set.
            #[must_use]
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// What `|` does, in constants.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The bits that are not in `other`.
            #[must_use]
            pub const fn difference(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        impl core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl core::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }

        impl core::ops::BitAnd for $name {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl core::ops::BitAndAssign for $name {
            fn bitand_assign(&mut self, other: Self) {
                self.0 &= other.0;
            }
        }

        /// Every other bit, those without a name included.
        impl core::ops::Not for $name {
            type Output = Self;

            fn not(self) -> Self {
                Self(!self.0)
            }
        }

        /// The names in C of what is set, and the bits that have none as a number.
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                $crate::support::flags::debug(f, stringify!($name), self.0.into(), &[
                    $((stringify!($flag), $flag.0.into(), $flag.0.into()),)*
                    $((stringify!($value), $mask.0.into(), $value.0.into()),)*
                ])
            }
        }
    };
}
pub(crate) use flags;

/// Writes `ty(FIRST | SECOND | 0x80)`, or `ty(0)`. Each name comes with a mask and the bits below it that
/// it stands for.
pub(crate) fn debug(
    f: &mut fmt::Formatter<'_>,
    ty: &str,
    bits: u32,
    names: &[(&str, u32, u32)],
) -> fmt::Result {
    write!(f, "{ty}(")?;
    let (mut rest, mut separator) = (bits, "");
    for (name, mask, value) in names {
        if bits & mask == *value {
            write!(f, "{separator}{name}")?;
            rest &= !mask;
            separator = " | ";
        }
    }
    if rest != 0 {
        write!(f, "{separator}{rest:#x}")?;
    } else if separator.is_empty() {
        f.write_str("0")?;
    }
    f.write_str(")")
}
