//! Kernels, the layout of guests, and what a failure leaves.

#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

extern crate std;

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::string::ToString as _;
use std::vec;
use std::vec::Vec;

use xen_abi::Errno;
use xen_abi::domctl::{XEN_DOMCTL_createdomain, XEN_DOMCTL_destroydomain, xen_domctl};
use xen_abi::errno::{XEN_EINVAL, XEN_ENOMEM};
use xen_abi::memory::XENMEM_populate_physmap;
use xen_abi::xen::{
    __HYPERVISOR_domctl, __HYPERVISOR_memory_op, __HYPERVISOR_sysctl, __HYPERVISOR_xen_version,
};
use xen_guest::start_info::{HvmStartInfo, Range as Memory};

use super::*;
use crate::Release;

const ID: u16 = 7;

/// A program header as the file has it: kind, offset, address, bytes in the file and in memory.
type Header = (u32, u64, u64, u64, u64);

const LOAD: u32 = 1;
const NOTE: u32 = 4;

/// Where the content of [`elf`] begins: after 66 headers and more.
const CONTENT: u64 = 0x1000;

/// An ELF file for x86-64 with these headers and, from [`CONTENT`] on, these bytes.
fn elf(headers: &[Header], content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut put = |bytes: &[u8]| file.extend_from_slice(bytes);
    put(&[2, 0, 62, 0, 1, 0, 0, 0]);
    put(&0_u64.to_le_bytes());
    put(&64_u64.to_le_bytes());
    put(&0_u64.to_le_bytes());
    put(&0_u32.to_le_bytes());
    let count = u16::try_from(headers.len()).unwrap();
    for half in [64, 56, count, 64, 0, 0] {
        put(&half.to_le_bytes());
    }
    for (kind, offset, address, filesz, memsz) in headers {
        put(&kind.to_le_bytes());
        put(&7_u32.to_le_bytes());
        // The virtual address is another one, and of no importance.
        for word in [*offset, address.wrapping_add(0x10_0000_0000), *address, *filesz, *memsz, 4] {
            put(&word.to_le_bytes());
        }
    }
    file.resize(file.len().max(CONTENT as usize), 0);
    file.extend_from_slice(content);
    file
}

/// Xen's note of the entry point.
fn note(entry: &[u8]) -> Vec<u8> {
    let mut note = Vec::new();
    for word in [4, u32::try_from(entry.len()).unwrap(), 18] {
        note.extend_from_slice(&word.to_le_bytes());
    }
    note.extend_from_slice(b"Xen\0");
    note.extend_from_slice(entry);
    note
}

/// Two segments, of which the second has zeros, and an entry point in the first.
fn good() -> Vec<u8> {
    let mut content = note(&0x10_0010_u32.to_le_bytes());
    let length = content.len() as u64;
    content.extend_from_slice(&[0xaa; 0x40]);
    elf(
        &[
            (NOTE, CONTENT, 0, length, length),
            (LOAD, CONTENT + length, 0x10_0000, 0x20, 0x20),
            (LOAD, CONTENT + length + 0x20, 0x10_1000, 0x20, 0x2345),
        ],
        &content,
    )
}

/// The file with other load headers.
fn with(loads: &[Header]) -> Vec<u8> {
    let content = note(&0x10_0010_u32.to_le_bytes());
    let length = content.len() as u64;
    let mut headers = vec![(NOTE, CONTENT, 0, length, length)];
    headers.extend_from_slice(loads);
    elf(&headers, &content)
}

#[test]
fn a_kernel_is_read() {
    let file = good();
    // At any alignment.
    for shift in 0..2 {
        let mut moved = vec![0; shift];
        moved.extend_from_slice(&file);
        let kernel = PvhKernel::parse(&moved[shift..]).unwrap();
        assert_eq!((kernel.entry(), kernel.end()), (0x10_0010, 0x10_3345));
        let found: Vec<_> = kernel
            .segments()
            .map(|segment| (segment.address, segment.size, segment.content.len()))
            .collect();
        assert_eq!(found, [(0x10_0000, 0x20, 0x20), (0x10_1000, 0x2345, 0x20)]);
    }
}

