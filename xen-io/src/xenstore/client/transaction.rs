//! Transactions.

use alloc::vec::Vec;
use core::fmt;

use super::{Client, Error, Store, Transport};
use crate::xenstore::wire::{ErrorName, MalformedReply, Request, reply};

/// How often a transaction is tried.
const MAX_ATTEMPTS: u32 = 1000;

/// A transaction: its operations see the tree as it was at their first access, and take effect together or
/// not at all.
///
/// [`Client::transaction`] is the usual way to make one. Dropping it discards its changes.
#[must_use = "a transaction that is dropped changes nothing"]
pub struct Transaction<'c, T: Transport> {
    client: &'c mut Client<T>,
    id: u32,
    open: bool,
}

impl<T: Transport> Client<T> {
    /// Does `operations` in a transaction and commits it. If it conflicts with other changes, everything is
    /// repeated, so `operations` must have no effect outside the transaction. If `operations` returns an
    /// error, nothing is changed.
    ///
    /// ```
    /// # use xen_io::xenstore::{Client, Store, Transport, Error};
    /// /// Increments a counter.
    /// fn count<T: Transport>(client: &mut Client<T>) -> Result<u32, Error<T::Error>> {
    ///     client.transaction(|t| {
    ///         let count = t.read_string("data/count")?.parse().unwrap_or(0) + 1;
    ///         t.write("data/count", format!("{count}"))?;
    ///         Ok(count)
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What `operations` returns; as for [`Store`] when the transaction begins or ends; and
    /// [`Error::Conflict`] if it conflicted 1000 times.
    pub fn transaction<R>(
        &mut self,
        mut operations: impl FnMut(&mut Transaction<'_, T>) -> Result<R, Error<T::Error>>,
    ) -> Result<R, Error<T::Error>> {
        for _ in 0..MAX_ATTEMPTS {
            let mut transaction = self.begin()?;
            let result = operations(&mut transaction)?;
            if transaction.commit()? {
                return Ok(result);
            }
        }
        Err(Error::Conflict { attempts: MAX_ATTEMPTS })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// As for [`Store`]; `ENOSPC` if the caller has too many.
    pub fn begin(&mut self) -> Result<Transaction<'_, T>, Error<T::Error>> {
        let payload = self.call(&Request::TransactionStart)?;
        let id = match reply::number(&payload)? {
            // No transaction has it.
            0 => return Err(MalformedReply { expected: "the id of a transaction" }.into()),
            id => id,
        };
        Ok(Transaction { client: self, id, open: true })
    }
}

impl<T: Transport> Transaction<'_, T> {
    /// Makes its changes. Returns false if it conflicts with other changes: then nothing is changed, and it
    /// may be tried again from the start.
    ///
    /// # Errors
    ///
    /// As for [`Store`]; `ENOSPC` and `ENOMEM` if the changes exceed a quota. Then nothing is changed.
    pub fn commit(mut self) -> Result<bool, Error<T::Error>> {
        match self.end(true) {
            Err(error) if error.refused() == Some(ErrorName::EAGAIN) => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Discards its changes.
    ///
    /// # Errors
    ///
    /// As for [`Store`].
    pub fn abort(mut self) -> Result<(), Error<T::Error>> {
        self.end(false)
    }

    /// Its id on the connection.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    fn end(&mut self, commit: bool) -> Result<(), Error<T::Error>> {
        // Whatever the reply is, xenstored does not know the transaction any more.
        self.open = false;
        self.client.request(self.id, &Request::TransactionEnd { commit }).map(drop)
    }
}

impl<T: Transport> Store for Transaction<'_, T> {
    type TransportError = T::Error;

    fn call(&mut self, request: &Request<'_>) -> Result<Vec<u8>, Error<T::Error>> {
        self.client.request(self.id, request)
    }
}

impl<T: Transport> Drop for Transaction<'_, T> {
    fn drop(&mut self) {
        if self.open {
            // An error shows again at the next request.
            let _ = self.end(false);
        }
    }
}

impl<T: Transport> fmt::Debug for Transaction<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transaction").field(&self.id).finish()
    }
}
