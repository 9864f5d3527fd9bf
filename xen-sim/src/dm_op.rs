//! `dm_op`: ioreq servers. No guest here accesses what is emulated, so that servers get no requests.

#![allow(clippy::useless_conversion, reason = "64-bit integers of 32-bit ABIs are wrapped")]

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::dm_op::*;
use xen_abi::hvm::params::*;
use xen_abi::xen::domid_t;

use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::guest_access::address;
use crate::state::ioreq::{IoreqPage, IoreqServer};
use crate::state::p2m;
use crate::state::ports::End;

/// Buffers that a call can have.
const MAX_BUFFERS: u32 = 2;
/// Frames of 1 GiB.
const MAX_TRACKED: u32 = 1 << 18;
/// What handling of the ring of unanswered requests there is: none, one, and one without locks.
const MAX_HANDLING: u8 = 2;
/// The frames of the resource: the ring, and the requests.
const RING_FRAME: u64 = 0;
const REQUESTS_FRAME: u64 = 1;

/// What an operation makes of its argument.
type Operation = fn(&mut State, domid_t, domid_t, &mut xen_dm_op_u, &[xen_dm_op_buf]) -> Answer<()>;

/// Upstream's name of an operation, the bytes of its argument, and whether Xen writes that back.
const fn known(op: u32) -> Option<(&'static str, usize, bool, Operation)> {
    Some(match op {
        XEN_DMOP_create_ioreq_server => (
            "XEN_DMOP_create_ioreq_server",
            size_of::<xen_dm_op_create_ioreq_server>(),
            true,
            State::create_server,
        ),
        XEN_DMOP_get_ioreq_server_info => (
            "XEN_DMOP_get_ioreq_server_info",
            size_of::<xen_dm_op_get_ioreq_server_info>(),
            true,
            State::server_info,
        ),
        XEN_DMOP_map_io_range_to_ioreq_server => (
            "XEN_DMOP_map_io_range_to_ioreq_server",
            size_of::<xen_dm_op_ioreq_server_range>(),
            false,
            State::map_range,
        ),
        XEN_DMOP_unmap_io_range_from_ioreq_server => (
            "XEN_DMOP_unmap_io_range_from_ioreq_server",
            size_of::<xen_dm_op_ioreq_server_range>(),
            false,
            State::unmap_range,
        ),
        XEN_DMOP_set_ioreq_server_state => (
            "XEN_DMOP_set_ioreq_server_state",
            size_of::<xen_dm_op_set_ioreq_server_state>(),
            false,
            State::set_server_state,
        ),
        XEN_DMOP_destroy_ioreq_server => (
            "XEN_DMOP_destroy_ioreq_server",
            size_of::<xen_dm_op_destroy_ioreq_server>(),
            false,
            State::destroy_server,
        ),
        XEN_DMOP_track_dirty_vram => (
            "XEN_DMOP_track_dirty_vram",
            size_of::<xen_dm_op_track_dirty_vram>(),
            false,
            State::track_dirty,
        ),
        XEN_DMOP_remote_shutdown => (
            "XEN_DMOP_remote_shutdown",
            size_of::<xen_dm_op_remote_shutdown>(),
            false,
            State::dm_shutdown,
        ),
        XEN_DMOP_nr_vcpus => {
            ("XEN_DMOP_nr_vcpus", size_of::<xen_dm_op_nr_vcpus>(), true, State::vcpu_count)
        }
        _ => return None,
    })
}

impl State {
    pub(crate) fn dm_op(&mut self, caller: domid_t, arguments: [usize; 5]) -> HypercallRecord {
        let (domid, count, at) = (domid_t(arguments[0] as u16), arguments[1] as u32, arguments[2]);
        // Debian's hypervisors for Arm have no ioreq servers.
        let (name, answer) = match self.caller(caller).kind {
            GuestKind::Arm => ("dm_op", Err(XEN_ENOSYS)),
            _ => self.dm_op_buffers(caller, domid, count, at),
        };
        HypercallRecord::new(caller, name, answer)
    }

