//! The interrupt controller of Arm, as far as upcalls need it: one interrupt of each vCPU's own, at a GIC of
//! version 2 or 3.
//!
//! Arm's documents: IHI 0048 (GICv2), IHI 0069 (GICv3 and GICv4).

use core::arch::asm;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::installed;
use crate::device_tree::{DeviceTree, DeviceTreeError, Interrupt, Region};
use crate::{Guest, StartInfo};

/// The interrupt by which Xen announces events on Arm, which the device tree names: one of each vCPU's
/// own. Xen needs no call: a kernel enables it at its interrupt controller. `None` if the tree names
/// none.
///
/// # Errors
///
/// [`DeviceTreeError`].
pub fn interrupt(guest: &Guest) -> Result<Option<Interrupt>, DeviceTreeError> {
    let StartInfo::DeviceTree(tree) = guest.start_info();
    Ok(tree.xen()?.and_then(|node| node.interrupt))
}

/// Why the interrupt controller cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GicError {
    /// The device tree cannot be read.
    DeviceTree(DeviceTreeError),
    /// The device tree names no interrupt of each vCPU's own for events.
    NoInterrupt,
    /// The device tree has no GIC of version 2 or 3, or says not where it is.
    NoGic,
    /// No redistributor is this vCPU's.
    NoRedistributor,
}

impl fmt::Display for GicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeviceTree(error) => return error.fmt(f),
            Self::NoInterrupt => "the device tree names no interrupt for events",
            Self::NoGic => "the device tree has no GIC of version 2 or 3",
            Self::NoRedistributor => "the GIC has no redistributor for this vCPU",
        })
    }
}

impl core::error::Error for GicError {}

impl From<DeviceTreeError> for GicError {
    fn from(error: DeviceTreeError) -> Self {
        Self::DeviceTree(error)
    }
}

impl From<GicError> for super::UpcallError {
    fn from(error: GicError) -> Self {
        Self::Gic(error)
    }
}

/// The INTID of upcalls, which is not 0, once it and what follows is known.
static INTID: AtomicUsize = AtomicUsize::new(0);
static DISTRIBUTOR: AtomicUsize = AtomicUsize::new(0);
/// Where the CPU interface of version 2 is; 0 for version 3, whose interface are registers.
static CPU_INTERFACE: AtomicUsize = AtomicUsize::new(0);
/// Where the redistributors of version 3 are, and how many.
static REDISTRIBUTORS: AtomicUsize = AtomicUsize::new(0);
static REDISTRIBUTOR_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Registers of the distributor, and of the redistributor's second frame, which has the same.
const CONTROL: usize = 0;
const GROUP: usize = 0x80;
const ENABLE: usize = 0x100;
const PRIORITY: usize = 0x400;
/// Registers of version 2's CPU interface.
const MASK: usize = 0x4;
const ACKNOWLEDGE: usize = 0xc;
const END: usize = 0x10;
/// Registers of a redistributor, its size in bytes, and the distance to its second frame.
const TYPE: usize = 0x8;
const WAKER: usize = 0x14;
const REDISTRIBUTOR_SIZE: usize = 0x2_0000;
const SECOND_FRAME: usize = 0x1_0000;

/// INTIDs from here on mean that there is no interrupt.
const NO_INTERRUPT: usize = 1020;

/// # Safety
///
/// As [`Upcalls::install`](super::Upcalls::install): device memory is mapped where it is, and nothing else uses the
/// controller.
pub(super) unsafe fn install(guest: &Guest) -> Result<(), GicError> {
    // The first vCPU looks, or several at once, which find the same.
    if INTID.load(Ordering::Acquire) == 0 {
        find(guest)?;
    }
    let (intid, distributor) = (load(&INTID), load(&DISTRIBUTOR));
    // SAFETY: the device tree says that the registers are there.
    unsafe {
        match load(&CPU_INTERFACE) {
            0 => {
                let own = redistributor().ok_or(GicError::NoRedistributor)?;
                // Awake, if it sleeps.
                write(own + WAKER, read(own + WAKER) & !2);
                let frame = own + SECOND_FRAME;
                write(frame + GROUP, read(frame + GROUP) | 1 << intid);
                write_byte(frame + PRIORITY + intid, 0xa0);
                // Affinity routing and the groups of a guest.
                write(distributor + CONTROL, 0x12);
                write(frame + ENABLE, 1 << intid);
                cpu::start();
            }
            interface => {
                write(distributor + CONTROL, 1);
                write(distributor + ENABLE, 1 << intid);
                write(interface + MASK, 0xff);
                write(interface + CONTROL, 1);
            }
        }
    }
    Ok(())
}

