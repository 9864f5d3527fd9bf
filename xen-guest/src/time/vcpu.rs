//! From the time-stamp counter to nanoseconds.

use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::fence;

use xen_abi::xen::vcpu_time_info;
use xen_ops::View;
use xen_ops::view::Field;

use super::{RETRIES, TimeError};

/// How the time-stamp counter of a vCPU turns into nanoseconds since boot.
///
/// ```
/// use xen_guest::time::VcpuTime;
/// use xen_guest::xen_abi::xen::vcpu_time_info;
///
/// // A counter of 2 GHz: half a nanosecond a tick.
/// let info = vcpu_time_info { tsc_timestamp: 100, system_time: 7, tsc_to_system_mul: 1 << 31, ..vcpu_time_info::ZERO };
/// let time = VcpuTime::new(info)?;
/// assert_eq!(time.nanoseconds(100 + 10), 7 + 5);
/// # Ok::<(), xen_guest::time::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct VcpuTime {
    info: vcpu_time_info,
}

impl VcpuTime {
    /// The conversion that these values describe.
    ///
    /// # Errors
    ///
    /// [`TimeError::NoScale`].
    pub const fn new(info: vcpu_time_info) -> Result<Self, TimeError> {
        if info.tsc_to_system_mul == 0 { Err(TimeError::NoScale) } else { Ok(Self { info }) }
    }

    /// Reads the values while Xen may write them.
    ///
    /// # Errors
    ///
    /// [`TimeError`].
    pub fn read<A>(view: &View<'_, A>, field: Field<vcpu_time_info>) -> Result<Self, TimeError> {
        let version = Field::<u32>::at_offset(field.offset()).map_err(|_| TimeError::Unstable)?;
        for _ in 0..RETRIES {
            let before = view.at(version).load(Acquire);
            let info = view.at(field).read();
            // The values are read before the version is again.
            fence(Acquire);
            if before % 2 == 0 && view.at(version).load(Relaxed) == before {
                return Self::new(info);
            }
            core::hint::spin_loop();
        }
        Err(TimeError::Unstable)
    }

    /// Nanoseconds since boot when the counter is at `tsc`.
    ///
    /// A counter that is behind the values, as another vCPU's may be by a little, counts as the one that
    /// goes with them. The counter wraps around: a guest's begins at 0 when it is created, and the values may
    /// go with an earlier time. What does not fit into 64 bits is the largest value.
    #[must_use]
    pub fn nanoseconds(&self, tsc: u64) -> u64 {
        let ticks = tsc.wrapping_sub(self.info.tsc_timestamp);
        let ticks = if ticks > i64::MAX as u64 { 0 } else { ticks };
        let shift = u32::from(self.info.tsc_shift.unsigned_abs());
        let shifted = if self.info.tsc_shift < 0 {
            ticks.checked_shr(shift).unwrap_or(0)
        } else if ticks == 0 || ticks.leading_zeros() >= shift {
            // Without a tick the shift may be 64 or more.
            ticks.checked_shl(shift).unwrap_or(0)
        } else {
            u64::MAX
        };
        let since = super::scale(shifted, self.info.tsc_to_system_mul.into(), 1 << 32);
        self.info.system_time.saturating_add(since)
    }

    /// `XEN_PVCLOCK_*`.
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.info.flags
    }
}
