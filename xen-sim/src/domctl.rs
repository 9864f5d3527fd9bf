//! What the toolstack does to a domain: creating and destroying it, and the domctls that only read.

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

mod contexts;

use xen_abi::domctl::*;
use xen_abi::errno::*;
use xen_abi::xen::{DOMID_FIRST_RESERVED, domid_t};

use crate::config::{CreateError, DomainConfig, GuestKind, Release};
use crate::control::{of_release, versions};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::domain::{DomainState, Pod};
use crate::state::frames::{Frame, Mfn};
use crate::state::{State, p2m};
use crate::sysctl::{CPU_KHZ, SCHEDULER};

/// The weight of a domain under credit2, unless the toolstack gives it another.
const WEIGHT: u16 = 256;

impl State {
    pub(crate) fn create_domain(&mut self, config: &DomainConfig) -> Result<domid_t, CreateError> {
        let domid = self.new_domid(config.domid)?;
        let domain = DomainState::new(&mut self.frames, domid, config)?;
        self.domains.insert(domid.0, domain);
        Ok(domid)
    }

    fn new_domid(&self, wanted: Option<domid_t>) -> Result<domid_t, CreateError> {
        match wanted {
            Some(domid) if domid >= DOMID_FIRST_RESERVED => Err(CreateError::NoDomid),
            Some(domid) if self.domains.contains_key(&domid.0) => Err(CreateError::Exists(domid)),
            Some(domid) => Ok(domid),
            None => (1..DOMID_FIRST_RESERVED.0)
                .find(|domid| !self.domains.contains_key(domid))
                .map(domid_t)
                .ok_or(CreateError::NoDomid),
        }
    }

    /// Destroys a domain. Frames that others map stay until the last mapping is gone, and the
    /// domain's number with them.
    pub(crate) fn destroy_domain(&mut self, domid: domid_t) {
        let Some(domain) = self.domain_mut(domid) else { return };
        domain.dying = true;
        domain.destroyed = true;
        self.drop_all_mappings(domid);
        self.close_all(domid);
        self.drop_ioreq_servers(domid);
        let Some(domain) = self.domain_mut(domid) else { return };
        let foreign = domain.p2m.take().into_values();
        let foreign = foreign.filter(|entry| entry.kind == p2m::EntryKind::Foreign);
        // Its frames are freed with the domain's others.
        domain.pod = Pod::default();
        let mapped = std::mem::take(&mut domain.page_table).into_values().flatten();
        let mapped = mapped.filter(|mapped| !mapped.granted);
        let areas = domain.vcpus.iter_mut().flat_map(|vcpu| std::mem::take(&mut vcpu.areas));
        let areas = areas.flatten().collect::<Vec<_>>();
        let held = foreign.map(|entry| entry.mfn).chain(mapped.map(|mapped| mapped.mfn));
        for mfn in held.chain(areas) {
            self.put(mfn);
        }
        let own = |frame: &Frame| frame.owner == Some(domid) && !frame.special;
        let frames: Vec<Mfn> =
            self.frames.iter().filter(|(_, frame)| own(frame)).map(|(mfn, _)| mfn).collect();
        for mfn in frames {
            self.free(mfn);
        }
        self.free_if_unused(domid);
    }
}

/// What Xen tells of a domain, in a release's structure.
macro_rules! domain_info {
    ($v:ident, $state:expr, $domain:expr) => {{
        let mut info = $v::domctl::xen_domctl_getdomaininfo::ZERO;
        info.domain = $domain.domid;
        info.flags = $crate::domctl::flags($domain);
        info.tot_pages = ($domain.pages as u64).into();
        info.max_pages = ($domain.max_pages as u64).into();
        info.outstanding_pages = ($domain.claimed as u64).into();
        info.shared_info_frame = $state.shared_info_frame($domain).into();
        info.nr_online_vcpus = $domain.vcpus.iter().filter(|vcpu| vcpu.is_up).count() as u32;
        info.max_vcpu_id = ($domain.vcpus.len() as u32).saturating_sub(1);
        info.gpaddr_bits = if $domain.kind == $crate::config::GuestKind::Arm { 40 } else { 48 };
        info
    }};
}
pub(crate) use domain_info;

