//! A clock that does not go back.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::AcqRel;

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
use xen_abi::xen::vcpu_time_info;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
use xen_ops::view::Field;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
use xen_ops::{ReadWrite, View, field};

use super::TimeError;
use crate::SharedInfo;

/// A time that does not go back, in nanoseconds, for all vCPUs.
///
/// ```
/// use xen_guest::time::Monotonic;
///
/// let time = Monotonic::new();
/// assert_eq!(time.at_least(7), 7);
/// assert_eq!(time.at_least(5), 7, "another vCPU has seen 7 already");
/// ```
#[derive(Debug, Default)]
pub struct Monotonic(AtomicU64);

impl Monotonic {
    /// A time that has not been read.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// `nanoseconds`, or the latest time that was returned, if that is later.
    pub fn at_least(&self, nanoseconds: u64) -> u64 {
        // What the reader of an earlier time did is visible to the reader of a later one.
        self.0.fetch_max(nanoseconds, AcqRel).max(nanoseconds)
    }
}

/// The system time: nanoseconds since boot, which do not go back.
#[derive(Debug)]
pub struct Clock {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    source: (View<'static, ReadWrite>, Field<vcpu_time_info>),
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    source: super::TimerFrequency,
    time: Monotonic,
}

impl Clock {
    /// The clock of the first vCPU; on x86 others may read it if its
    /// [`flags`](super::VcpuTime::flags) have `XEN_PVCLOCK_TSC_STABLE_BIT`.
    ///
    /// # Errors
    ///
    /// [`TimeError`].
    pub fn new(shared_info: &SharedInfo) -> Result<Self, TimeError> {
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        let source = {
            use xen_abi::xen::shared_info;
            let source = (shared_info.view(), field!(shared_info, vcpu_info[0].time));
            super::VcpuTime::read(&source.0, source.1)?;
            source
        };
        #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
        let source = {
            let _ = shared_info;
            super::TimerFrequency::read()?
        };
        Ok(Self { source, time: Monotonic::new() })
    }

    /// Nanoseconds since boot. While Xen's values cannot be read it is the latest time again.
    #[must_use]
    pub fn now(&self) -> u64 {
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        let now = {
            let (view, field) = &self.source;
            // The counter is read after the values: it is not behind them on this vCPU.
            super::VcpuTime::read(view, *field).map_or(0, |time| time.nanoseconds(counter()))
        };
        #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
        let now = self.source.nanoseconds(counter());
        self.time.at_least(now)
    }
}

/// The time-stamp counter, read after all loads before it.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
#[allow(unsafe_code, reason = "reads a register")]
fn counter() -> u64 {
    #[cfg(target_arch = "x86")]
    use core::arch::x86::{_mm_lfence, _rdtsc};
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::{_mm_lfence, _rdtsc};

    // SAFETY: every processor that Xen runs on has both instructions.
    unsafe {
        _mm_lfence();
        _rdtsc()
    }
}

/// The generic timer's virtual counter, read after all instructions before it.
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "reads a register")]
fn counter() -> u64 {
    let count;
    // SAFETY: reads a register that a guest's kernel may read.
    unsafe {
        core::arch::asm!("isb", "mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack));
    }
    count
}

/// The generic timer's virtual counter, read after all instructions before it.
#[cfg(target_arch = "arm")]
#[allow(unsafe_code, reason = "reads a register")]
fn counter() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reads a register that a guest's kernel may read.
    unsafe {
        core::arch::asm!(
            "isb",
            "mrrc p15, 1, {}, {}, c14",
            out(reg) low,
            out(reg) high,
            options(nomem, nostack),
        );
    }
    u64::from(high) << 32 | u64::from(low)
}