    fn dm_op_buffers(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        count: u32,
        at: usize,
    ) -> (&'static str, Answer) {
        if count == 0 {
            let empty = if self.release < Release::V4_20 { XEN_EFAULT } else { XEN_ENODATA };
            return ("dm_op", Err(empty));
        }
        if count > MAX_BUFFERS {
            return ("dm_op", Err(XEN_E2BIG));
        }
        let buffers = (0..count as usize).map(|index| self.read_at(caller, at, index));
        match buffers.collect::<Result<Vec<xen_dm_op_buf>, _>>() {
            Err(fault) => ("dm_op", Err(fault.into())),
            Ok(buffers) => match self.dm_op_command(caller, domid, &buffers) {
                Err(errno) => ("dm_op", Err(errno)),
                Ok((name, answer)) => (name, answer.map(|()| 0)),
            },
        }
    }

    /// Fails as long as it is not known which operation it is.
    fn dm_op_command(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        buffers: &[xen_dm_op_buf],
    ) -> Answer<(&'static str, Answer<()>)> {
        self.remote(caller, domid)?;
        if !self.domain(domid).is_some_and(|domain| domain.is_translated()) {
            return Err(XEN_EINVAL);
        }
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let own = buffers.first().ok_or(XEN_EFAULT)?;
        let (at, size) = (address(own.h), own.size as usize);
        let head = offset_of!(xen_dm_op, u);
        if size < head {
            return Err(XEN_EFAULT);
        }
        let [op, pad]: [u32; 2] = self.read(caller, at)?;
        let since = op != XEN_DMOP_nr_vcpus || self.release > Release::V4_14;
        // Other operations exist, and are not simulated.
        let (name, length, writes, run) = known(op).filter(|_| since).ok_or(XEN_EOPNOTSUPP)?;
        if size < head + length {
            return Ok((name, Err(XEN_EFAULT)));
        }
        let place = at.wrapping_add(head);
        let mut bytes = [0; size_of::<xen_dm_op_u>()];
        for (index, byte) in bytes.iter_mut().enumerate().take(length) {
            *byte = self.read_at(caller, place, index)?;
        }
        if pad != 0 {
            return Ok((name, Err(XEN_EINVAL)));
        }
        let mut argument: xen_dm_op_u = xen_abi::from_bytes(&bytes).ok_or(XEN_EFAULT)?;
        let answer = run(self, caller, domid, &mut argument, buffers);
        if writes && answer.is_ok() {
            for (index, byte) in xen_abi::as_bytes(&argument).iter().enumerate().take(length) {
                self.write_at(caller, place, index, *byte)?;
            }
        }
        Ok((name, answer))
    }

    /// A server that the caller made.
    fn server(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        id: ioservid_t,
    ) -> Answer<&mut IoreqServer> {
        let servers = self.domain_mut(domid).map(|domain| &mut domain.ioreq_servers);
        let server = servers.and_then(|servers| servers.get_mut(usize::from(id))?.as_mut());
        let server = server.ok_or(XEN_ENOENT)?;
        if server.emulator == caller { Ok(server) } else { Err(XEN_EPERM) }
    }

    fn create_server(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        let op = u.create_ioreq_server_mut();
        if op.pad != [0; 3] || op.handle_bufioreq > MAX_HANDLING {
            return Err(XEN_EINVAL);
        }
        let domain = self.domain_mut(domid).ok_or(XEN_ESRCH)?;
        let free = domain.ioreq_servers.iter().position(Option::is_none).ok_or(XEN_ENOSPC)?;
        let mut server = IoreqServer::new(caller, op.handle_bufioreq != 0);
        for vcpu in 0..domain.vcpus.len() {
            server.ports.push(domain.ports.open(End::Unbound(caller))?);
            if vcpu == 0 && server.is_buffered {
                server.buffered_port = domain.ports.open(End::Unbound(caller))?;
            }
        }
        if let Some(place) = domain.ioreq_servers.get_mut(free) {
            *place = Some(server);
        }
        op.id = free as ioservid_t;
        Ok(())
    }

