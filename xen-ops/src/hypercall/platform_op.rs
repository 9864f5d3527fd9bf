//! `XENPF_*`: the machine, for the hardware domain's kernel and tools.
//!
//! Each operation needs a control domain, else `EPERM`. Arm has [`settime64`] only.
//!
//! Upstream: `xen/include/public/platform.h`.

use xen_abi::platform::*;
use xen_abi::xen::__HYPERVISOR_platform_op;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::xen::{dom0_vga_console_info, xen_pfn_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_platform_op(argument);
    structure xen_platform_op {
        cmd: command,
        interface_version = XENPF_INTERFACE_VERSION,
        u: union xen_platform_op_u,
    }
    commands XENPF_*;
    callers pv, hvm, arm, control as OPERATIONS;

    /// Sets the wall clock: `secs` seconds and `nsecs` nanoseconds after the epoch when the system time is
    /// `system_time`, in nanoseconds. Before 2106; [`settime64`] has no such limit.
    single settime32 on x86 {
        in secs: u32,
        in nsecs: u32,
        in system_time: u64,
    } -> errno;

    /// Sets the wall clock: `secs` seconds and `nsecs` nanoseconds after the epoch when the system time is
    /// `system_time`, in nanoseconds.
    single settime64 {
        in secs: u64,
        in nsecs: u32,
        in system_time: u64,
    } -> errno;

    /// Gives the machine frames from `mfn` on a memory type, in a memory type range register of its own.
    ///
    /// # Errors
    ///
    /// `EINVAL` (a number of frames or a type that the processor does not have), `ENXIO` (the processor has
    /// no such registers), `ENOSPC` (none is free).
    ///
    /// # Safety
    ///
    /// Nothing relies on the cacheability that the frames have.
    unsafe single add_memtype on x86 {
        in mfn: xen_pfn_t,
        in nr_mfns: u64,
        in type_: u32,
        out handle: u32,
        out reg: u32,
    } -> errno;

    /// Frees a memory type range register. `handle` is 0.
    ///
    /// # Errors
    ///
    /// `EINVAL` (another `handle`, or a register that is not in use or does not exist), `ENXIO` (the processor
    /// has no such registers).
    ///
    /// # Safety
    ///
    /// Nothing relies on the cacheability that the frames have.
    unsafe single del_memtype on x86 {
        in handle: u32,
        in reg: u32,
    } -> errno;

    /// What a memory type range register says.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the processor has no register `reg`.
    single read_memtype on x86 {
        in reg: u32,
        out mfn: xen_pfn_t,
        out nr_mfns: u64,
        out type_: u32,
    } -> errno;

    /// Loads microcode into all processors.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` from 4.21 on (Xen was built without that), `E2BIG` (more than 4 GiB), `ENODEV` (the
    /// processor takes none), `EINVAL` (it is not microcode), `ENOENT` (none of it is for this processor),
    /// `EEXIST` (it is not newer), `ENOMEM`, `EBUSY` (processors are being taken online or offline), `EIO`
    /// (the processor refused it).
    single microcode_update: microcode on x86 {
        in data: [u8] counted by length untyped,
    } -> errno;

    /// [`microcode_update`] with `flags`: [`XENPF_UCODE_FORCE`] or 0. Since 4.19.
    ///
    /// # Errors
    ///
    /// As [`microcode_update`], and `EINVAL` for other `flags`.
    single microcode_update2: microcode2 on x86 {
        in flags: u32,
        in data: [u8] counted by length untyped,
    } -> errno;

    /// Tells Xen about a defect of the machine (`QUIRK_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such defect.
    single platform_quirk on x86 {
        in quirk_id: u32,
    } -> errno;

    /// Calls a runtime service of EFI (`XEN_EFI_*`), and returns the argument as the service left it. EFI's
    /// own status is in its member `status`.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` or `ENOSYS` (Xen was not started by EFI, or EFI has no such service), `EINVAL` (no such
    /// service, or an argument that cannot be right), `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Handles in the argument are to memory of the sizes beside them, which Xen may write.
    unsafe single efi_runtime_call on x86 (inout call: xenpf_efi_runtime_call) -> errno;

    /// What the firmware told Xen (`XEN_FW_*`) when it started.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such `type_`; with `XEN_FW_EFI_INFO` no such `index`), `ESRCH` (there is no information
    /// of that index), `ENODEV` or `ENOSYS` (Xen was not started by EFI), `EOVERFLOW` (a buffer too small).
    ///
    /// # Safety
    ///
    /// Handles in the argument are to memory that Xen may write: of 128 bytes for `edid`, else of the size
    /// that is beside it or in its first two bytes.
    unsafe single firmware_info on x86 (inout info: xenpf_firmware_info) -> errno;

    /// Puts the machine to sleep, or turns it off.
    ///
    /// # Errors
    ///
    /// `EPERM` (a state that ACPI did not say it has), `EINVAL` (no such state, or flags other than
    /// [`XENPF_ACPI_SLEEP_EXTENDED`]), `EBUSY` (the machine goes to sleep already).
    single enter_acpi_sleep on x86 {
        in val_a: u16,
        in val_b: u16,
        in sleep_state: u32,
        in flags: u32,
    } -> errno;

    /// Tells Xen that the frequency of a physical CPU is now `freq` Hz.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ENOSYS` (the hardware domain does not control frequencies), `EINVAL`
    /// (`flags` that are not 0, or a CPU that is not online).
    single change_freq on x86 {
        in flags: u32,
        in cpu: u32,
        in freq: u64,
    } -> errno;

    /// How long physical CPUs have been idle, in nanoseconds, and when that was. A bit of the map that is set
    /// asks for a CPU, and stays set if there is an answer.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ENOSYS` (the hardware domain does not control frequencies), `ENOMEM`.
    ///
    /// # Safety
    ///
    /// The handles are to `cpumap_nr_cpus` bits and to as many times, which Xen may write.
    unsafe single getidletime on x86 (inout times: xenpf_getidletime) -> errno;

    /// Gives Xen what ACPI says about the power management of a processor (`XEN_PM_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such `type_` or processor, or information that cannot be right), `ENOSYS` (Xen does not
    /// control that), `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Handles in the argument are to lists of as many elements as the counts beside them say.
    unsafe single set_processor_pminfo: set_pminfo on x86 (
        in info: xenpf_set_processor_pminfo
    ) -> errno;

    /// A physical CPU: its numbers in the APIC and in ACPI, and `XEN_PCPU_FLAGS_*`.
    ///
    /// # Errors
    ///
    /// `EBUSY`: CPUs are being taken online or offline.
    single get_cpuinfo: pcpu_info on x86 {
        in xen_cpuid: u32,
        out max_present: u32,
        out flags: PcpuFlags,
        out apic_id: u32,
        out acpi_id: u32,
    } -> errno;

    /// The model of a physical CPU; all zero for one that is not online.
    ///
    /// # Errors
    ///
    /// As [`get_cpuinfo()`].
    single get_cpu_version: pcpu_version on x86 {
        in xen_cpuid: u32,
        out max_present: u32,
        out vendor_id: [u8; 12],
        out family: u32,
        out model: u32,
        out stepping: u32,
    } -> errno;

    /// Takes a physical CPU online.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such CPU, or the time stamp counter is Xen's clock), `EBUSY`, `EIO` (it does not start).
    single cpu_online: cpu_ol on x86 {
        in cpuid: u32,
    } -> errno;

    /// Takes a physical CPU offline.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EOPNOTSUPP` (CPU 0), `EINVAL` (no such CPU), `EBUSY` (it cannot be
    /// spared).
    single cpu_offline: cpu_ol on x86 {
        in cpuid: u32,
    } -> errno;

    /// Adds a processor that was plugged in, and returns the number that it has for Xen.
    ///
    /// # Errors
    ///
    /// `EINVAL` (numbers that cannot be right), `EEXIST` (Xen has that processor), `ENOSPC`, `EBUSY` (CPUs are
    /// being taken online or offline).
    single cpu_hotadd: cpu_add on x86 {
        in apic_id: u32,
        in acpi_id: u32,
        in pxm: u32,
    } -> value;

    /// Adds memory that was plugged in: the frames from `spfn` up to `epfn`, the last not included.
    ///
    /// # Errors
    ///
    /// `EINVAL` (frames that cannot be right), `ENOMEM`, `EEXIST`, `EOPNOTSUPP` or `ENOSYS` (Xen cannot do
    /// that here).
    ///
    /// # Safety
    ///
    /// The frames are memory, and nothing uses them.
    unsafe single mem_hotadd: mem_add on x86 {
        in spfn: u64,
        in epfn: u64,
        in pxm: u32,
    } -> errno;

    /// Leaves `idle_nums` physical CPUs idle; one at least is not.
    ///
    /// # Errors
    ///
    /// `EINVAL`, `EBUSY`: CPUs that cannot be spared.
    single core_parking_set = XENPF_core_parking: core_parking on x86 {
        type_ = XEN_CORE_PARKING_SET,
        in idle_nums: u32,
    } -> errno;

    /// How many physical CPUs [`core_parking_set`] leaves idle.
    single core_parking_get = XENPF_core_parking: core_parking on x86 {
        type_ = XEN_CORE_PARKING_GET,
        out idle_nums: u32,
    } -> errno;

    /// Reads and writes model specific registers of a physical CPU, at most three: `XEN_RESOURCE_OP_*`. Returns
    /// how many were done; the entry after those says why it was not.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (more than three), `ENOMEM`, `ENODEV` (the CPU is not online).
    ///
    /// # Safety
    ///
    /// Nothing relies on what a write changes.
    ///
    /// # Examples
    ///
    /// Registers of several CPUs in one hypercall, as libxc reads them in `xc_resource_op`:
    ///
    /// ```
    /// use xen_ops::hypercall::multicall::for_each;
    /// use xen_ops::hypercall::{Hypercall, platform_op};
    /// use xen_ops::xen_abi::platform::xenpf_resource_entry;
    ///
    /// /// Reads a register of each CPU, and returns of how many it could.
    /// fn read(xen: &impl Hypercall, register: u64, entries: &mut [xenpf_resource_entry]) -> usize {
    ///     let mut cpus: Vec<_> = (0..).zip(entries).collect();
    ///     let mut count = 0;
    ///     for_each::<16, _, _, _>(
    ///         xen,
    ///         &mut cpus,
    ///         |xen, (cpu, entry)| {
    ///             // The command 0 reads.
    ///             **entry = xenpf_resource_entry::ZERO;
    ///             entry.idx = register.into();
    ///             // SAFETY: nothing is written.
    ///             unsafe { platform_op::resource_op(xen, *cpu, core::slice::from_mut(*entry)) }
    ///         },
    ///         |_, done| count += usize::from(done == Ok(Ok(1))),
    ///     );
    ///     count
    /// }
    /// # // The simulator has no registers.
    /// # let machine = xen_sim::Xen::new();
    /// # let xen = machine.domain(xen_sim::DomainConfig::new(xen_sim::GuestKind::Pv))?;
    /// # assert_eq!(read(&xen, 0x10, &mut [xenpf_resource_entry::ZERO; 3]), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    unsafe single resource_op on x86 {
        in cpu: u32,
        inout entries: [xenpf_resource_entry_t] counted by nr_entries,
    } -> value;

    /// The symbol of number `symnum` in Xen's image, and the number of the next. `name` has what fits of the
    /// name and the 0 byte after it; `namelen` is the length of both.
    ///
    /// # Errors
    ///
    /// `ERANGE`: no symbol has that number.
    single get_symbol: symdata on x86 {
        out namelen: u32,
        inout symnum: u32,
        out name: [u8] counted by namelen,
        out address: u64,
        out type_: u8,
    } -> errno;

    /// The console of the machine's screen, and how many bytes of the structure Xen has filled. Since 4.18.
    ///
    /// # Errors
    ///
    /// `ENODEV`: there is no screen that Xen knows.
    single get_dom0_console: dom0_console on x86 (
        out info: dom0_vga_console_info
    ) -> value_and_out;

    /// The microcode that a physical CPU has. Since 4.18.
    ///
    /// # Errors
    ///
    /// `EBUSY` (CPUs are being taken online or offline), `ENOENT` (the CPU is not online).
    single get_ucode_revision: ucode_revision on x86 {
        in cpu: u32,
        out signature: u32,
        out pf: u32,
        out revision: u32,
    } -> errno;
}