#[test]
fn what_is_no_kernel_is_refused_by_its_reason() {
    let parse = |file: &[u8]| PvhKernel::parse(file).unwrap_err();
    assert_eq!(parse(b""), KernelError::NotElf64);
    assert_eq!(parse(b"\x7fELF\x01"), KernelError::NotElf64);
    let mut arm = good();
    arm[18] = 183;
    assert_eq!(parse(&arm), KernelError::Machine(183));
    let mut big = good();
    big[5] = 2;
    assert!(matches!(parse(&big), KernelError::Broken(_)));
    let load = (LOAD, CONTENT, 0x10_0000, 4, 0x20);
    assert_eq!(parse(&elf(&[load], &[0; 64])), KernelError::NoEntry);
    let outside = KernelError::EntryOutside { entry: 0x10_0010 };
    assert_eq!(parse(&with(&[(LOAD, CONTENT, 0x20_0000, 4, 0x20)])), outside);
    let overlap = with(&[load, (LOAD, CONTENT, 0x10_001f, 4, 8)]);
    assert_eq!(parse(&overlap), KernelError::Overlap { first: 0x10_0000, second: 0x10_001f });
    let many = vec![(LOAD, CONTENT, 0x10_0000, 0, 0); 65];
    assert_eq!(parse(&with(&many)), KernelError::TooManySegments);
    for (header, words) in [
        ((LOAD, CONTENT, 0x10_0000, 8, 4), "in the file than in memory"),
        ((LOAD, CONTENT, 0x10_0000, 0x1000, 0x1000), "outside the file"),
        ((LOAD, u64::MAX, 0x10_0000, 8, 8), "outside the file"),
        ((LOAD, CONTENT, u64::MAX - 1, 4, 4), "beyond 64-bit addresses"),
    ] {
        let error = parse(&with(&[header])).to_string();
        assert!(error.contains(words), "{error}");
    }
    for (value, length) in [(&[0; 6][..], 4), (&[0, 0, 0, 0, 1, 0, 0, 0][..], 8)] {
        let content = note(value);
        let note = (NOTE, CONTENT, 0, 16 + length, 16 + length);
        let error = parse(&elf(&[note, load], &content));
        assert!(matches!(error, KernelError::Broken(_)), "{error}");
    }
}

#[test]
fn a_truncated_kernel_is_refused_and_nothing_panics() {
    let file = good();
    for length in 0..file.len() {
        assert!(PvhKernel::parse(&file[..length]).is_err(), "{length}");
    }
    // Every byte changed: an error or another kernel.
    for at in 0..file.len() {
        for value in [0, 0x7f, 0x80, 0xff] {
            let mut changed = file.clone();
            changed[at] = value;
            if let Ok(kernel) = PvhKernel::parse(&changed) {
                let guest = PvhGuest::new(kernel);
                let _ = Layout::new(&guest);
            }
        }
    }
}

#[test]
fn memory_is_split_below_4_gib() {
    let file = good();
    let guest = PvhGuest::new(PvhKernel::parse(&file).unwrap());
    let layout = |memory| Layout::new(&PvhGuest { memory, ..guest });
    let small = layout(32 << 20).unwrap();
    assert_eq!(small.ram(), [0..0x2000, 0x10_0000..0x10_0000]);
    assert_eq!(small.memory_map().count(), 2);
    let large = layout(6 << 30).unwrap();
    assert_eq!(large.ram(), [0..0xf_0000, 0x10_0000..0x19_0000]);
    assert_eq!(large.memory_map().last(), Some((1 << 32, 0x9000_0000, 1)));
    assert_eq!(layout(4097), Err(BuildError::MemorySize { memory: 4097 }));
    let memory = 1 << 46;
    assert_eq!(layout(memory), Err(BuildError::MemorySize { memory }));
    // The kernel ends at 0x103345, and its start information takes a page.
    assert!(layout(0x10_5000).is_ok());
    let (needed, memory) = (0x10_5000, 0x10_4000);
    assert_eq!(layout(memory), Err(BuildError::DoesNotFit { needed, memory }));
}

#[test]
fn command_lines_end_where_they_end() {
    let file = good();
    let guest = PvhGuest::new(PvhKernel::parse(&file).unwrap());
    let zero = PvhGuest { command_line: "a\0b", ..guest };
    assert_eq!(Layout::new(&zero), Err(BuildError::Zero));
    let modules = [Module { content: &[], command_line: "\0" }];
    assert_eq!(Layout::new(&PvhGuest { modules: &modules, ..guest }), Err(BuildError::Zero));
    let modules = [Module { content: &[], command_line: "" }; MAX_MODULES + 1];
    let modules = PvhGuest { modules: &modules, ..guest };
    assert_eq!(Layout::new(&modules), Err(BuildError::TooManyModules { modules: MAX_MODULES + 1 }));
}