    fn server_info(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        let op = u.get_ioreq_server_info_mut();
        if !op.flags.difference(XEN_DMOP_no_gfns).is_empty() {
            return Err(XEN_EINVAL);
        }
        let (count, port) = {
            let server = self.server(caller, domid, op.id)?;
            (server.page_count(), server.is_buffered.then_some(server.buffered_port))
        };
        if !op.flags.contains(XEN_DMOP_no_gfns) {
            self.place_pages(caller, domid, op.id, count)?;
            let pages = &self.server(caller, domid, op.id)?.pages;
            let gfn = |index| pages.get(index).and_then(|page: &IoreqPage| page.gfn);
            if let Some(requests) = gfn(0) {
                op.ioreq_gfn = requests.into();
            }
            if let Some(ring) = gfn(1) {
                op.bufioreq_gfn = ring.into();
            }
        }
        if let Some(port) = port {
            op.bufioreq_port = evtchn_port_t(port);
        }
        Ok(())
    }

    /// Takes frames of the domain's for a server, which the toolstack has set aside by parameters.
    fn place_pages(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        id: ioservid_t,
        count: usize,
    ) -> Answer<()> {
        let pages = &self.server(caller, domid, id)?.pages;
        if let Some(page) = pages.first() {
            return if page.gfn.is_some() { Ok(()) } else { Err(XEN_EPERM) };
        }
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if domain.dying {
            return Err(XEN_EINVAL);
        }
        let param = |index| domain.params.get(&index).copied();
        let (base, number) =
            (param(HVM_PARAM_IOREQ_SERVER_PFN), param(HVM_PARAM_NR_IOREQ_SERVER_PAGES));
        let aside = base
            .into_iter()
            .flat_map(|base| (0..number.unwrap_or(0)).map(move |index| base.saturating_add(index)));
        let old = [HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN].into_iter().filter_map(param);
        let servers = domain.ioreq_servers.iter().flatten();
        let used = servers.flat_map(|server| &server.pages).filter_map(|page| page.gfn);
        let used = used.collect::<Vec<_>>();
        let free = aside.chain(old).filter(|gfn| !used.contains(gfn)).take(count);
        let free = free.collect::<Vec<_>>();
        let mut pages = Vec::new();
        let mut failure = (free.len() < count).then_some(XEN_ENOMEM);
        for gfn in free {
            let found = self.look_up(domid, gfn).filter(|entry| entry.kind == p2m::EntryKind::Ram);
            match found.filter(|entry| self.frames.hold(entry.mfn, domid)) {
                Some(entry) => pages.push(IoreqPage { mfn: entry.mfn, gfn: Some(gfn) }),
                None => failure = failure.or(Some(XEN_EINVAL)),
            }
        }
        if let Some(errno) = failure {
            for page in pages {
                self.put(page.mfn);
            }
            return Err(errno);
        }
        self.server(caller, domid, id)?.pages = pages;
        Ok(())
    }

    fn map_range(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        self.change_ranges(caller, domid, u.map_io_range_to_ioreq_server(), IoreqServer::add)
    }

    fn unmap_range(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        self.change_ranges(caller, domid, u.unmap_io_range_from_ioreq_server(), IoreqServer::remove)
    }

    /// Adds a range to those of a server, or takes one away.
    fn change_ranges(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        op: &xen_dm_op_ioreq_server_range,
        change: fn(&mut IoreqServer, u32, u64, u64) -> Answer<()>,
    ) -> Answer<()> {
        let (start, end) = (u64::from(op.start), u64::from(op.end));
        if op.pad != 0 || start > end {
            return Err(XEN_EINVAL);
        }
        change(self.server(caller, domid, op.id)?, op.type_, start, end)
    }

    fn set_server_state(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        let op = *u.set_ioreq_server_state();
        if op.pad != 0 {
            return Err(XEN_EINVAL);
        }
        self.server(caller, domid, op.id)?;
        self.enable_server(domid, op.id, op.enabled != 0);
        Ok(())
    }

    /// While a server is on, the domain does not have its pages.
    fn enable_server(&mut self, domid: domid_t, id: ioservid_t, is_enabled: bool) {
        let servers = self.domain_mut(domid).map(|domain| &mut domain.ioreq_servers);
        let server = servers.and_then(|servers| servers.get_mut(usize::from(id))?.as_mut());
        let Some(server) = server.filter(|server| server.is_enabled != is_enabled) else { return };
        server.is_enabled = is_enabled;
        for IoreqPage { mfn, gfn } in server.pages.clone() {
            match gfn {
                Some(gfn) if is_enabled => {
                    self.unplace(domid, gfn);
                }
                Some(gfn) => {
                    self.place(domid, gfn, mfn);
                }
                None => {}
            }
        }
    }

