//! Keeps libclang from printing its diagnostics itself, as bindgen asks it to: an error says the first
//! of them again, in one line.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many runs are under way, and the guard that keeps standard error silent for all of them.
static RUNS: Mutex<(usize, Option<gag::Gag>)> = Mutex::new((0, None));

/// Standard error is silent while one of these is alive.
pub(super) struct Quiet(());

impl Quiet {
    pub(super) fn new() -> Self {
        let mut runs = lock();
        if runs.0 == 0 {
            runs.1 = gag::Gag::stderr().ok();
        }
        runs.0 += 1;
        Self(())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let mut runs = lock();
        runs.0 -= 1;
        if runs.0 == 0 {
            runs.1 = None;
        }
    }
}

fn lock() -> MutexGuard<'static, (usize, Option<gag::Gag>)> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}
