//! From the generic timer's counter to nanoseconds.

use super::TimeError;

/// How many times the generic timer of Arm counts in a second.
///
/// ```
/// use xen_guest::time::TimerFrequency;
///
/// let frequency = TimerFrequency::new(62_500_000)?;
/// assert_eq!(frequency.nanoseconds(125), 2000);
/// # Ok::<(), xen_guest::time::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerFrequency(u32);

impl TimerFrequency {
    /// A timer that counts `hertz` times in a second.
    ///
    /// # Errors
    ///
    /// [`TimeError::NoScale`] for 0.
    pub const fn new(hertz: u32) -> Result<Self, TimeError> {
        if hertz == 0 { Err(TimeError::NoScale) } else { Ok(Self(hertz)) }
    }

    /// The frequency that the register `CNTFRQ` holds.
    ///
    /// # Errors
    ///
    /// [`TimeError::NoScale`] if firmware has not set it. Then the device tree's `clock-frequency` has it.
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    #[allow(unsafe_code, reason = "reads a register")]
    pub fn read() -> Result<Self, TimeError> {
        // SAFETY: reads a register that every privilege level of a guest may read.
        Self::new(unsafe {
            #[cfg(target_arch = "aarch64")]
            {
                let hertz: u64;
                core::arch::asm!("mrs {}, cntfrq_el0", out(reg) hertz, options(nomem, nostack));
                hertz as u32
            }
            #[cfg(target_arch = "arm")]
            {
                let hertz: u32;
                core::arch::asm!("mrc p15, 0, {}, c14, c0, 0", out(reg) hertz, options(nomem, nostack));
                hertz
            }
        })
    }

    /// Nanoseconds in which the counter counts so far. What does not fit into 64 bits is the largest
    /// value.
    #[must_use]
    pub fn nanoseconds(self, count: u64) -> u64 {
        super::scale(count, 1_000_000_000, self.0.into())
    }
}
