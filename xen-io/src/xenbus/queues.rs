//! Devices with several rings: how both ends agree on their number.
//!
//! Block and network devices have the same nodes for it. The back end says how many queues it takes, the
//! front end how many there are. The nodes of each are in directories of their own, [`End::queue`], unless
//! there is only one.

use super::{End, Error, Key};
use crate::xenstore::Store;

/// How many queues the back end takes.
pub const MAX_QUEUES: Key<u32> = Key::new("multi-queue-max-queues");

/// How many queues the front end has.
pub const NUM_QUEUES: Key<u32> = Key::new("multi-queue-num-queues");

/// The largest number of queues that a front end may use: what the back end says, or 1.
///
/// # Errors
///
/// [`Error::BadValue`] and [`Error::Store`].
pub fn allowed<S: Store>(end: &End, store: &mut S) -> Result<u32, Error<S::TransportError>> {
    Ok(end.other(store, MAX_QUEUES)?.unwrap_or(1).max(1))
}

/// Says how many queues the front end has. For one, nothing is written.
///
/// # Errors
///
/// [`Error::Store`].
pub fn publish<S: Store>(
    end: &End,
    store: &mut S,
    count: u32,
) -> Result<(), Error<S::TransportError>> {
    if count > 1 { end.publish(store, NUM_QUEUES, count) } else { Ok(()) }
}

/// How many queues the front end has: 1 to `max`, which the back end has said.
///
/// # Errors
///
/// [`Error::BadValue`] if there are none or more; [`Error::Store`].
pub fn count<S: Store>(
    end: &End,
    store: &mut S,
    max: u32,
) -> Result<u32, Error<S::TransportError>> {
    let count = end.other(store, NUM_QUEUES)?.unwrap_or(1);
    if count == 0 || count > max.max(1) {
        return Err(end.bad_value(NUM_QUEUES, count));
    }
    Ok(count)
}
