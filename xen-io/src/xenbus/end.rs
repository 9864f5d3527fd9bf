//! One end of a device.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use xen_ops::xen_abi::io::xenbus::{
    XenbusState, XenbusStateClosed, XenbusStateClosing, XenbusStateUnknown,
};
use xen_ops::xen_abi::xen::domid_t;

use super::{Error, Key, state_from_value};
use crate::xenstore::wire::ErrorName;
use crate::xenstore::{self, Client, Store, Transport};

const BACK_END: Key<String> = Key::new("backend");
const BACK_ID: Key<u16> = Key::new("backend-id");
const FRONT_END: Key<String> = Key::new("frontend");
const FRONT_ID: Key<u16> = Key::new("frontend-id");
const STATE: &str = "state";

/// One end of a device: its own directory, and the other end's.
///
/// It holds paths only; each method takes the client, or a transaction. What the other end writes is
/// whatever the other domain chose: values are parsed, and have to be checked by the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    own: String,
    other: String,
    other_domain: domid_t,
}

impl End {
    /// The front end of a device in the caller's own domain: `device/KIND/ID`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if there is no such device, [`Error::BadValue`] if the toolstack's nodes are wrong,
    /// [`Error::Store`] for others of xenstore.
    pub fn frontend<S: Store>(
        store: &mut S,
        kind: &str,
        id: u32,
    ) -> Result<Self, Error<S::TransportError>> {
        Self::open(store, format!("device/{kind}/{id}"), BACK_END, BACK_ID)
    }

    /// The back end, in the caller's own domain, of a device of domain `frontend`:
    /// `backend/KIND/FRONTEND/ID`.
    ///
    /// # Errors
    ///
    /// As for [`frontend`](Self::frontend).
    pub fn backend<S: Store>(
        store: &mut S,
        kind: &str,
        frontend: impl Into<domid_t>,
        id: u32,
    ) -> Result<Self, Error<S::TransportError>> {
        let own = format!("backend/{kind}/{}/{id}", frontend.into().0);
        Self::open(store, own, FRONT_END, FRONT_ID)
    }

    fn open<S: Store>(
        store: &mut S,
        own: String,
        other: Key<String>,
        other_id: Key<u16>,
    ) -> Result<Self, Error<S::TransportError>> {
        let gone = || Error::Gone { directory: own.clone() };
        let other = get(store, &own, other)?.ok_or_else(gone)?;
        let other_domain = domid_t(get(store, &own, other_id)?.ok_or_else(gone)?);
        Ok(Self { own, other, other_domain })
    }