/// A hypervisor of one release, and the memory of the domain that it creates.
#[derive(Debug)]
struct Machine {
    /// What was called: the hypercall and the command.
    calls: RefCell<Vec<(u32, u32)>>,
    /// Which call fails, counted from the creation of the domain on.
    fails: Option<usize>,
    made: Cell<Option<usize>>,
    lives: Cell<bool>,
    memory: RefCell<Box<[u8]>>,
    special: RefCell<BTreeMap<u64, Vec<u8>>>,
    grants: RefCell<Vec<(usize, Vec<u8>)>>,
}

impl Machine {
    fn new(fails: Option<usize>) -> Self {
        Self {
            calls: RefCell::default(),
            fails,
            made: Cell::new(None),
            lives: Cell::new(false),
            memory: RefCell::new(vec![0xcc; 4 << 20].into()),
            special: RefCell::default(),
            grants: RefCell::default(),
        }
    }

    /// Whether this operation on the domain is the one that fails.
    fn is_failing(&self) -> bool {
        let Some(count) = self.made.get() else { return false };
        self.made.set(Some(count + 1));
        self.fails == Some(count)
    }
}

// SAFETY: reads and writes arguments only, as the hypercalls it stands for.
#[allow(unsafe_code, reason = "plays the hypervisor")]
unsafe impl Hypercall for Machine {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let release = Release::V4_20;
        match number {
            __HYPERVISOR_xen_version if arguments[0] == 0 => {
                let (major, minor) = release.number();
                return (isize::from(major as i16) << 16) | isize::from(minor as i16);
            }
            __HYPERVISOR_xen_version | __HYPERVISOR_sysctl => return 0,
            _ => {}
        }
        if number != __HYPERVISOR_domctl {
            self.calls.borrow_mut().push((number, arguments[0] as u32));
            let is_populating = number == __HYPERVISOR_memory_op
                && arguments[0] & 0x3f == XENMEM_populate_physmap as usize;
            if self.is_failing() {
                return if is_populating { 0 } else { -isize::try_from(XEN_ENOMEM.0).unwrap() };
            }
            if !is_populating {
                return 0;
            }
            // As many as it is asked for: the second word of the reservation.
            let at = core::ptr::with_exposed_provenance::<usize>(arguments[1]);
            // SAFETY: the caller passes the address of a reservation.
            let asked = unsafe { at.add(1).read() };
            return isize::try_from(asked).unwrap();
        }
        // SAFETY: the caller passes the address of a domctl.
        let op =
            unsafe { &mut *core::ptr::with_exposed_provenance_mut::<xen_domctl>(arguments[0]) };
        if op.interface_version != release.versions().domctl {
            return -13;
        }
        self.calls.borrow_mut().push((number, op.cmd));
        match op.cmd {
            XEN_DOMCTL_createdomain => {
                op.domain = domid_t(ID);
                self.made.set(Some(0));
                self.lives.set(true);
            }
            XEN_DOMCTL_destroydomain => {
                assert_eq!(op.domain, domid_t(ID));
                assert!(self.lives.replace(false), "destroyed once");
            }
            _ if self.is_failing() => return -isize::try_from(XEN_EINVAL.0).unwrap(),
            _ => {}
        }
        0
    }
}