    fn destroy_server(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        let op = *u.destroy_ioreq_server();
        if op.pad != 0 {
            return Err(XEN_EINVAL);
        }
        self.server(caller, domid, op.id)?;
        self.drop_server(domid, op.id);
        Ok(())
    }

    fn drop_server(&mut self, domid: domid_t, id: ioservid_t) {
        self.enable_server(domid, id, false);
        let Some(domain) = self.domain_mut(domid) else { return };
        let server = domain.ioreq_servers.get_mut(usize::from(id)).and_then(Option::take);
        let Some(server) = server else { return };
        let buffered = server.is_buffered.then_some(server.buffered_port);
        for port in server.ports.into_iter().chain(buffered) {
            self.close(domid, port);
        }
        for page in server.pages {
            match page.gfn {
                Some(_) => self.put(page.mfn),
                None => self.free(page.mfn),
            }
        }
    }

    /// The servers of a domain that is destroyed.
    pub(crate) fn drop_ioreq_servers(&mut self, domid: domid_t) {
        let count = self.domain(domid).map_or(0, |domain| domain.ioreq_servers.len());
        for id in 0..count as ioservid_t {
            self.drop_server(domid, id);
        }
    }

    /// Frames of a server's, as a resource.
    pub(crate) fn ioreq_frames(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        id: u32,
        first: u64,
        count: usize,
    ) -> Answer<Vec<Mfn>> {
        let id = ioservid_t::try_from(id).map_err(|_| XEN_EINVAL)?;
        let mut frames = Vec::new();
        for index in (first..).take(count) {
            let (has_pages, wanted) = {
                let server = self.server(caller, domid, id)?;
                if server.pages.first().is_some_and(|page| page.gfn.is_some()) {
                    return Err(XEN_EPERM);
                }
                (!server.pages.is_empty(), server.page_count())
            };
            if !has_pages {
                for _ in 0..wanted {
                    // Of Xen's own, and not among the domain's pages.
                    let mfn = self.frames.reserve(1);
                    self.frames.assign(mfn, domid);
                    self.server(caller, domid, id)?.pages.push(IoreqPage { mfn, gfn: None });
                }
            }
            let pages = &self.server(caller, domid, id)?.pages;
            let page = match index {
                RING_FRAME => pages.get(1).ok_or(XEN_ENOENT)?,
                REQUESTS_FRAME => pages.first().ok_or(XEN_EINVAL)?,
                _ => return Err(XEN_EINVAL),
            };
            frames.push(page.mfn);
        }
        Ok(frames)
    }

    /// Nothing here writes to a domain's memory unseen by Xen: no frame is dirty.
    fn track_dirty(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        buffers: &[xen_dm_op_buf],
    ) -> Answer<()> {
        let op = u.track_dirty_vram();
        let buffer = buffers.get(1).filter(|_| op.pad == 0).ok_or(XEN_EINVAL)?;
        if op.nr > MAX_TRACKED {
            return Err(XEN_EINVAL);
        }
        if self.domain(domid).is_none_or(|domain| domain.dying) {
            return Err(XEN_ESRCH);
        }
        let length = op.nr.div_ceil(8) as usize;
        if length > buffer.size as usize {
            return Err(XEN_EINVAL);
        }
        for index in 0..length {
            self.write_at(caller, address(buffer.h), index, 0_u8)?;
        }
        Ok(())
    }

    fn dm_shutdown(
        &mut self,
        _: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        let reason = u.remote_shutdown().reason as u8;
        let domain = self.domain_mut(domid).ok_or(XEN_ESRCH)?;
        domain.shutdown.get_or_insert(reason);
        Ok(())
    }

    fn vcpu_count(
        &mut self,
        _: domid_t,
        domid: domid_t,
        u: &mut xen_dm_op_u,
        _: &[xen_dm_op_buf],
    ) -> Answer<()> {
        let count = self.domain(domid).ok_or(XEN_ESRCH)?.vcpus.len();
        u.nr_vcpus_mut().vcpus = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(())
    }
}
