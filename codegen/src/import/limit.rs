//! A limit on the time of work that cannot be stopped from outside.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// What `work` gives, or `None` if it takes longer than `limit`. It runs on a thread of its own with
/// `stack` bytes of stack; one that is late goes on until the process ends, and its result is dropped.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    stack: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<Option<T>> {
    let (sender, receiver) = sync_channel(1);
    let thread = thread::Builder::new().stack_size(stack).spawn(move || {
        // Nothing receives it when it is late.
        drop(sender.send(work()));
    })?;
    match receiver.recv_timeout(limit) {
        Ok(result) => Ok(Some(result)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Ok(None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: usize = 1 << 20;

    #[test]
    fn work_in_time_gives_its_result() {
        let result = within(Duration::from_secs(600), STACK, || 1).unwrap();
        assert_eq!(result, Some(1));
    }

    #[test]
    fn late_work_is_given_up() {
        let (_alive, never) = sync_channel::<()>(1);
        let late = within(Duration::from_millis(10), STACK, move || never.recv().is_err());
        assert_eq!(late.unwrap(), None);
    }

    #[test]
    fn a_panic_goes_on_in_the_caller() {
        let work = || -> u8 { panic!("a bug") };
        let caught = std::panic::catch_unwind(|| within(Duration::from_secs(600), STACK, work));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"a bug"));
    }
}
