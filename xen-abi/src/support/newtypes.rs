//! Types of their own for what C passes around as bare integers, the same on every architecture.

pub use crate::support::errno::Errno;
pub use crate::support::status::GrantStatus;

/// An open newtype: any value of the integer is allowed and kept.
macro_rules! newtype {
    ($(#[$doc:meta])* pub struct $name:ident(pub $int:ty);) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

newtype! {
    /// A domain's number. Values from `DOMID_FIRST_RESERVED` up name no domain but stand for
    /// something, such as `DOMID_SELF`.
    ///
    /// `domid_t` of `xen.h`.
    pub struct domid_t(pub u16);
}
newtype! {
    /// Index of an entry in a domain's grant table: what the granting side hands to its peer.
    /// References 0 to 7 (`GNTTAB_NR_RESERVED_ENTRIES`) belong to the toolstack.
    ///
    /// `grant_ref_t` of `grant_table.h`.
    pub struct grant_ref_t(pub u32);
}
newtype! {
    /// Number under which Xen tracks one mapping of a grant, valid in the mapping domain only. Given
    /// out by `GNTTABOP_map_grant_ref`, spent by an unmap that removes the last mapping it stands
    /// for.
    ///
    /// `grant_handle_t` of `grant_table.h`.
    pub struct grant_handle_t(pub u32);
}
newtype! {
    /// A local event-channel port.
    ///
    /// `evtchn_port_t` of `event_channel.h`.
    pub struct evtchn_port_t(pub u32);
}