/// Reads the device tree.
fn find(guest: &Guest) -> Result<(), GicError> {
    let StartInfo::DeviceTree(tree) = guest.start_info();
    let found = tree.xen()?.and_then(|node| node.interrupt).filter(|own| own.per_vcpu);
    let intid = found.ok_or(GicError::NoInterrupt)?.intid() as usize;
    // These are a vCPU's own.
    if !(16..32).contains(&intid) {
        return Err(GicError::NoInterrupt);
    }
    let (version, [distributor, other]) = tree.gic()?.ok_or(GicError::NoGic)?;
    DISTRIBUTOR.store(distributor.address as usize, Ordering::Relaxed);
    if version == 2 {
        CPU_INTERFACE.store(other.address as usize, Ordering::Relaxed);
    } else {
        REDISTRIBUTORS.store(other.address as usize, Ordering::Relaxed);
        let count = other.length as usize / REDISTRIBUTOR_SIZE;
        REDISTRIBUTOR_COUNT.store(count, Ordering::Relaxed);
    }
    INTID.store(intid, Ordering::Release);
    Ok(())
}

fn load(word: &AtomicUsize) -> usize {
    word.load(Ordering::Relaxed)
}

/// The redistributor of this vCPU.
///
/// # Safety
///
/// Redistributors are there.
unsafe fn redistributor() -> Option<usize> {
    let mut all =
        (0..load(&REDISTRIBUTOR_COUNT)).map(|at| load(&REDISTRIBUTORS) + at * REDISTRIBUTOR_SIZE);
    // SAFETY: the caller's promise.
    all.find(|own| unsafe { read(own + TYPE + 4) } as usize == cpu::affinity())
}

/// Called by the entry code when there is an interrupt. Returns whether it was one of Xen's.
pub(crate) fn take() -> bool {
    let (interface, expected) = (load(&CPU_INTERFACE), load(&INTID));
    if expected == 0 {
        return false;
    }
    // SAFETY: `install` has set this interface up.
    let taken = unsafe {
        if interface == 0 { cpu::acknowledge() } else { read(interface + ACKNOWLEDGE) as usize }
    };
    // The upper bits say which processor sent it.
    let intid = taken & 0x3ff;
    if intid >= NO_INTERRUPT {
        // It is gone already.
        return true;
    }
    let vcpu = crate::affinity::vcpu(cpu::affinity());
    if let (true, Some(installed)) = (intid == expected, installed(vcpu)) {
        installed.receive(vcpu);
    }
    // SAFETY: as above.
    unsafe { if interface == 0 { cpu::end(taken) } else { write(interface + END, taken as u32) } }
    intid == expected
}

impl DeviceTree<'_> {
    /// The version of the GIC and its first two register ranges: distributor, and CPU interface or
    /// redistributors.
    fn gic(&self) -> Result<Option<(u8, [Region; 2])>, DeviceTreeError> {
        for property in self.properties() {
            let property = property?;
            if (property.depth, property.name) != (2, "compatible") {
                continue;
            }
            let version = property.value.split(|byte| *byte == 0).find_map(|name| match name {
                b"arm,gic-v3" => Some(3),
                b"arm,gic-400" | b"arm,cortex-a15-gic" | b"arm,cortex-a7-gic" => Some(2),
                _ => None,
            });
            if let Some(version) = version {
                let mut regions = self.regions(&[property.node])?;
                let first_two = (regions.next(), regions.next());
                return Ok(if let (Some(first), Some(second)) = first_two {
                    Some((version, [first, second]))
                } else {
                    None
                });
            }
        }
        Ok(None)
    }
}

/// Reads a register by an instruction that Xen can emulate.
///
/// # Safety
///
/// It is there.
unsafe fn read(address: usize) -> u32 {
    let value;
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(target_arch = "aarch64")]
        asm!("ldr {:w}, [{}]", out(reg) value, in(reg) address, options(nostack));
        #[cfg(target_arch = "arm")]
        asm!("ldr {}, [{}]", out(reg) value, in(reg) address, options(nostack));
    }
    value
}

