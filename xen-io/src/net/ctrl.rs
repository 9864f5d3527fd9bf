//! The control ring, by which a front end says how the back end spreads packets over its queues.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::netif::{
    XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW, XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER,
    XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED, XEN_NETIF_CTRL_STATUS_SUCCESS,
    XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING,
    XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS,
    XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM,
    XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY,
    XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE,
    xen_netif_ctrl_request, xen_netif_ctrl_response,
};
use xen_ops::Failed;

use super::error::ProtocolError;
use crate::error::{AttachError, BadIndex};
use crate::pages::Pages;
use crate::ring;
use crate::ring::protocols::NetifCtrl;

/// The ring's name, for errors.
const CTRL: &str = "netif ctrl";

/// What a front end asks for. Hash types are a mask of `XEN_NETIF_CTRL_HASH_TYPE_*`, an algorithm is
/// `XEN_NETIF_CTRL_HASH_ALGORITHM_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtrlRequest {
    /// Which hash types there are. The answer is their mask.
    HashTypes,
    /// Of which types packets are hashed.
    SetHashTypes(u32),
    /// The key of the hash, which is in a page.
    SetHashKey {
        /// The page's grant.
        grant: grant_ref_t,
        /// Bytes of the key, from the start of the page.
        size: u32,
    },
    /// How many entries the mapping from hashes to queues may have. The answer is the number.
    MaxMappingSize,
    /// How many entries it has, each for queue 0.
    SetMappingSize(u32),
    /// Entries of the mapping, which are in a page as 32-bit numbers of queues.
    SetMapping {
        /// The page's grant.
        grant: grant_ref_t,
        /// How many entries there are.
        count: u32,
        /// The first of them.
        first: u32,
    },
    /// How hashes are computed. Setting it forgets the types.
    SetHashAlgorithm(u32),
    /// How many grants of a queue the back end may keep mapped. The answer is the number.
    MaxGrants {
        /// The queue.
        queue: u32,
    },
    /// Grants for the back end to keep mapped, which are in a page.
    AddGrants {
        /// The queue.
        queue: u32,
        /// The page's grant.
        grant: grant_ref_t,
        /// How many grants it lists.
        count: u32,
    },
    /// Grants for the back end to unmap, which are in a page.
    RemoveGrants {
        /// The queue.
        queue: u32,
        /// The page's grant.
        grant: grant_ref_t,
        /// How many grants it lists.
        count: u32,
    },
}

/// Why a back end did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtrlError {
    /// It does not support that.
    NotSupported,
    /// A number is not possible.
    InvalidParameter,
    /// There is more than it can store.
    BufferOverflow,
    /// A status that does not exist; in an answer it is written as it is.
    Unknown(u32),
}

impl CtrlError {
    const fn status(self) -> u32 {
        match self {
            Self::NotSupported => XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED,
            Self::InvalidParameter => XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER,
            Self::BufferOverflow => XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW,
            Self::Unknown(status) => status,
        }
    }
}

impl fmt::Display for CtrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupported => f.write_str("netif ctrl: the back end does not support it"),
            Self::InvalidParameter => f.write_str("netif ctrl: a number is not possible"),
            Self::BufferOverflow => f.write_str("netif ctrl: more than the back end can store"),
            Self::Unknown(status) => write!(f, "netif ctrl: the unknown status {status}"),
        }
    }
}

impl core::error::Error for CtrlError {}

impl CtrlRequest {
    fn encode(&self) -> (u32, [u32; 3]) {
        match *self {
            Self::HashTypes => (XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, [0; 3]),
            Self::SetHashTypes(types) => (XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, [types, 0, 0]),
            Self::SetHashKey { grant, size } => {
                (XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, [grant.0, size, 0])
            }
            Self::MaxMappingSize => (XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE, [0; 3]),
            Self::SetMappingSize(size) => (XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, [size, 0, 0]),
            Self::SetMapping { grant, count, first } => {
                (XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, [grant.0, count, first])
            }
            Self::SetHashAlgorithm(algorithm) => {
                (XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, [algorithm, 0, 0])
            }
            Self::MaxGrants { queue } => (XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, [queue, 0, 0]),
            Self::AddGrants { queue, grant, count } => {
                (XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, [queue, grant.0, count])
            }
            Self::RemoveGrants { queue, grant, count } => {
                (XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, [queue, grant.0, count])
            }
        }
    }

    fn decode(kind: u16, [first, second, third]: [u32; 3]) -> Option<Self> {
        Some(match u32::from(kind) {
            XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS => Self::HashTypes,
            XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS => Self::SetHashTypes(first),
            XEN_NETIF_CTRL_TYPE_SET_HASH_KEY => {
                Self::SetHashKey { grant: grant_ref_t(first), size: second }
            }
            XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE => Self::MaxMappingSize,
            XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE => Self::SetMappingSize(first),
            XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING => {
                Self::SetMapping { grant: grant_ref_t(first), count: second, first: third }
            }
            XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM => Self::SetHashAlgorithm(first),
            XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE => Self::MaxGrants { queue: first },
            XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING => {
                Self::AddGrants { queue: first, grant: grant_ref_t(second), count: third }
            }
            XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING => {
                Self::RemoveGrants { queue: first, grant: grant_ref_t(second), count: third }
            }
            _ => return None,
        })
    }
}