    /// The directory of this end.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.own
    }

    /// The directory of the other end.
    #[must_use]
    pub fn other_directory(&self) -> &str {
        &self.other
    }

    /// The domain of the other end.
    #[must_use]
    pub const fn other_domain(&self) -> domid_t {
        self.other_domain
    }

    /// The directories of one of `count` queues of the device: `queue-INDEX` in those of both ends, or the
    /// device's own if there is only one queue. Nodes are published and read there; a queue has no state.
    #[must_use]
    pub fn queue(&self, index: u32, count: u32) -> Self {
        if count <= 1 {
            return self.clone();
        }
        let below = |directory| format!("{directory}/queue-{index}");
        let Self { own, other, other_domain } = self;
        Self { own: below(own), other: below(other), other_domain: *other_domain }
    }

    /// The state of this end; `XenbusStateUnknown` if the device is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn state<S: Store>(&self, store: &mut S) -> Result<XenbusState, Error<S::TransportError>> {
        state(store, &self.own)
    }

    /// The state of the other end; `XenbusStateUnknown` if it is gone, or is no state.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn other_state<S: Store>(
        &self,
        store: &mut S,
    ) -> Result<XenbusState, Error<S::TransportError>> {
        state(store, &self.other)
    }

    /// Whether the other end is closing, closed, or gone, so that this end is to close too. Ask only once the other end
    /// has been there.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn other_is_closing<S: Store>(
        &self,
        store: &mut S,
    ) -> Result<bool, Error<S::TransportError>> {
        let state = self.other_state(store)?;
        // An end that is being reconfigured has a higher number, and stays.
        Ok([XenbusStateUnknown, XenbusStateClosing, XenbusStateClosed].contains(&state))
    }

    /// Whether a feature of the other end's is on: its node is there, and not 0.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] if its value is no number; [`Error::Store`].
    pub fn other_flag<S: Store>(
        &self,
        store: &mut S,
        key: Key<u32>,
    ) -> Result<bool, Error<S::TransportError>> {
        Ok(self.other(store, key)?.is_some_and(|value| value != 0))
    }

    /// The error for a node of the other end's whose value is of its type, but not possible.
    #[must_use]
    pub fn bad_value<T, E>(&self, key: Key<T>, value: impl fmt::Display) -> Error<E> {
        let path = format!("{}/{}", self.other, key.name());
        Error::BadValue { path, value: value.to_string() }
    }

    /// Sets the state of this end, unless it is that already. A device that the toolstack has removed is not
    /// made again.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if it is removed; [`Error::Store`].
    pub fn set_state<T: Transport>(
        &self,
        client: &mut Client<T>,
        state: XenbusState,
    ) -> Result<(), Error<T::Error>> {
        let path = format!("{}/{STATE}", self.own);
        let exists = client.transaction(|transaction| {
            let Some(old) = read_if_there(transaction, &path)? else { return Ok(false) };
            if state_from_value(&old) != state {
                transaction.write(&path, state.0.to_string())?;
            }
            Ok(true)
        })?;
        if exists { Ok(()) } else { Err(Error::Gone { directory: self.own.clone() }) }
    }

    /// Writes a node of this end, for the other to read.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn publish<S: Store, T: fmt::Display>(
        &self,
        store: &mut S,
        key: Key<T>,
        value: T,
    ) -> Result<(), Error<S::TransportError>> {
        let path = format!("{}/{}", self.own, key.name());
        Ok(store.write(path, value.to_string())?)
    }

    /// A node of this end, or `None` if it does not exist or may not be read.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] if its value is not of the type; [`Error::Store`].
    pub fn own<S: Store, T: FromStr>(
        &self,
        store: &mut S,
        key: Key<T>,
    ) -> Result<Option<T>, Error<S::TransportError>> {
        get(store, &self.own, key)
    }

    /// A node of the other end, or `None` if it does not exist or may not be read.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] if its value is not of the type; [`Error::Store`].
    pub fn other<S: Store, T: FromStr>(
        &self,
        store: &mut S,
        key: Key<T>,
    ) -> Result<Option<T>, Error<S::TransportError>> {
        get(store, &self.other, key)
    }

    /// As [`other`](Self::other), but the node has to exist.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if it does not; others as there.
    pub fn require<S: Store, T: FromStr>(
        &self,
        store: &mut S,
        key: Key<T>,
    ) -> Result<T, Error<S::TransportError>> {
        let missing = || Error::Missing { path: format!("{}/{}", self.other, key.name()) };
        self.other(store, key)?.ok_or_else(missing)
    }

    /// Watches the other end's state and this end's directory, which [`changed`](Self::changed) waits for.
    /// `token` is for this device alone.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn watch<T: Transport>(
        &self,
        client: &mut Client<T>,
        token: &str,
    ) -> Result<(), Error<T::Error>> {
        client.watch(format!("{}/{STATE}", self.other), token)?;
        Ok(client.watch(format!("{}/{STATE}", self.own), token)?)
    }

    /// Ends the watches of [`watch`](Self::watch).
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn unwatch<T: Transport>(
        &self,
        client: &mut Client<T>,
        token: &str,
    ) -> Result<(), Error<T::Error>> {
        client.unwatch(format!("{}/{STATE}", self.other), token)?;
        Ok(client.unwatch(format!("{}/{STATE}", self.own), token)?)
    }

    /// Waits until the other end's state is not `known`, and returns it: `XenbusStateUnknown` if that end is
    /// gone. `None` after `timeout`. Events of other tokens are dropped: a program with several devices
    /// takes events itself, and calls [`other_state`](Self::other_state).
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if this end's directory was removed; [`Error::Store`].
    pub fn changed<T: Transport>(
        &self,
        client: &mut Client<T>,
        known: XenbusState,
        timeout: Option<Duration>,
    ) -> Result<Option<XenbusState>, Error<T::Error>> {
        loop {
            if self.state(client)? == XenbusStateUnknown {
                return Err(Error::Gone { directory: self.own.clone() });
            }
            let state = self.other_state(client)?;
            if state != known {
                return Ok(Some(state));
            }
            if client.wait_event(timeout)?.is_none() && timeout.is_some() {
                return Ok(None);
            }
        }
    }

    /// Waits until the other end is at least in `state`, and returns the state that it is in, which is later
    /// if the other end closes meanwhile. `None` if nothing happens for `timeout`. Otherwise as
    /// [`changed`](Self::changed).
    ///
    /// # Errors
    ///
    /// As [`changed`](Self::changed).
    pub fn wait_for<T: Transport>(
        &self,
        client: &mut Client<T>,
        state: XenbusState,
        timeout: Option<Duration>,
    ) -> Result<Option<XenbusState>, Error<T::Error>> {
        let mut known = XenbusStateUnknown;
        while known < state {
            match self.changed(client, known, timeout)? {
                Some(other) => known = other,
                None => return Ok(None),
            }
        }
        Ok(Some(known))
    }
}

/// A node's value, or `None` if it is not there. A domain that may not read what is left above a directory
/// that was removed gets `EACCES` instead of `ENOENT`.
fn read_if_there<S: Store>(
    store: &mut S,
    path: &str,
) -> Result<Option<Vec<u8>>, xenstore::Error<S::TransportError>> {
    match store.read(path) {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.refused() {
            Some(ErrorName::ENOENT | ErrorName::EACCES) => Ok(None),
            _ => Err(error),
        },
    }
}

fn state<S: Store>(
    store: &mut S,
    directory: &str,
) -> Result<XenbusState, Error<S::TransportError>> {
    let value = read_if_there(store, &format!("{directory}/{STATE}"))?;
    Ok(value.as_deref().map_or(XenbusStateUnknown, state_from_value))
}

pub(crate) fn get<S: Store, T: FromStr>(
    store: &mut S,
    directory: &str,
    key: Key<T>,
) -> Result<Option<T>, Error<S::TransportError>> {
    let path = format!("{directory}/{}", key.name());
    let Some(value) = read_if_there(store, &path)? else { return Ok(None) };
    let value = String::from_utf8_lossy(&value).into_owned();
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(_) => Err(Error::BadValue { path, value }),
    }
}