/// `XEN_DOMINF_*` of a domain, whose vCPU counts as running.
pub(crate) fn flags(domain: &DomainState) -> DomainInfoFlags {
    let mut flags = if domain.destroyed { XEN_DOMINF_dying } else { XEN_DOMINF_running };
    if domain.kind != GuestKind::Pv {
        flags |= XEN_DOMINF_hvm_guest;
    }
    if let Some(reason) = domain.shutdown {
        let reason = u32::from(reason) << XEN_DOMINF_shutdownshift;
        flags |= XEN_DOMINF_shutdown | DomainInfoFlags(reason);
    }
    flags
}

impl State {
    pub(crate) fn domctl(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let at = arguments[0];
        let (name, answer) = match self.read(caller, at) {
            Err(fault) => ("domctl", Err(fault.into())),
            Ok(op) => self.domctl_op(caller, at, op),
        };
        HypercallRecord::new(caller, name, answer)
    }

    fn domctl_op(
        &mut self,
        caller: domid_t,
        at: usize,
        mut op: xen_domctl,
    ) -> (&'static str, Answer) {
        type Operation<'a> = &'a dyn Fn(&mut State, domid_t, &mut xen_domctl_u) -> Answer<()>;
        let arm = self.caller(caller).kind == GuestKind::Arm;
        let (name, operation): (_, Operation<'_>) = match op.cmd {
            XEN_DOMCTL_getdomaininfo => ("XEN_DOMCTL_getdomaininfo", &State::domain_info),
            XEN_DOMCTL_getvcpuinfo => ("XEN_DOMCTL_getvcpuinfo", &State::vcpu_info),
            XEN_DOMCTL_get_address_size => ("XEN_DOMCTL_get_address_size", &State::address_size),
            XEN_DOMCTL_max_mem => ("XEN_DOMCTL_max_mem", &State::max_mem),
            XEN_DOMCTL_scheduler_op => ("XEN_DOMCTL_scheduler_op", &State::scheduler_params),
            // A domain cannot be paused to be asked about itself.
            XEN_DOMCTL_gettscinfo if !arm && op.domain == caller => {
                ("XEN_DOMCTL_gettscinfo", &|_, _, _| Err(XEN_EINVAL))
            }
            XEN_DOMCTL_gettscinfo if !arm => ("XEN_DOMCTL_gettscinfo", &State::tsc_info),
            XEN_DOMCTL_getvcpucontext => ("XEN_DOMCTL_getvcpucontext", &|state, domid, u| {
                state.vcpu_context(caller, domid, u)
            }),
            XEN_DOMCTL_gethvmcontext if !arm => {
                ("XEN_DOMCTL_gethvmcontext", &|state, domid, u| state.hvm_context(caller, domid, u))
            }
            XEN_DOMCTL_get_paging_mempool_size if self.release >= Release::V4_17 => {
                ("XEN_DOMCTL_get_paging_mempool_size", &State::paging_mempool)
            }
            // Unknown commands end up at the IOMMU, which only a machine with a PVH control domain has.
            _ if self.release == Release::V4_14 && self.caller(caller).kind != GuestKind::Pvh => {
                ("domctl", &|_, _, _| Err(XEN_EOPNOTSUPP))
            }
            _ => ("domctl", &|_, _, _| Err(XEN_ENOSYS)),
        };
        let (version, _) = versions(self.release);
        let found = match op.cmd {
            // 4.17 and earlier releases answer with the next domain.
            XEN_DOMCTL_getdomaininfo if self.release <= Release::V4_17 => {
                self.domains.range(op.domain.0..).next().map(|(_, domain)| domain.domid)
            }
            _ => self.domain(op.domain).map(|domain| domain.domid),
        };
        let answer = if op.interface_version != version {
            Err(XEN_EACCES)
        } else if let Some(domid) = found {
            op.domain = domid;
            let privileged = self.caller(caller).privileged;
            let answer =
                if privileged { operation(self, domid, &mut op.u) } else { Err(XEN_EPERM) };
            answer.and_then(|()| Ok(self.write(caller, at, op)?)).map(|()| 0)
        } else {
            Err(XEN_ESRCH)
        };
        (name, answer)
    }

