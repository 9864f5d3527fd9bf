//! Values of a hypervisor that lies, and of real ones.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use std::boxed::Box;

use proptest::prelude::*;
use xen_abi::xen::{shared_info, vcpu_time_info};
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View, field};

use super::*;

fn info(mul: u32, shift: i8, timestamp: u64, system_time: u64) -> vcpu_time_info {
    vcpu_time_info {
        tsc_timestamp: timestamp,
        system_time,
        tsc_to_system_mul: mul,
        tsc_shift: shift,
        ..vcpu_time_info::ZERO
    }
}

#[repr(C, align(4096))]
struct Frame([u8; PAGE_SIZE]);

#[allow(unsafe_code, reason = "a page of the test's")]
fn view() -> View<'static, ReadWrite> {
    let frame = Box::leak(Box::new(Frame([0; PAGE_SIZE])));
    // SAFETY: the frame is never used again by its name.
    unsafe { View::new(NonNull::from(&mut frame.0).cast()) }
}

const TIME: Field<vcpu_time_info> = field!(shared_info, vcpu_info[0].time);

#[test]
fn a_shift_goes_both_ways() {
    let at = |shift| VcpuTime::new(info(1 << 31, shift, 0, 0)).unwrap().nanoseconds(1 << 20);
    assert_eq!([at(0), at(1), at(-1)], [1 << 19, 1 << 20, 1 << 18]);
}

/// What Xen 4.20 gave a PVH guest: the values go with a time before its counter began at 0.
#[test]
fn values_from_before_the_counter_began() {
    let time = VcpuTime::new(info(0xd15f_4795, 0, 0xffff_ffff_f62b_d4ee, 0x6b90_0080)).unwrap();
    let nanoseconds = time.nanoseconds(0x1fef_ad9c);
    assert!((2_000_000_000..2_400_000_000).contains(&nanoseconds), "{nanoseconds}");
}

#[test]
fn a_scale_of_zero_is_an_error() {
    assert_eq!(VcpuTime::new(info(0, 0, 0, 7)).unwrap_err(), TimeError::NoScale);
    assert_eq!(TimerFrequency::new(0), Err(TimeError::NoScale));
}

#[test]
fn an_update_that_does_not_end_is_an_error() {
    let view = view();
    view.at(TIME).write(&vcpu_time_info { version: 3, ..info(1, 0, 0, 0) });
    assert_eq!(VcpuTime::read(&view, TIME).unwrap_err(), TimeError::Unstable);
    view.at(field!(shared_info, wc_version)).store(1, Relaxed);
    assert_eq!(WallClock::read(&view), Err(TimeError::Unstable));
}

#[test]
fn values_are_read_when_the_version_is_even() {
    let view = view();
    view.at(TIME).write(&vcpu_time_info { version: 4, flags: 1, ..info(1 << 31, 0, 5, 9) });
    let time = VcpuTime::read(&view, TIME).unwrap();
    assert_eq!((time.nanoseconds(7), time.flags()), (10, 1));
    view.at(field!(shared_info, wc_sec)).store(5, Relaxed);
    view.at(super::wall::SECONDS_HIGH).store(1, Relaxed);
    view.at(field!(shared_info, wc_nsec)).store(7, Relaxed);
    let wall = WallClock::read(&view).unwrap();
    assert_eq!(wall.at(3), core::time::Duration::new((1 << 32) + 5, 10));
}

#[test]
fn nanoseconds_beyond_a_second_are_carried() {
    let wall = WallClock::new(1, u32::MAX);
    assert_eq!(wall.at(0), core::time::Duration::new(5, 294_967_295));
    assert_eq!(WallClock::new(u64::MAX, u32::MAX).at(u64::MAX), core::time::Duration::MAX);
}

#[test]
fn a_time_that_steps_back_is_the_latest_one_again() {
    let time = Monotonic::new();
    assert_eq!([5, 3, 9, 0].map(|now| time.at_least(now)), [5, 5, 9, 9]);
}

proptest! {
    /// No values make it overflow, and what fits is what wide integers give.
    #[test]
    fn nanoseconds_are_those_of_wide_integers(
        mul in 1..=u32::MAX, shift: i8, timestamp: u64, system_time: u64, tsc: u64,
    ) {
        let time = VcpuTime::new(info(mul, shift, timestamp, system_time)).unwrap();
        let ticks = u128::from(tsc.wrapping_sub(timestamp));
        let ticks = if ticks >> 63 == 0 { ticks } else { 0 };
        let shifted = match u32::from(shift.unsigned_abs()) {
            by if shift < 0 => ticks.checked_shr(by).unwrap_or(0),
            by if by < 64 => ticks << by,
            _ => if ticks == 0 { 0 } else { u128::MAX },
        };
        let shifted = shifted.min(u64::MAX.into());
        let wide = ((shifted * u128::from(mul)) >> 32) + u128::from(system_time);
        prop_assert_eq!(u128::from(time.nanoseconds(tsc)), wide.min(u64::MAX.into()));
    }

    #[test]
    fn a_timer_never_overflows(hertz in 1..=u32::MAX, count: u64) {
        let wide = u128::from(count) * 1_000_000_000 / u128::from(hertz);
        let own = TimerFrequency::new(hertz).unwrap().nanoseconds(count);
        prop_assert_eq!(u128::from(own), wide.min(u64::MAX.into()));
    }
}
