//! Guests from nothing: memory, kernel, rings, the first vCPU.

mod error;
mod kernel;
mod layout;
#[cfg(test)]
mod tests;

use core::ops::Range;

use xen_abi::arch_x86::xen::{VGCF_online, XEN_X86_EMU_LAPIC, vcpu_guest_context};
use xen_abi::as_bytes;
use xen_abi::domctl::{XEN_DOMCTL_CDF_hap, XEN_DOMCTL_CDF_hvm};
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::{
    GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_XENSTORE, GTF_permit_access, grant_entry_v1,
};
use xen_abi::hvm::params::{
    HVM_PARAM_CONSOLE_EVTCHN, HVM_PARAM_CONSOLE_PFN, HVM_PARAM_IDENT_PT, HVM_PARAM_STORE_EVTCHN,
    HVM_PARAM_STORE_PFN,
};
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::hypercall::{event_channel_op, hvm_op};
use xen_ops::memory::acquire::Resource;
use xen_ops::memory::{self, E820Entry, E820Kind, ForeignMemory, MemFlags, populate_physmap};
use xen_ops::page::PAGE_SIZE;
use xen_ops::{DomainId, Hypercall};

pub use error::BuildError;
pub use kernel::{KernelError, PvhKernel, Segment};
use layout::{CONSOLE_FRAME, IDENT_PT_FRAME, Layout, STORE_FRAME};

use crate::{ArchConfig, CreateConfig, OwnedDomain, Toolstack};

/// Modules that a guest may have.
pub const MAX_MODULES: usize = 32;

/// Frames that one hypercall populates.
const BATCH: u64 = 256;

/// The order of extents of 2 MiB, which take less memory and time than single frames.
const LARGE: u32 = 9;

/// Memory of a domain beyond what the guest is told of, in KiB: for the special frames, and for frames that
/// Xen adds for a device model or a monitor.
const SLACK_KIB: u64 = 1024;

/// A PVH guest to be built.
///
/// ```no_run
/// use xen_toolstack::{PvhGuest, PvhKernel, Toolstack};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let xen = xen_linux::Privcmd::open()?;
/// let toolstack = Toolstack::detect(&xen)?;
/// let file = std::fs::read("vmlinux")?;
/// let kernel = PvhKernel::parse(&file)?;
/// let guest = PvhGuest { memory: 64 << 20, command_line: "console=hvc0", ..PvhGuest::new(kernel) };
/// let built = toolstack.build(&xen, &guest)?;
/// toolstack.unpause(built.domain.id())?;
/// // From here on it lives longer than this program.
/// let id = built.domain.keep();
/// # let _ = id;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PvhGuest<'g> {
    /// Its kernel.
    pub kernel: PvhKernel<'g>,
    /// Its memory in bytes, a whole number of pages. What does not fit below 3.75 GiB is at 4 GiB.
    pub memory: u64,
    /// The kernel's command line.
    pub command_line: &'g str,
    /// Its modules, up to [`MAX_MODULES`]: an initial ramdisk, for example.
    pub modules: &'g [Module<'g>],
    /// The domain.
    pub config: CreateConfig,
    /// The domain that has the other end of console and xenstore.
    pub backend: DomainId,
}

/// A module of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'g> {
    /// Its bytes.
    pub content: &'g [u8],
    /// Its command line.
    pub command_line: &'g str,
}

impl<'g> PvhGuest<'g> {
    /// A guest with 32 MiB of memory and one vCPU, whose back ends are in the domain 0.
    #[must_use]
    pub fn new(kernel: PvhKernel<'g>) -> Self {
        Self {
            kernel,
            memory: 32 << 20,
            command_line: "",
            modules: &[],
            config: CreateConfig {
                flags: XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                // As libxl has it for PVH.
                arch: ArchConfig { emulation_flags: XEN_X86_EMU_LAPIC, misc_flags: 0 },
                ..CreateConfig::default()
            },
            backend: DOM0,
        }
    }
}

const DOM0: DomainId = match DomainId::new(domid_t(0)) {
    Ok(id) => id,
    Err(_) => unreachable!(),
};

/// A ring that a guest shares with its back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedRing {
    /// The guest frame. The back end can map it by a reserved grant too.
    pub frame: xen_pfn_t,
    /// The guest's port, to which the back end binds.
    pub port: evtchn_port_t,
}

/// A guest that was built and has not run yet: [`Toolstack::unpause`] starts it.
#[derive(Debug)]
#[must_use = "a domain that is dropped is destroyed"]
pub struct BuiltGuest<'t, H: Hypercall> {
    /// Its domain.
    pub domain: OwnedDomain<'t, H>,
    /// Its console, `GNTTAB_RESERVED_CONSOLE`.
    pub console: SharedRing,
    /// Its connection to xenstore, `GNTTAB_RESERVED_XENSTORE`. Xenstored does not know it before it is
    /// introduced: `XS_INTRODUCE` with frame and port.
    pub xenstore: SharedRing,
}

