//! Atomics: those of `core`, or loom's when loom checks the protocols (`--cfg loom`).

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, fence,
};
#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, fence,
};

/// The cell of `core` with loom's interface.
#[cfg(not(loom))]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// A function that is `const` except under loom, whose atomics have no `const` constructors.
macro_rules! const_but_for_loom {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($argument:ident: $of:ty),*) -> $ret:ty $body:block) => {
        $(#[$meta])*
        #[cfg(not(loom))]
        $vis const fn $name($($argument: $of),*) -> $ret $body

        $(#[$meta])*
        #[cfg(loom)]
        $vis fn $name($($argument: $of),*) -> $ret $body
    };
}
pub(crate) use const_but_for_loom;
