//! Operations on the tree, in a transaction or outside one.

use alloc::string::String;
use alloc::vec::Vec;

use super::Error;
use crate::xenstore::wire::{DirectoryPart, ErrorName, MalformedReply, Request, Strings, reply};
use crate::xenstore::{Permission, Permissions, ToPath};

/// How often a list that is read in parts is begun again because the node changed.
const MAX_ATTEMPTS: u32 = 100;

/// The operations on the tree: of a [`Client`](super::Client), each for itself, or of a
/// [`Transaction`](super::Transaction).
///
/// Each method makes one request unless it says otherwise. Every one fails with [`Error::Path`] if the
/// path is not valid, [`Error::Encode`] if the message would be too long, [`Error::Transport`] if the
/// transport fails, and [`Error::Protocol`] or [`Error::Malformed`] if xenstored breaks the protocol. Where
/// xenstored refuses, it is [`Error::Refused`] with a name:
///
/// | name | when |
/// |---|---|
/// | `ENOENT` | no such node, and the caller may read its parent |
/// | `EACCES` | no permission for the node; or no such node, and none for its parent |
/// | `EINVAL` | xenstored's own rules for paths are stricter |
/// | `ENOSPC`, `ENOMEM` | a quota is used up |
/// | `EROFS`, `EIO` | xenstored itself has a problem |
pub trait Store {
    /// The transport's error.
    type TransportError;

    /// Makes any request, and returns the reply's payload.
    ///
    /// # Errors
    ///
    /// As the trait says.
    fn call(&mut self, request: &Request<'_>) -> Result<Vec<u8>, Error<Self::TransportError>>;

    /// A node's value.
    ///
    /// # Errors
    ///
    /// As the trait says.
    fn read(&mut self, path: impl ToPath) -> Result<Vec<u8>, Error<Self::TransportError>> {
        self.call(&Request::Read(path.to_path()?))
    }

    /// A node's value, or `None` if there is no such node.
    ///
    /// # Errors
    ///
    /// As the trait says.
    fn try_read(
        &mut self,
        path: impl ToPath,
    ) -> Result<Option<Vec<u8>>, Error<Self::TransportError>> {
        match self.read(path) {
            Err(error) if error.is_not_found() => Ok(None),
            result => result.map(Some),
        }
    }

    /// A node's value as text.
    ///
    /// # Errors
    ///
    /// As the trait says, and [`Error::Malformed`] if it is not UTF-8.
    fn read_string(&mut self, path: impl ToPath) -> Result<String, Error<Self::TransportError>> {
        String::from_utf8(self.read(path)?)
            .map_err(|_| Error::Malformed(MalformedReply { expected: "a value in UTF-8" }))
    }

    /// Sets a node's value. Creates the node, and its parents with empty values, if they do not exist.
    ///
    /// # Errors
    ///
    /// As the trait says.
    fn write(
        &mut self,
        path: impl ToPath,
        value: impl AsRef<[u8]>,
    ) -> Result<(), Error<Self::TransportError>> {
        self.call(&Request::Write { path: path.to_path()?, value: value.as_ref() }).map(drop)
    }

    /// Creates a node and its parents with empty values, if it does not exist.
    ///
    /// # Errors
    ///
    /// As the trait says.
    fn mkdir(&mut self, path: impl ToPath) -> Result<(), Error<Self::TransportError>> {
        self.call(&Request::Mkdir(path.to_path()?)).map(drop)
    }

    /// Removes a node and all below it. It is no error if the node does not exist but its parent does.
    ///
    /// # Errors
    ///
    /// As the trait says.
    fn remove(&mut self, path: impl ToPath) -> Result<(), Error<Self::TransportError>> {
        self.call(&Request::Rm(path.to_path()?)).map(drop)
    }

    /// The names of a node's children. A list that is too long for a message is read in parts, by several
    /// requests, and begun again if the node changes meanwhile.
    ///
    /// # Errors
    ///
    /// As the trait says, and [`Error::Changing`] if the node changed 100 times. `E2BIG` if the list is too
    /// long and xenstored does not support parts.
    fn directory(&mut self, path: impl ToPath) -> Result<Vec<String>, Error<Self::TransportError>> {
        let path = path.to_path()?;
        let too_long = match self.call(&Request::Directory(path)) {
            Err(error) if error.refused() == Some(ErrorName::E2BIG) => error,
            result => return names(&result?),
        };
        for _ in 0..MAX_ATTEMPTS {
            let mut list = Vec::new();
            let mut generation = None;
            loop {
                let offset = list.len() as u32;
                let payload = match self.call(&Request::DirectoryPart { path, offset }) {
                    Err(error) if error.refused() == Some(ErrorName::ENOSYS) => {
                        return Err(too_long);
                    }
                    result => result?,
                };
                let part = DirectoryPart::decode(&payload)?;
                if *generation.get_or_insert(part.generation) != part.generation {
                    break;
                }
                list.extend_from_slice(part.names);
                if part.last {
                    return names(&list);
                }
                // A part has at least one name, so this ends.
            }
        }
        Err(Error::Changing { attempts: MAX_ATTEMPTS })
    }

    /// A node's permissions. The first entry names the owner.
    ///
    /// # Errors
    ///
    /// As the trait says.
    fn permissions(
        &mut self,
        path: impl ToPath,
    ) -> Result<Vec<Permission>, Error<Self::TransportError>> {
        let payload = self.call(&Request::GetPerms(path.to_path()?))?;
        Ok(reply::permissions(&payload)?.iter().collect())
    }

    /// Sets a node's permissions.
    ///
    /// # Errors
    ///
    /// As the trait says. `EPERM` for another owner, unless the caller is the control domain.
    fn set_permissions(
        &mut self,
        path: impl ToPath,
        permissions: &[Permission],
    ) -> Result<(), Error<Self::TransportError>> {
        let permissions = Permissions::from(permissions);
        self.call(&Request::SetPerms { path: path.to_path()?, permissions }).map(drop)
    }
}

fn names<E>(list: &[u8]) -> Result<Vec<String>, Error<E>> {
    let malformed = MalformedReply { expected: "a list of names" };
    let mut strings = Strings::new(list);
    let names = strings
        .by_ref()
        .map(|name| core::str::from_utf8(name).map(String::from))
        .collect::<Result<_, _>>()
        .map_err(|_| malformed)?;
    if strings.rest().is_empty() { Ok(names) } else { Err(malformed.into()) }
}