impl<H: Hypercall> Toolstack<H> {
    /// Creates a domain and puts a PVH guest into it: memory, kernel, start information, rings of console and
    /// xenstore with their event channels and grants, and the first vCPU at the kernel's entry point. The
    /// domain is paused, as a new domain is.
    ///
    /// There are no ACPI tables. A guest finds its further vCPUs by `VCPUOP_*`, and its memory by the start
    /// information or `XENMEM_memory_map`.
    ///
    /// # Errors
    ///
    /// Every [`BuildError`]. What can be checked without a domain is checked first; if something fails after
    /// that, the domain is destroyed.
    pub fn build<M: ForeignMemory>(
        &self,
        memory: &M,
        guest: &PvhGuest<'_>,
    ) -> Result<BuiltGuest<'_, H>, BuildError> {
        let layout = Layout::new(guest)?;
        let domain = self.create_owned(&guest.config)?;
        let id = domain.id();
        self.set_limits(id, guest)?;
        for frames in layout.ram() {
            self.populate(id, frames)?;
        }
        for frame in [STORE_FRAME, IDENT_PT_FRAME, CONSOLE_FRAME] {
            self.populate(id, frame..frame + 1)?;
        }
        let mut map = [E820Entry::default(); 3];
        let mut ranges = 0;
        for (entry, (start, length, kind)) in map.iter_mut().zip(layout.memory_map()) {
            *entry = E820Entry::new(start, length, E820Kind(kind));
            ranges += 1;
        }
        memory::set_memory_map(self.hypervisor(), id.domid(), &map[..ranges])?;
        load(memory, id, guest, &layout)?;
        let console = self.ring(id, guest.backend, CONSOLE_FRAME)?;
        let xenstore = self.ring(id, guest.backend, STORE_FRAME)?;
        let parameters = [
            (HVM_PARAM_CONSOLE_PFN, CONSOLE_FRAME),
            (HVM_PARAM_CONSOLE_EVTCHN, console.port.0.into()),
            (HVM_PARAM_STORE_PFN, STORE_FRAME),
            (HVM_PARAM_STORE_EVTCHN, xenstore.port.0.into()),
            (HVM_PARAM_IDENT_PT, IDENT_PT_FRAME * PAGE_SIZE as u64),
        ];
        for (index, value) in parameters {
            self.set_param(id, index, value)?;
        }
        let rings =
            [(GNTTAB_RESERVED_CONSOLE, CONSOLE_FRAME), (GNTTAB_RESERVED_XENSTORE, STORE_FRAME)];
        for (reference, frame) in rings {
            grant(memory, id, guest.backend, reference, frame)?;
        }
        self.set_vcpu_context(id, 0, &entry(guest, layout.start_info))?;
        Ok(BuiltGuest { domain, console, xenstore })
    }

    /// What the domain may have, and Xen's own memory for it.
    fn set_limits(&self, id: DomainId, guest: &PvhGuest<'_>) -> Result<(), BuildError> {
        let vcpus = guest.config.max_vcpus;
        self.set_max_vcpus(id, vcpus)?;
        self.set_max_memory(id, guest.memory / 1024 + SLACK_KIB)?;
        // As libxl counts: 1 MiB for each vCPU, and 8 KiB for each MiB.
        let tables = (u64::from(vcpus) << 20) + guest.memory / 128;
        let tables = tables.next_multiple_of(PAGE_SIZE as u64);
        Ok(self.set_paging_mempool_size(id, tables)?)
    }

    /// Gives the domain memory at these frames, in extents of 2 MiB where Xen has them.
    fn populate(&self, id: DomainId, frames: Range<u64>) -> Result<(), BuildError> {
        const LARGE_SIZE: u64 = 1 << LARGE;
        let mut next = frames.start;
        while next < frames.end {
            let rest = frames.end - next;
            let large = if next % LARGE_SIZE == 0 { rest / LARGE_SIZE } else { 0 };
            let done = self.populate_extents(id, next, LARGE, large.min(BATCH))?;
            next += done * LARGE_SIZE;
            if done == 0 {
                let count = rest.min(LARGE_SIZE - next % LARGE_SIZE).min(BATCH);
                let done = self.populate_extents(id, next, 0, count)?;
                next += done;
                if done < count {
                    return Err(BuildError::Populate { frame: next });
                }
            }
        }
        Ok(())
    }

    /// Populates up to [`BATCH`] extents from `first` on, and returns how many are done.
    #[allow(unsafe_code, reason = "changes memory of a domain")]
    fn populate_extents(
        &self,
        id: DomainId,
        first: u64,
        order: u32,
        count: u64,
    ) -> Result<u64, BuildError> {
        if count == 0 {
            return Ok(0);
        }
        let mut frames = [pfn(0); BATCH as usize];
        let frames = &mut frames[..count as usize];
        for (frame, number) in frames.iter_mut().zip((first..).step_by(1 << order)) {
            *frame = pfn(number);
        }
        let xen = self.hypervisor();
        // SAFETY: the domain is new, and so not the caller's own: nothing relies on its memory.
        let done = unsafe { populate_physmap(xen, id.domid(), order, MemFlags::ANY, frames) }?;
        Ok(done.done() as u64)
    }

    fn ring(&self, id: DomainId, backend: DomainId, frame: u64) -> Result<SharedRing, BuildError> {
        let (guest, backend) = (id.domid(), backend.domid());
        let port = event_channel_op::alloc_unbound(self.hypervisor(), guest, backend)?;
        Ok(SharedRing { frame: pfn(frame), port })
    }

    #[allow(unsafe_code, reason = "sets a parameter of a domain")]
    fn set_param(&self, id: DomainId, index: u32, value: u64) -> Result<(), BuildError> {
        // SAFETY: the domain is new, and so not the caller's own.
        Ok(unsafe { hvm_op::set_param(self.hypervisor(), id.domid(), index, value) }?)
    }
}