impl ForeignMemory for Machine {
    fn write(&self, domain: DomainId, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        assert_eq!(domain.domid(), domid_t(ID));
        if self.is_failing() {
            return Err(XEN_ENOMEM);
        }
        if address >= 0xf000_0000 {
            self.special.borrow_mut().insert(address, bytes.to_vec());
            return Ok(());
        }
        let start = usize::try_from(address).unwrap();
        self.memory.borrow_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn write_resource(
        &self,
        _: DomainId,
        resource: Resource,
        frame: u32,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        assert_eq!((resource, frame), (Resource::GrantTable { status: false }, 0));
        if self.is_failing() {
            return Err(XEN_EINVAL);
        }
        self.grants.borrow_mut().push((offset, bytes.to_vec()));
        Ok(())
    }
}

fn build(machine: &Machine) -> Result<(), BuildError> {
    let file = good();
    let modules = [
        Module { content: &[1; 5000], command_line: "first" },
        Module { content: &[2; 10], command_line: "" },
    ];
    let guest = PvhGuest {
        memory: 4 << 20,
        command_line: "a=1 b",
        modules: &modules,
        ..PvhGuest::new(PvhKernel::parse(&file).unwrap())
    };
    let toolstack = Toolstack::detect(machine).unwrap();
    let _ = toolstack.build(machine, &guest)?.domain.keep();
    Ok(())
}

/// What xen-guest reads is what was asked for.
#[test]
fn a_guest_finds_its_start_information() {
    let machine = Machine::new(None);
    build(&machine).unwrap();
    assert!(machine.lives.get());
    let memory = machine.memory.borrow();
    assert_eq!(memory[0x10_0000..0x10_0020], [0xaa; 0x20]);
    assert_eq!(memory[0x10_1000..0x10_1020], [0xaa; 0x20]);
    assert!(memory[0x10_1020..0x10_3345].iter().all(|byte| *byte == 0));
    assert_eq!(memory[0x10_3345], 0xcc, "after the kernel");

    let info = HvmStartInfo::read(Memory { address: 0, bytes: &memory }, 0x10_4000).unwrap();
    assert_eq!((info.version(), info.command_line()), (1, "a=1 b"));
    let modules: Vec<_> =
        info.modules().map(|module| (module.address, module.length, module.command_line)).collect();
    assert_eq!(modules, [(0x10_5000, 5000, "first"), (0x10_7000, 10, "")]);
    assert_eq!(memory[0x10_5000..0x10_5000 + 5000], [1; 5000]);
    assert_eq!(memory[0x10_7000..0x10_700a], [2; 10]);
    let map: Vec<_> =
        info.memory_map().map(|range| (range.address, range.length, range.kind)).collect();
    assert_eq!(map, [(0, 4 << 20, 1), (0xfeff_8000, 0x8000, 2)]);

    let special = machine.special.borrow();
    let pages: Vec<_> = special.keys().copied().collect();
    assert_eq!(pages, [0xfeff_c000, 0xfeff_e000, 0xfeff_f000]);
    assert_eq!(special[&0xfeff_e000][4..8], 0x0040_00e7_u32.to_le_bytes());
    let entry = |frame: u32| [&1_u16.to_le_bytes()[..], &[0, 0], &frame.to_le_bytes()].concat();
    let grants = [(0, entry(0xf_efff)), (8, entry(0xf_effc))];
    assert_eq!(machine.grants.borrow()[..], grants);
}

#[test]
fn a_vcpu_starts_at_the_entry_point_with_the_start_information() {
    let file = good();
    let guest = PvhGuest::new(PvhKernel::parse(&file).unwrap());
    let context = entry(&guest, 0x10_4000);
    #[cfg(target_arch = "x86_64")]
    {
        let registers = &context.user_regs;
        let found = (*registers.rip.rip(), *registers.rbx.rbx(), *registers.rflags.rflags());
        assert_eq!(found, (0x10_0010, 0x10_4000, 2));
    }
    assert_eq!(u64::from(context.flags), u64::from(VGCF_online));
}

/// Each operation fails in turn: the domain is destroyed, unless there is another way.
#[test]
fn an_interrupted_creation_leaves_no_domain() {
    let whole = Machine::new(None);
    build(&whole).unwrap();
    let operations = whole.made.get().unwrap();
    let mut recovered = 0;
    for failing in 0..operations {
        let machine = Machine::new(Some(failing));
        match build(&machine) {
            Ok(()) => recovered += 1,
            Err(error) => {
                assert!(!machine.lives.get(), "after failure {failing}: {error}");
                let last = machine.calls.borrow().last().copied();
                assert_eq!(last, Some((__HYPERVISOR_domctl, XEN_DOMCTL_destroydomain)));
            }
        }
    }
    // Where Xen has no large extent, it is asked for single frames.
    assert_eq!(recovered, 1);
    assert_eq!(operations, 37);
}

/// What can be checked before there is a domain is checked then.
#[test]
fn a_guest_that_cannot_be_built_makes_no_hypercall() {
    let machine = Machine::new(None);
    let file = good();
    let guest = PvhGuest::new(PvhKernel::parse(&file).unwrap());
    let toolstack = Toolstack::detect(&machine).unwrap();
    let calls = machine.calls.borrow().len();
    let error = toolstack.build(&&machine, &PvhGuest { memory: 0, ..guest }).unwrap_err();
    assert!(matches!(error, BuildError::DoesNotFit { .. }), "{error}");
    assert_eq!(machine.calls.borrow().len(), calls);
}
