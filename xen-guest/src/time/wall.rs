//! The time of day.

use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::fence;
use core::time::Duration;

use xen_abi::xen::shared_info;
use xen_ops::View;
use xen_ops::field;
use xen_ops::view::Field;

use super::{RETRIES, TimeError};

const VERSION: Field<u32> = field!(shared_info, wc_version);
const SECONDS: Field<u32> = field!(shared_info, wc_sec);
const NANOSECONDS: Field<u32> = field!(shared_info, wc_nsec);
#[cfg(target_arch = "x86")]
pub(super) const SECONDS_HIGH: Field<u32> = field!(shared_info, arch.wc_sec_hi);
#[cfg(not(target_arch = "x86"))]
pub(super) const SECONDS_HIGH: Field<u32> = field!(shared_info, wc_sec_hi);

/// The time of day at which the system time was 0, as Xen reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    boot: Duration,
}

impl WallClock {
    /// Reads the time from the shared information page while Xen may write it.
    ///
    /// # Errors
    ///
    /// [`TimeError::Unstable`].
    pub fn read<A>(shared_info: &View<'_, A>) -> Result<Self, TimeError> {
        for _ in 0..RETRIES {
            let before = shared_info.at(VERSION).load(Acquire);
            let [low, high, nanoseconds] =
                [SECONDS, SECONDS_HIGH, NANOSECONDS].map(|field| shared_info.at(field).read());
            fence(Acquire);
            if before % 2 == 0 && shared_info.at(VERSION).load(Relaxed) == before {
                let seconds = u64::from(high) << 32 | u64::from(low);
                return Ok(Self::new(seconds, nanoseconds));
            }
            core::hint::spin_loop();
        }
        Err(TimeError::Unstable)
    }

    /// The time of day `seconds` and `nanoseconds` after the beginning of 1970, UTC.
    #[must_use]
    pub const fn new(seconds: u64, nanoseconds: u32) -> Self {
        let nanoseconds = Duration::from_nanos(nanoseconds as u64);
        Self { boot: Duration::from_secs(seconds).saturating_add(nanoseconds) }
    }

    /// The time since the beginning of 1970, UTC, when the system time is so many nanoseconds.
    #[must_use]
    pub const fn at(&self, system_time: u64) -> Duration {
        self.boot.saturating_add(Duration::from_nanos(system_time))
    }
}