/// Puts the kernel and what it is told into memory.
fn load<M: ForeignMemory>(
    memory: &M,
    id: DomainId,
    guest: &PvhGuest<'_>,
    layout: &Layout,
) -> Result<(), BuildError> {
    let write = |address: u64, bytes: &[u8]| {
        let written = memory.write(id, address, bytes);
        written.map_err(|errno| BuildError::Write { address, errno })
    };
    for segment in guest.kernel.segments() {
        write(segment.address, segment.content)?;
        let length = segment.content.len() as u64;
        let address = segment.address + length;
        let zeroed = memory.zero(id, address, segment.size - length);
        zeroed.map_err(|errno| BuildError::Write { address, errno })?;
    }
    layout.write_start_info(guest, write)?;
    // The first 4 GiB at the same addresses, in pages of 4 MiB.
    let mut table = [0; PAGE_SIZE];
    for (entry, number) in table.chunks_exact_mut(4).zip(0_u32..) {
        entry.copy_from_slice(&(number << 22 | IDENT_PT_FLAGS).to_le_bytes());
    }
    write(IDENT_PT_FRAME * PAGE_SIZE as u64, &table)?;
    for frame in [CONSOLE_FRAME, STORE_FRAME] {
        write(frame * PAGE_SIZE as u64, &[0; PAGE_SIZE])?;
    }
    Ok(())
}

/// A large page that is present, writable, for user mode too, accessed and dirty.
const IDENT_PT_FLAGS: u32 = 0xe7;

/// Grants a ring to the back end by a reserved reference.
fn grant<M: ForeignMemory>(
    memory: &M,
    id: DomainId,
    backend: DomainId,
    reference: u32,
    frame: u64,
) -> Result<(), BuildError> {
    let entry =
        grant_entry_v1 { flags: GTF_permit_access, domid: backend.domid(), frame: frame as u32 };
    let table = Resource::GrantTable { status: false };
    let offset = reference as usize * size_of::<grant_entry_v1>();
    let written = memory.write_resource(id, table, 0, offset, as_bytes(&entry));
    written.map_err(|errno| BuildError::GrantTable { errno })
}

/// The registers of the first vCPU. In all else it is as a new vCPU: in flat 32-bit protected mode without
/// paging.
fn entry(guest: &PvhGuest<'_>, start_info: u64) -> vcpu_guest_context {
    let mut context = vcpu_guest_context { flags: VGCF_online.into(), ..vcpu_guest_context::ZERO };
    #[cfg(target_arch = "x86_64")]
    {
        *context.user_regs.rip.rip_mut() = guest.kernel.entry().into();
        *context.user_regs.rbx.rbx_mut() = start_info;
        *context.user_regs.rflags.rflags_mut() = RFLAGS;
    }
    #[cfg(target_arch = "x86")]
    {
        *context.user_regs.eip.eip_mut() = guest.kernel.entry();
        *context.user_regs.ebx.ebx_mut() = start_info as u32;
        *context.user_regs.eflags.eflags_mut() = RFLAGS;
    }
    context
}

/// The bit that is always set.
const RFLAGS: RegisterFlags = 2;

#[cfg(target_arch = "x86_64")]
type RegisterFlags = u64;
#[cfg(target_arch = "x86")]
type RegisterFlags = u32;

/// A frame of a guest; all are below 2^33.
const fn pfn(number: u64) -> xen_pfn_t {
    xen_pfn_t(number as _)
}
