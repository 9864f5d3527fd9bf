//! The references that the toolstack fills in.

use xen_abi::grant_table::{
    GNTTAB_NR_RESERVED_ENTRIES, GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_XENSTORE, grant_ref_t,
};

/// One of the first 8 references. The toolstack may fill in their entries when it creates the domain.
/// They are never allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ToolstackRef(u32);

impl ToolstackRef {
    /// The console ring's page.
    pub const CONSOLE: Self = Self(GNTTAB_RESERVED_CONSOLE);
    /// The xenstore ring's page.
    pub const XENSTORE: Self = Self(GNTTAB_RESERVED_XENSTORE);
    /// How many there are.
    pub const COUNT: u32 = GNTTAB_NR_RESERVED_ENTRIES;

    /// The reference with this number, or `None` if it is not one of these.
    #[must_use]
    pub const fn new(reference: grant_ref_t) -> Option<Self> {
        if reference.0 < Self::COUNT { Some(Self(reference.0)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn reference(self) -> grant_ref_t {
        grant_ref_t(self.0)
    }
}
