//! The toolstack's part: making and removing devices.

use alloc::format;
use alloc::string::{String, ToString as _};

use xen_ops::xen_abi::io::xenbus::{XenbusStateClosing, XenbusStateInitialising};
use xen_ops::xen_abi::xen::domid_t;

use crate::xenstore::{Client, Error, Permission, Store, Transport};

/// A device, as a toolstack names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// `vbd`, `vif`, ...
    pub kind: &'a str,
    /// What the back end calls it, if that is not `kind`: `xen_9pfs` of xen-9pfsd, `qdisk` of QEMU.
    pub backend_kind: Option<&'a str>,
    /// Its number among the front end's devices of that kind.
    pub id: u32,
    /// The front end's domain.
    pub frontend: domid_t,
    /// The back end's domain.
    pub backend: domid_t,
}

impl<'a> Device<'a> {
    /// The device with this kind, on both sides, and this number.
    #[must_use]
    pub const fn new(kind: &'a str, id: u32, frontend: domid_t, backend: domid_t) -> Self {
        Self { kind, backend_kind: None, id, frontend, backend }
    }

    /// The same with another kind on the back end's side.
    #[must_use]
    pub const fn with_backend_kind(self, kind: &'a str) -> Self {
        Self { backend_kind: Some(kind), ..self }
    }

    /// The front end's directory.
    #[must_use]
    pub fn frontend_directory(&self) -> String {
        format!("/local/domain/{}/device/{}/{}", self.frontend.0, self.kind, self.id)
    }

    /// The back end's directory.
    #[must_use]
    pub fn backend_directory(&self) -> String {
        let kind = self.backend_kind.unwrap_or(self.kind);
        let Self { id, frontend, backend, .. } = self;
        format!("/local/domain/{}/backend/{kind}/{}/{id}", backend.0, frontend.0)
    }

    /// Makes both directories, each owned by its end's domain and readable by the other's, in one
    /// transaction. What was in them is removed. `front` and `back` are further nodes with their values.
    ///
    /// # Errors
    ///
    /// As for [`Store`]; only the control domain may make nodes of others.
    pub fn create<T: Transport>(
        &self,
        client: &mut Client<T>,
        front: &[(&str, &str)],
        back: &[(&str, &str)],
    ) -> Result<(), Error<T::Error>> {
        let (front_path, back_path) = (self.frontend_directory(), self.backend_directory());
        let initial = XenbusStateInitialising.0.to_string();
        let (front_id, back_id) = (self.frontend.0.to_string(), self.backend.0.to_string());
        client.transaction(|transaction| {
            for (path, owner, reader) in [
                (&front_path, self.frontend, self.backend),
                (&back_path, self.backend, self.frontend),
            ] {
                // Makes the parents too, without which removal is an error.
                transaction.mkdir(path)?;
                transaction.remove(path)?;
                transaction.mkdir(path)?;
                let permissions = [Permission::none(owner), Permission::read(reader)];
                transaction.set_permissions(path, &permissions)?;
            }
            let fixed = [
                (&front_path, "backend", &back_path),
                (&front_path, "backend-id", &back_id),
                (&front_path, "state", &initial),
                (&back_path, "frontend", &front_path),
                (&back_path, "frontend-id", &front_id),
                (&back_path, "online", &String::from("1")),
                (&back_path, "state", &initial),
            ];
            for (path, key, value) in fixed {
                transaction.write(format!("{path}/{key}"), value)?;
            }
            for (path, nodes) in [(&front_path, front), (&back_path, back)] {
                for (key, value) in nodes {
                    transaction.write(format!("{path}/{key}"), value)?;
                }
            }
            Ok(())
        })
    }

    /// Asks the back end to close the device, which closes the front end. Remove it when both are closed.
    ///
    /// # Errors
    ///
    /// As for [`Store`]; `ENOENT` if there is no such device.
    pub fn close<T: Transport>(&self, client: &mut Client<T>) -> Result<(), Error<T::Error>> {
        let path = self.backend_directory();
        client.transaction(|transaction| {
            // Not to make again what is gone.
            transaction.read(format!("{path}/state"))?;
            transaction.write(format!("{path}/online"), "0")?;
            transaction.write(format!("{path}/state"), XenbusStateClosing.0.to_string())
        })
    }

    /// Removes both directories, whatever the states: a surprise to ends that are connected.
    ///
    /// # Errors
    ///
    /// As for [`Store`].
    pub fn remove<T: Transport>(&self, client: &mut Client<T>) -> Result<(), Error<T::Error>> {
        client.transaction(|transaction| {
            for path in [self.frontend_directory(), self.backend_directory()] {
                if transaction.try_read(&path)?.is_some() {
                    transaction.remove(&path)?;
                }
            }
            Ok(())
        })
    }
}
