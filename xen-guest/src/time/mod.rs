//! Time: nanoseconds since boot, and of the day.
//!
//! | architecture | source | conversion |
//! |---|---|---|
//! | x86 | the processor's time-stamp counter | [`VcpuTime`], which Xen keeps up to date |
//! | Arm | the generic timer's virtual counter | [`TimerFrequency`] |
//!
//! [`Clock`] reads the source and never goes back, whatever vCPU reads it. [`WallClock`] is the time of
//! day at boot.
//!
//! Upstream: `xen/include/public/xen.h`, `struct vcpu_time_info` and `wc_*` of `struct shared_info`.

mod clock;
#[cfg(test)]
mod tests;
mod timer;
mod vcpu;
mod wall;

use core::fmt;

pub use clock::{Clock, Monotonic};
pub use timer::TimerFrequency;
pub use vcpu::VcpuTime;
pub use wall::WallClock;

/// How often a reader tries again while Xen writes.
const RETRIES: usize = 1000;

/// Why the time is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// Xen was in the middle of an update whenever the values were read, a thousand times.
    Unstable,
    /// The values say that no time passes: a multiplier or a frequency of 0. Xen has not written them yet,
    /// or firmware has not.
    NoScale,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unstable => "the time values were being updated all the time",
            Self::NoScale => "the time values say that no time passes",
        })
    }
}

impl core::error::Error for TimeError {}

/// Multiplies and divides without overflow. What does not fit is the largest value.
fn scale(value: u64, multiplier: u64, divisor: u64) -> u64 {
    let product = u128::from(value) * u128::from(multiplier);
    let scaled = product.checked_div(divisor.into());
    scaled.and_then(|scaled| u64::try_from(scaled).ok()).unwrap_or(u64::MAX)
}
