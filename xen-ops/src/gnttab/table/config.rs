//! Configuration of a table.

/// Which format the table's entries have. It is chosen once, before anything is granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionPolicy {
    /// Version 1, which every Xen has.
    #[default]
    V1,
    /// Version 2, or an error.
    V2,
    /// Version 2 where Xen has it and the caller provides status frames, otherwise version 1.
    PreferV2,
}

/// Configuration of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The entries' format.
    pub version: VersionPolicy,
    /// How many frames the table has from the start: at least 1, at most its limit.
    pub initial_frames: u32,
    /// How many frames the table may grow to. The limit is the smallest of this, Xen's limit, the capacity of
    /// [`TableFrames`](super::TableFrames), and that of the storage.
    pub max_frames: u32,
}

impl Default for Config {
    /// Version 1, one frame, and no limit of its own.
    fn default() -> Self {
        Self { version: VersionPolicy::V1, initial_frames: 1, max_frames: u32::MAX }
    }
}