/// The front end of a control ring in the pages `M`. There is one request at a time.
pub struct CtrlFront<M: Pages> {
    ring: ring::Front<NetifCtrl, M>,
    id: u16,
    /// The type of the request on its way.
    asked: Option<u16>,
}

impl<M: Pages> CtrlFront<M> {
    /// The front end with an empty ring in these pages.
    ///
    /// # Errors
    ///
    /// As [`ring::Front::new`].
    pub fn new(pages: M) -> Result<Self, Failed<AttachError, M>> {
        Ok(Self { ring: ring::Front::new(pages)?, id: 0, asked: None })
    }

    /// Asks, and returns whether to notify the peer. The page that a request names is the back end's to read until
    /// the answer is there.
    ///
    /// # Errors
    ///
    /// [`ring::Full`] while another request is on its way.
    pub fn ask(&mut self, request: &CtrlRequest) -> Result<bool, ring::Full> {
        if self.asked.is_some() {
            return Err(ring::Full);
        }
        let (kind, data) = request.encode();
        let kind = kind as u16;
        self.id = self.id.wrapping_add(1);
        self.ring.put(&xen_netif_ctrl_request { id: self.id, type_: kind, data })?;
        self.asked = Some(kind);
        Ok(self.ring.push())
    }

    /// The answer to the request, or `None` if it is not there yet: a number, which is that of
    /// [`CtrlRequest::HashTypes`] and of those called `Max`.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Index`], or [`ProtocolError::Id`] if the back end answers what was not asked: close the
    /// device. The inner result is the back end's.
    pub fn answer(&mut self) -> Result<Option<Result<u32, CtrlError>>, ProtocolError> {
        let Some(response) = self.ring.take()? else { return Ok(None) };
        if response.id != self.id || self.asked.take() != Some(response.type_) {
            return Err(ProtocolError::Id { ring: CTRL, id: response.id });
        }
        Ok(Some(match response.status {
            XEN_NETIF_CTRL_STATUS_SUCCESS => Ok(response.data),
            XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED => Err(CtrlError::NotSupported),
            XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER => Err(CtrlError::InvalidParameter),
            XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW => Err(CtrlError::BufferOverflow),
            status => Err(CtrlError::Unknown(status)),
        }))
    }

    /// To be called before waiting for an event: see [`ring::Front::final_check`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.ring.final_check()
    }

    /// Returns the pages.
    #[must_use]
    pub fn detach(self) -> M {
        self.ring.detach().0
    }
}

/// The back end of a control ring in the pages `M`.
pub struct CtrlBack<M: Pages> {
    ring: ring::Back<NetifCtrl, M>,
}

impl<M: Pages> CtrlBack<M> {
    /// The back end of the ring in these pages.
    ///
    /// # Errors
    ///
    /// As [`ring::Back::attach`].
    pub fn attach(pages: M) -> Result<Self, Failed<AttachError, M>> {
        Ok(Self { ring: ring::Back::attach(pages)? })
    }

    /// Answers the requests that are there, at most as many as the ring has entries, and returns whether to notify
    /// the peer. A request of an unknown type is [`CtrlError::NotSupported`]; `perform` does the others. Numbers and
    /// grants in them are whatever the front end wrote.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible: close the device.
    pub fn serve(
        &mut self,
        mut perform: impl FnMut(CtrlRequest) -> Result<u32, CtrlError>,
    ) -> Result<bool, BadIndex> {
        for _ in 0..self.ring.size() {
            let Some(request) = self.ring.take()? else { break };
            let xen_netif_ctrl_request { id, type_, data } = request;
            let known = CtrlRequest::decode(type_, data);
            let done = known.ok_or(CtrlError::NotSupported).and_then(&mut perform);
            let (status, data) = match done {
                Ok(data) => (XEN_NETIF_CTRL_STATUS_SUCCESS, data),
                Err(error) => (error.status(), 0),
            };
            // The answer to the request that was taken.
            let _ = self.ring.put(&xen_netif_ctrl_response { id, type_, status, data });
        }
        Ok(self.ring.push())
    }

    /// To be called before waiting for an event: see [`ring::Back::final_check`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn final_check(&mut self) -> Result<bool, BadIndex> {
        self.ring.final_check()
    }

    /// Returns the pages, and whether to notify the peer.
    pub fn detach(self) -> (M, bool) {
        self.ring.detach()
    }
}

impl<M: Pages> fmt::Debug for CtrlFront<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CtrlFront").field("ring", &self.ring).finish_non_exhaustive()
    }
}

impl<M: Pages> fmt::Debug for CtrlBack<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CtrlBack").field("ring", &self.ring).finish_non_exhaustive()
    }
}
