//! The hypervisor as a test holds it: [`Xen`], and [`XenBuilder`].

use std::sync::Arc;

use xen_abi::xen::xen_pfn_t;
use xen_ops::DomainId;

use crate::abi::pfn_to_u64;
use crate::config::{CreateError, DomainConfig, Release, Xsm};
use crate::domain::Domain;
use crate::machine::Machine;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::frames::Frames;
use crate::xenstore::Xenstored;

/// A machine that runs Xen, with no domain yet.
///
/// Clones are handles to the same machine, and can be sent to other threads. A hypercall holds the
/// machine's one lock, so that it happens at one moment. Memory has no lock: guests and hypercalls
/// access it at the same time, atomically, as on a real machine.
///
/// ```
/// use xen_sim::{DomainConfig, GuestKind, Xen};
///
/// let xen = Xen::new();
/// let backend = xen.domain(DomainConfig::new(GuestKind::Pvh).privileged()).unwrap();
/// let frontend = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(16)).unwrap();
/// assert_ne!(backend.domid(), frontend.domid());
/// ```
#[derive(Clone, Debug)]
pub struct Xen {
    pub(crate) machine: Arc<Machine>,
}

/// Properties of a machine; [`Xen::builder`] returns it.
///
/// ```
/// use xen_sim::{Release, Xen, Xsm};
///
/// let xen = Xen::builder().release(Release::V4_17).xsm(Xsm::Silo).build();
/// # let _ = xen;
/// ```
#[derive(Clone, Debug)]
pub struct XenBuilder {
    release: Release,
    xsm: Xsm,
    frames: usize,
    first_frame: xen_pfn_t,
    xenstore: bool,
}

impl Xen {
    /// A machine with the defaults of [`builder`](Self::builder).
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A machine to be configured. Its defaults: [`Release::V4_20`], 65536 frames of memory,
    /// which are 256 MiB, and [`Xsm::Dummy`].
    #[must_use]
    pub const fn builder() -> XenBuilder {
        XenBuilder {
            release: Release::V4_20,
            xsm: Xsm::Dummy,
            frames: 0x1_0000,
            first_frame: xen_pfn_t(0x1000),
            xenstore: false,
        }
    }

    /// Creates a domain.
    ///
    /// # Errors
    ///
    /// [`CreateError`]: the domain id is in use or reserved, the machine has too little memory, or
    /// Xen refuses a limit of the grant table.
    pub fn domain(&self, config: DomainConfig) -> Result<Domain, CreateError> {
        let domid = self.machine.lock().create_domain(&config)?;
        let domain = Domain { machine: Arc::clone(&self.machine), domid, kind: config.kind };
        if let Some(xenstored) = &self.machine.xenstored {
            xenstored.add(&domain);
        }
        Ok(domain)
    }

    /// Adds memory that devices claim, `pages` from the frame number `start` on, to what
    /// `XENMEM_reserved_device_memory_map` reports.
    pub fn reserve_device_memory(&self, start: xen_pfn_t, pages: u64) {
        self.machine.lock().reserved.push((pfn_to_u64(start), pages));
    }

    /// Calls `hook` after each hypercall, on the thread that made it. A machine has one hook: a
    /// later one replaces it.
    pub fn on_hypercall(&self, hook: impl Fn(&HypercallRecord) + Send + Sync + 'static) {
        self.machine.set_hook(Box::new(hook));
    }

    /// Calls `hook` with the caller's number each time a hypercall was interrupted
    /// ([`Faults::interrupt_after`](crate::Faults::interrupt_after)) and is to be continued. It may
    /// make hypercalls of other domains, and change what the interrupted one reads. A machine has
    /// one hook: a later one replaces it.
    pub fn on_continuation(&self, hook: impl Fn(DomainId) + Send + Sync + 'static) {
        self.machine.set_continuation_hook(Box::new(hook));
    }
}

impl Default for Xen {
    fn default() -> Self {
        Self::new()
    }
}

impl XenBuilder {
    /// The release of Xen to behave like.
    #[must_use]
    pub const fn release(self, release: Release) -> Self {
        Self { release, ..self }
    }

    /// The security module, which decides which domains may communicate.
    #[must_use]
    pub const fn xsm(self, xsm: Xsm) -> Self {
        Self { xsm, ..self }
    }

    /// Number of frames of 4096 bytes for domains, besides Xen's own.
    #[must_use]
    pub const fn frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// The number of the first machine frame, from 1 to 2^40; others are clamped. Frames from 2^32
    /// on do not fit an entry of a version 1 grant table.
    #[must_use]
    pub const fn first_frame(self, frame: xen_pfn_t) -> Self {
        Self { first_frame: frame, ..self }
    }

    /// Gives the machine a xenstored, in a domain of its own with a high id. Domain 0 is the control domain.
    ///
    /// Each domain that is created gets a page and a port for it, of which [`Domain::xenstore`] makes a
    /// client, and the directory `/local/domain/DOMID`. [`Xen::toolstack`] is the toolstack's connection.
    ///
    /// ```
    /// use xen_io::xenstore::Store;
    /// use xen_sim::{DomainConfig, GuestKind, Xen};
    ///
    /// let xen = Xen::builder().xenstore().build();
    /// let guest = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    /// xen.toolstack(|store| store.write("/local/domain/1/data/name", "demo")).ok_or("no xenstore")??;
    /// assert_eq!(guest.xenstore()?.read_string("domid")?, "1");
    /// assert_eq!(guest.xenstore()?.read_string("data/name")?, "demo");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn xenstore(self) -> Self {
        Self { xenstore: true, ..self }
    }

    /// Builds the machine.
    #[must_use]
    pub fn build(self) -> Xen {
        // Addresses in bytes have to fit 64 bits.
        let first = pfn_to_u64(self.first_frame).clamp(1, 1 << 40);
        let mut state = State::new(self.release, self.xsm, Frames::new(first, self.frames));
        // The first domain of a machine, without memory, is always created.
        let xenstored = self.xenstore.then(|| Xenstored::new(&mut state).ok()).flatten();
        Xen { machine: Arc::new(Machine::new(state, xenstored)) }
    }
}
