//! Bit fields: accessors over named storage, counted from the least significant bit as C compilers
//! for all our architectures do.

/// The `width` bits from bit `first` of `bytes`.
pub(crate) const fn get<const N: usize>(bytes: &[u8; N], first: u32, width: u32) -> u64 {
    (join(bytes) >> first) & mask(width)
}

/// `bytes` with the `width` bits from bit `first` replaced by the low bits of `value`.
pub(crate) const fn set<const N: usize>(
    bytes: &[u8; N],
    first: u32,
    width: u32,
    value: u64,
) -> [u8; N] {
    let kept = join(bytes) & !(mask(width) << first);
    let all = (kept | ((value & mask(width)) << first)).to_le_bytes();
    let mut out = [0; N];
    let mut at = 0;
    while at < N {
        out[at] = all[at];
        at += 1;
    }
    out
}

/// The low `width` bits.
pub(crate) const fn mask(width: u32) -> u64 {
    if width == 64 { u64::MAX } else { (1 << width) - 1 }
}

/// `bytes`, at most eight of them, as one number.
pub(crate) const fn join<const N: usize>(bytes: &[u8; N]) -> u64 {
    let mut all = [0; 8];
    let mut at = 0;
    while at < N {
        all[at] = bytes[at];
        at += 1;
    }
    u64::from_le_bytes(all)
}

/// Gives a structure the accessors of the bit fields in one of its members, and proves that each
/// touches its own bits and no other.
macro_rules! bit_fields {
    ($name:ident, $storage:ident, int $int:ty; $($rest:tt)*) => {
        impl $name {
            const fn bits(&self) -> [u8; size_of::<$int>()] {
                self.$storage.to_le_bytes()
            }

            const fn set_bits(&mut self, bytes: [u8; size_of::<$int>()]) {
                self.$storage = <$int>::from_le_bytes(bytes);
            }
        }
        $crate::support::bits::accessors! { $name; $($rest)* }
    };
    ($name:ident, $storage:ident, bytes $len:literal; $($rest:tt)*) => {
        impl $name {
            const fn bits(&self) -> [u8; $len] {
                self.$storage
            }

            const fn set_bits(&mut self, bytes: [u8; $len]) {
                self.$storage = bytes;
            }
        }
        $crate::support::bits::accessors! { $name; $($rest)* }
    };
}
pub(crate) use bit_fields;

macro_rules! accessors {
    ($name:ident; $($(#[$doc:meta])* $get:ident, $set:ident: $ty:ty = $first:expr, $width:expr;)*) => {
        impl $name {
            $(
                $(#[$doc])*
                #[must_use]
                pub const fn $get(&self) -> $ty {
                    $crate::support::bits::get(&self.bits(), $first, $width) as $ty
                }

                #[doc = concat!("Sets `", stringify!($get), "`, ", $width, " bits of it.")]
                pub const fn $set(&mut self, value: $ty) {
                    self.set_bits($crate::support::bits::set(&self.bits(), $first, $width, value as core::primitive::u64));
                }
            )*
        }

        const _: () = {
            $(
                let mut probe = $name::ZERO;
                probe.$set(<$ty>::MAX);
                assert!(
                    $crate::support::bits::join(&probe.bits()) == $crate::support::bits::mask($width) << $first
                        && probe.$get() as core::primitive::u64 == $crate::support::bits::mask($width),
                    concat!(stringify!($name), ".", stringify!($get), ": bits")
                );
            )*
        };
    };
}
pub(crate) use accessors;
