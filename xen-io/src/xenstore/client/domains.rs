//! Requests about domains, and about xenstored itself.

use alloc::string::String;
use alloc::vec::Vec;

use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::xen::{domid_t, xen_pfn_t};

use super::{Client, Error, Store as _, Transport};
use crate::xenstore::wire::{MalformedReply, QuotaName, Request, reply};

/// Most of these are for the control domain: others get `EACCES`.
impl<T: Transport> Client<T> {
    /// A domain's own directory: `/local/domain/DOMID`. For every domain.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store).
    pub fn domain_path(&mut self, domid: impl Into<domid_t>) -> Result<String, Error<T::Error>> {
        text(&self.call(&Request::GetDomainPath(domid.into()))?)
    }

    /// Connects a domain to xenstored: the frame of its page, and the event channel that it has allocated
    /// for xenstored.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store); `EINVAL` if xenstored cannot map the page or bind the event channel.
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "64 or 32 bits wide")]
    pub fn introduce(
        &mut self,
        domid: impl Into<domid_t>,
        frame: xen_pfn_t,
        port: evtchn_port_t,
    ) -> Result<(), Error<T::Error>> {
        let (domid, gfn, port) = (domid.into(), frame.0 as u64, port.0);
        self.call(&Request::Introduce { domid, gfn, port }).map(drop)
    }

    /// Disconnects a domain from xenstored.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store); `ENOENT` if it was not introduced.
    pub fn release(&mut self, domid: impl Into<domid_t>) -> Result<(), Error<T::Error>> {
        self.call(&Request::Release(domid.into())).map(drop)
    }

    /// Whether a domain was introduced and not released.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store).
    pub fn is_introduced(&mut self, domid: impl Into<domid_t>) -> Result<bool, Error<T::Error>> {
        let payload = self.call(&Request::IsDomainIntroduced(domid.into()))?;
        match reply::string(&payload) {
            Some(b"T") => Ok(true),
            Some(b"F") => Ok(false),
            _ => Err(MalformedReply { expected: "T or F" }.into()),
        }
    }

    /// Lets xenstored report the next shutdown of a domain, which was shut down and runs again.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store); `ENOENT` if it was not introduced.
    pub fn resume(&mut self, domid: impl Into<domid_t>) -> Result<(), Error<T::Error>> {
        self.call(&Request::Resume(domid.into())).map(drop)
    }

    /// Gives a domain the permissions of another: for a device model in a domain of its own.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store); `ENOENT` if one was not introduced.
    pub fn set_target(
        &mut self,
        domid: impl Into<domid_t>,
        target: impl Into<domid_t>,
    ) -> Result<(), Error<T::Error>> {
        let (domid, target) = (domid.into(), target.into());
        self.call(&Request::SetTarget { domid, target }).map(drop)
    }

    /// The features that the caller may use, `XENSTORE_SERVER_FEATURE_*`. For every domain. Since Xen 4.22.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store); `ENOSYS` if xenstored does not support it.
    pub fn features(&mut self) -> Result<u32, Error<T::Error>> {
        let payload = self.call(&Request::GetFeature(None))?;
        Ok(reply::number(&payload)?)
    }

    /// The features that a domain may use. Since Xen 4.22.
    ///
    /// # Errors
    ///
    /// As [`features`](Self::features); `ENOENT` if there is no such domain.
    pub fn domain_features(&mut self, domid: impl Into<domid_t>) -> Result<u32, Error<T::Error>> {
        let payload = self.call(&Request::GetFeature(Some(domid.into())))?;
        Ok(reply::number(&payload)?)
    }

    /// Sets the features that a domain may use, before it is introduced. Since Xen 4.22.
    ///
    /// # Errors
    ///
    /// As [`domain_features`](Self::domain_features); `EBUSY` if the domain was introduced, `EINVAL` for a
    /// feature that xenstored does not have.
    pub fn set_domain_features(
        &mut self,
        domid: impl Into<domid_t>,
        features: u32,
    ) -> Result<(), Error<T::Error>> {
        self.call(&Request::SetFeature { domid: domid.into(), features }).map(drop)
    }

    /// The names of the quotas. Since Xen 4.22.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store); `ENOSYS` if xenstored does not support it.
    pub fn quota_names(&mut self) -> Result<Vec<String>, Error<T::Error>> {
        let names = text(&self.call(&Request::GetQuota(QuotaName::Names))?)?;
        Ok(names.split_ascii_whitespace().map(String::from).collect())
    }

    /// A quota of new domains, or of one domain. 0 is no limit. Since Xen 4.22.
    ///
    /// # Errors
    ///
    /// As [`quota_names`](Self::quota_names); `EINVAL` if there is no such quota, `ENOENT` if there is no
    /// such domain.
    pub fn quota(&mut self, domid: Option<domid_t>, name: &str) -> Result<u32, Error<T::Error>> {
        let payload = self.call(&Request::GetQuota(quota_name(domid, name)))?;
        Ok(reply::number(&payload)?)
    }

    /// Sets a quota of new domains, or of one domain. Since Xen 4.22.
    ///
    /// # Errors
    ///
    /// As [`quota`](Self::quota).
    pub fn set_quota(
        &mut self,
        domid: Option<domid_t>,
        name: &str,
        value: u32,
    ) -> Result<(), Error<T::Error>> {
        self.call(&Request::SetQuota { quota: quota_name(domid, name), value }).map(drop)
    }

    /// Sends a command to xenstored itself, and returns its answer. Which commands there are differs
    /// between implementations and releases; `help` lists them.
    ///
    /// # Errors
    ///
    /// As for [`Store`](super::Store); `EINVAL` if there is no such command.
    pub fn control(&mut self, arguments: &[&str]) -> Result<String, Error<T::Error>> {
        let mut payload = Vec::new();
        for argument in arguments {
            payload.extend_from_slice(argument.as_bytes());
            payload.push(0);
        }
        text(&self.call(&Request::Control { arguments: &payload })?)
    }
}

fn quota_name(domid: Option<domid_t>, name: &str) -> QuotaName<'_> {
    match domid {
        Some(domid) => QuotaName::Domain(domid, name.as_bytes()),
        None => QuotaName::Global(name.as_bytes()),
    }
}

fn text<E>(payload: &[u8]) -> Result<String, Error<E>> {
    let text = reply::string(payload).and_then(|text| core::str::from_utf8(text).ok());
    text.map(String::from).ok_or(Error::Malformed(MalformedReply { expected: "a text" }))
}