/// Writes a register by an instruction that Xen can emulate.
///
/// # Safety
///
/// It is there, and the value does what the caller thinks.
unsafe fn write(address: usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(target_arch = "aarch64")]
        asm!("str {:w}, [{}]", in(reg) value, in(reg) address, options(nostack));
        #[cfg(target_arch = "arm")]
        asm!("str {}, [{}]", in(reg) value, in(reg) address, options(nostack));
    }
}

/// As [`write`], a byte.
///
/// # Safety
///
/// As [`write`].
unsafe fn write_byte(address: usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(target_arch = "aarch64")]
        asm!("strb {:w}, [{}]", in(reg) value, in(reg) address, options(nostack));
        #[cfg(target_arch = "arm")]
        asm!("strb {}, [{}]", in(reg) value, in(reg) address, options(nostack));
    }
}

/// The CPU interface of version 3, and the processor's number.
#[cfg(target_arch = "aarch64")]
mod cpu {
    use core::arch::asm;

    /// # Safety
    ///
    /// The GIC has version 3.
    pub(super) unsafe fn start() {
        // SAFETY: ICC_SRE_EL1, ICC_PMR_EL1 and ICC_IGRPEN1_EL1 of this vCPU.
        unsafe {
            asm!(
                "mrs {value}, s3_0_c12_c12_5",
                "orr {value}, {value}, #1",
                "msr s3_0_c12_c12_5, {value}",
                "isb",
                "mov {value}, #0xff",
                "msr s3_0_c4_c6_0, {value}",
                "mov {value}, #1",
                "msr s3_0_c12_c12_7, {value}",
                "isb",
                value = out(reg) _,
                options(nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`start`], which was called.
    pub(super) unsafe fn acknowledge() -> usize {
        let intid;
        // SAFETY: reads ICC_IAR1_EL1.
        unsafe { asm!("mrs {}, s3_0_c12_c12_0", "dsb sy", out(reg) intid, options(nostack)) };
        intid
    }

    /// # Safety
    ///
    /// The interrupt was acknowledged.
    pub(super) unsafe fn end(intid: usize) {
        // SAFETY: writes ICC_EOIR1_EL1.
        unsafe { asm!("msr s3_0_c12_c12_1, {}", "isb", in(reg) intid, options(nostack)) };
    }

    /// The affinity in the form of a redistributor's type.
    pub(super) fn affinity() -> usize {
        let value: usize;
        // SAFETY: MPIDR_EL1 can be read.
        unsafe { asm!("mrs {}, mpidr_el1", out(reg) value, options(nomem, nostack)) };
        value & 0xff_ffff | (value >> 32 & 0xff) << 24
    }
}

/// The CPU interface of version 3, and the processor's number.
#[cfg(target_arch = "arm")]
mod cpu {
    use core::arch::asm;

    /// # Safety
    ///
    /// The GIC has version 3.
    pub(super) unsafe fn start() {
        // SAFETY: ICC_SRE, ICC_PMR and ICC_IGRPEN1 of this vCPU.
        unsafe {
            asm!(
                "mrc p15, 0, {value}, c12, c12, 5",
                "orr {value}, {value}, #1",
                "mcr p15, 0, {value}, c12, c12, 5",
                "isb",
                "mov {value}, #0xff",
                "mcr p15, 0, {value}, c4, c6, 0",
                "mov {value}, #1",
                "mcr p15, 0, {value}, c12, c12, 7",
                "isb",
                value = out(reg) _,
                options(nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`start`], which was called.
    pub(super) unsafe fn acknowledge() -> usize {
        let intid;
        // SAFETY: reads ICC_IAR1.
        unsafe { asm!("mrc p15, 0, {}, c12, c12, 0", "dsb", out(reg) intid, options(nostack)) };
        intid
    }

    /// # Safety
    ///
    /// The interrupt was acknowledged.
    pub(super) unsafe fn end(intid: usize) {
        // SAFETY: writes ICC_EOIR1.
        unsafe { asm!("mcr p15, 0, {}, c12, c12, 1", "isb", in(reg) intid, options(nostack)) };
    }

    /// The affinity in the form of a redistributor's type.
    pub(super) fn affinity() -> usize {
        let value: usize;
        // SAFETY: MPIDR can be read.
        unsafe { asm!("mrc p15, 0, {}, c0, c0, 5", out(reg) value, options(nomem, nostack)) };
        value & 0xff_ffff
    }
}