    fn domain_info(&mut self, domid: domid_t, u: &mut xen_domctl_u) -> Answer<()> {
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        let mut bytes = [0; 128];
        of_release!(self.release, v => {
            let info = domain_info!(v, self, domain);
            let info = xen_abi::as_bytes(&info);
            bytes[..info.len()].copy_from_slice(info);
        });
        *u.pad_mut() = bytes;
        Ok(())
    }

    fn vcpu_info(&mut self, domid: domid_t, u: &mut xen_domctl_u) -> Answer<()> {
        let argument = u.getvcpuinfo_mut();
        let vcpus = &self.domain(domid).ok_or(XEN_ESRCH)?.vcpus;
        let Some(vcpu) = vcpus.get(argument.vcpu as usize) else {
            return Err(if self.release < Release::V4_22 { XEN_EINVAL } else { XEN_ENOENT });
        };
        (argument.online, argument.running) = (vcpu.is_up.into(), vcpu.is_up.into());
        Ok(())
    }

    /// Only PV domains have one that can be asked for.
    fn address_size(&mut self, domid: domid_t, u: &mut xen_domctl_u) -> Answer<()> {
        match self.domain(domid).ok_or(XEN_ESRCH)?.kind {
            GuestKind::Pv => u.address_size_mut().size = 64,
            GuestKind::Arm if self.release > Release::V4_14 => return Err(XEN_ENOSYS),
            _ => return Err(XEN_EOPNOTSUPP),
        }
        Ok(())
    }

    /// Only translated domains have one.
    fn paging_mempool(&mut self, domid: domid_t, u: &mut xen_domctl_u) -> Answer<()> {
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if domain.kind == GuestKind::Pv {
            return Err(XEN_EOPNOTSUPP);
        }
        u.paging_mempool_mut().size = (domain.paging_pages as u64 * 4096).into();
        Ok(())
    }

    /// A new domain's weight and cap, which nothing changes here.
    fn scheduler_params(&mut self, _: domid_t, u: &mut xen_domctl_u) -> Answer<()> {
        let argument = u.scheduler_op_mut();
        if argument.sched_id != SCHEDULER || argument.cmd != XEN_DOMCTL_SCHEDOP_getinfo {
            return Err(XEN_EINVAL);
        }
        *argument.u.credit2_mut() = xen_domctl_sched_credit2 { weight: WEIGHT, cap: 0 };
        Ok(())
    }

    /// The time-stamp counter counts from the start of the machine, and is not emulated.
    fn tsc_info(&mut self, _: domid_t, u: &mut xen_domctl_u) -> Answer<()> {
        *u.tsc_info_mut() = xen_domctl_tsc_info {
            gtsc_khz: CPU_KHZ,
            elapsed_nsec: self.now().into(),
            ..xen_domctl_tsc_info::ZERO
        };
        Ok(())
    }

    fn max_mem(&mut self, domid: domid_t, u: &mut xen_domctl_u) -> Answer<()> {
        let pages = u64::from(u.max_mem().max_memkb) / 4;
        let domain = self.domain_mut(domid).ok_or(XEN_ESRCH)?;
        domain.max_pages = usize::try_from(pages).unwrap_or(usize::MAX);
        Ok(())
    }

    /// The guest frame of the shared info page, or all bits of one that is not mapped.
    pub(crate) fn shared_info_frame(&self, domain: &DomainState) -> u64 {
        if !domain.is_translated() {
            return domain.shared_info.0;
        }
        self.frames.get(domain.shared_info).and_then(|frame| frame.gfn).unwrap_or(u64::MAX)
    }
}
