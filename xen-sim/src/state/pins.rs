//! Pins: how often a grant table entry is in use, and in which way.

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::config::Release;
use crate::state::frames::Mfn;

/// Pin counts: how often a grant table entry is in use, by the processor and by devices, for
/// reading and for writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// Writable mappings for the processor, and copies to the frame in progress.
    pub host_write: u8,
    /// Read-only mappings for the processor, and copies from the frame in progress.
    pub host_read: u8,
    /// Writable mappings for devices.
    pub device_write: u8,
    /// Read-only mappings for devices.
    pub device_read: u8,
}

impl Pins {
    /// One pin for each kind of mapping that the `GNTMAP_*` in `flags` request.
    pub(crate) fn of_map(flags: GrantMapFlags) -> Self {
        let read = u8::from(flags.contains(GNTMAP_readonly));
        let host = u8::from(flags.contains(GNTMAP_host_map));
        let device = u8::from(flags.contains(GNTMAP_device_map));
        Self {
            host_write: host & (1 - read),
            host_read: host & read,
            device_write: device & (1 - read),
            device_read: device & read,
        }
    }

    /// Whether the entry is not in use.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// Whether the entry is in use for writing.
    #[must_use]
    pub fn writes(self) -> bool {
        self.host_write > 0 || self.device_write > 0
    }

    /// The sum of all counts.
    #[must_use]
    pub fn total(self) -> u32 {
        self.array().into_iter().map(u32::from).sum()
    }

    fn array(self) -> [u8; 4] {
        [self.host_write, self.host_read, self.device_write, self.device_read]
    }

    /// Whether Xen refuses to add `more` because a counter is in its upper half: one that `more`
    /// adds to, or in 4.14 any of them.
    pub(crate) fn is_full_for(self, more: Self, release: Release) -> bool {
        let any = release == Release::V4_14;
        self.array()
            .into_iter()
            .zip(more.array())
            .any(|(have, add)| have >= 128 && (any || add > 0))
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.combine(more, u8::saturating_add);
    }

    pub(crate) fn subtract(&mut self, less: Self) {
        self.combine(less, u8::saturating_sub);
    }

    pub(crate) fn combine(&mut self, other: Self, with: fn(u8, u8) -> u8) {
        self.host_write = with(self.host_write, other.host_write);
        self.host_read = with(self.host_read, other.host_read);
        self.device_write = with(self.device_write, other.device_write);
        self.device_read = with(self.device_read, other.device_read);
    }
}

/// An entry in use, as it was when it was first claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    pub(crate) pins: Pins,
    /// The domain that uses it.
    pub(crate) domid: domid_t,
    pub(crate) mfn: Mfn,
    /// The window for copies, in bytes.
    pub(crate) start: u16,
    pub(crate) length: u16,
    /// Whether it permits copies only: a sub-page grant, or a transitive one.
    pub(crate) is_sub_page: bool,
    /// The domain and reference that grant the frame: the entry itself, or the one that a
    /// transitive grant names.
    pub(crate) source: (domid_t, u32),
}
