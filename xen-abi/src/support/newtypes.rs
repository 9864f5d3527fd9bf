//! Types of their own for what C passes around as bare integers, the same on every architecture.

use core::fmt;

pub use crate::support::errno::Errno;
pub use crate::support::status::GrantStatus;

/// An open newtype: any value of the integer is allowed and kept.
///
/// With a list of constants it is an enumeration of C's, which prints their names. With `named` it has
/// a hand-written `name` and `Display`.
macro_rules! newtype {
    ($(#[$doc:meta])* pub struct $name:ident(pub $int:ty);) => {
        $crate::support::newtypes::newtype! { $(#[$doc])* #[derive(Debug)] pub struct $name(pub $int); base }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }
    };
    ($(#[$doc:meta])* pub struct $name:ident(pub $int:ty); [$($value:ident)*]) => {
        $crate::support::newtypes::newtype! { $(#[$doc])* pub struct $name(pub $int); named }

        impl $name {
            /// The name of the value in C, or `None` for a value that this release does not define.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $($value => Some(stringify!($value)),)*
                    _ => None,
                }
            }
        }

        /// The name of the value in C, or the type and the number.
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(self, f)
            }
        }
    };
    ($(#[$doc:meta])* pub struct $name:ident(pub $int:ty); named) => {
        $crate::support::newtypes::newtype! { $(#[$doc])* pub struct $name(pub $int); base }

        /// The name of the value in C, or the type and the number.
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                $crate::support::newtypes::debug(f, self.name(), stringify!($name), &self.0)
            }
        }
    };
    ($(#[$attribute:meta])* pub struct $name:ident(pub $int:ty); base) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(
            feature = "zerocopy",
            derive(
                zerocopy::FromBytes,
                zerocopy::IntoBytes,
                zerocopy::KnownLayout,
                zerocopy::Immutable
            )
        )]
        #[repr(transparent)]
        pub struct $name(pub $int);

        // SAFETY: transparent over an integer.
        #[allow(unsafe_code, reason = "states a fact about a transparent wrapper")]
        unsafe impl $crate::support::plain::Plain for $name {}
        $crate::support::plain::byte_valued! { $name }

        impl From<$int> for $name {
            fn from(value: $int) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $int {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}
pub(crate) use newtype;

/// Writes `name`, or where a value has none `ty(value)`.
pub(crate) fn debug(
    f: &mut fmt::Formatter<'_>,
    name: Option<&str>,
    ty: &str,
    value: &dyn fmt::Debug,
) -> fmt::Result {
    match name {
        Some(name) => f.pad(name),
        None => f.debug_tuple(ty).field(value).finish(),
    }
}

newtype! {
    /// A domain's number. Values from [`DOMID_FIRST_RESERVED`](crate::xen::DOMID_FIRST_RESERVED) up are
    /// no domain's number. Some of them have a meaning, such as [`DOMID_SELF`](crate::xen::DOMID_SELF).
    ///
    /// `domid_t` of [`xen.h`](crate::xen).
    pub struct domid_t(pub u16);
    named
}

impl domid_t {
    /// The name of a reserved value in C, or `None` for a domain's number and for a value that this
    /// release does not define.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x7ff0 => "DOMID_SELF",
            0x7ff1 => "DOMID_IO",
            0x7ff2 => "DOMID_XEN",
            0x7ff3 => "DOMID_COW",
            0x7ff4 => "DOMID_INVALID",
            0x7ff5 => "DOMID_ANY",
            0x7fff => "DOMID_IDLE",
            _ => return None,
        })
    }
}

/// The name of a reserved value in C, or the number.
impl fmt::Display for domid_t {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

newtype! {
    /// The index of an entry in a domain's grant table: the granting domain sends it to the domain that
    /// it grants to. The toolstack uses the references below
    /// [`GNTTAB_NR_RESERVED_ENTRIES`](crate::grant_table::GNTTAB_NR_RESERVED_ENTRIES).
    ///
    /// `grant_ref_t` of [`grant_table.h`](crate::grant_table).
    pub struct grant_ref_t(pub u32);
}
newtype! {
    /// The number by which Xen tracks one mapping of a grant, valid in the mapping domain only.
    /// [`GNTTABOP_map_grant_ref`](crate::grant_table::GNTTABOP_map_grant_ref) returns it. It is free
    /// again once the last mapping that it stands for is unmapped.
    ///
    /// `grant_handle_t` of [`grant_table.h`](crate::grant_table).
    pub struct grant_handle_t(pub u32);
}
newtype! {
    /// A local event-channel port.
    ///
    /// `evtchn_port_t` of [`event_channel.h`](crate::event_channel).
    pub struct evtchn_port_t(pub u32);
}
