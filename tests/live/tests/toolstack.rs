//! xen-toolstack, over xen-linux, in a Linux dom0, on x86-64 beside what Xen's own toolstack says: `cargo test -p
//! xen-live --features boot --test toolstack`.

#![cfg(feature = "boot")]

use xen_live::{Arch, Boot, Mode, build_kernel};

/// What our program writes in a Linux dom0, after xl where there is one.
struct Output(Vec<String>);

impl Output {
    fn of(release: &str, arch: Arch) -> Self {
        let mut boot = Boot::new(release, arch, Mode::Linux).without_transcript();
        if arch == Arch::X86_64 {
            boot = boot.toolstack().command("xl info").command("xl list");
        }
        boot = boot.dom0_program("toolstack", "").unwrap();
        if arch == Arch::X86_64 {
            let kernel = build_kernel("templates/kernel", arch).unwrap().join("kernel");
            boot = boot.file("kernel", &kernel);
            boot = boot.dom0_program("create", "--cmdline 'a=1 b' /kernel").unwrap();
            for command in INTERRUPTED {
                boot = boot.command(command);
            }
        }
        let boot = boot.dom0_program("watch_writes", "").unwrap().command("echo through");
        let report = boot.run().unwrap_or_else(|error| panic!("{error}"));
        eprintln!("{release} {arch}: {:.1?}", report.elapsed);
        let lines = report.output.lines().filter(|line| !line.starts_with("(XEN)"));
        Self(lines.map(|line| line.trim_end().to_owned()).collect())
    }

    /// What `xl info` says of `name`.
    #[track_caller]
    fn info(&self, name: &str) -> &str {
        let pairs = self.0.iter().filter_map(|line| line.split_once(':'));
        let mut found = pairs.filter(|(key, _)| key.trim_end() == name).map(|(_, value)| value);
        found.next().unwrap_or_else(|| panic!("no {name} in {:#?}", self.0)).trim()
    }

    /// What the first domain has, as `xl list` says: its memory in MiB and its vCPUs.
    #[track_caller]
    fn first_domain(&self) -> (&str, &str) {
        let line = self.0.iter().find(|line| line.starts_with("Domain-0 "));
        let line = line.unwrap_or_else(|| panic!("no Domain-0 in {:#?}", self.0));
        let mut words = line.split_whitespace().skip(2);
        (words.next().unwrap(), words.next().unwrap())
    }

    /// The lines from the one that begins with `first` to the one that begins with `last`.
    #[track_caller]
    fn between(&self, first: &str, last: &str) -> &[String] {
        let find = |start: &str, from: usize| {
            let found = self.0[from..].iter().position(|line| line.starts_with(start));
            from + found.unwrap_or_else(|| panic!("no {start:?} in {:#?}", self.0))
        };
        let start = find(first, 0);
        &self.0[start..=find(last, start)]
    }

    /// These lines are there, in this order.
    #[track_caller]
    fn expect<S: AsRef<str>>(&self, expected: &[S]) {
        let mut lines = self.0.iter();
        for wanted in expected {
            let wanted = wanted.as_ref();
            assert!(
                lines.any(|line| line == wanted),
                "no {wanted:?} in its place in {:#?}",
                self.0
            );
        }
    }
}

/// The release and its interface versions, and what both architectures say of a machine with one processor.
#[track_caller]
fn check_machine(output: &Output, release: &str, version: &str, interface_versions: &str) {
    assert!(version.starts_with(release), "{version}");
    output.expect(&[
        format!("xen found Xen {version} ({interface_versions})"),
        format!("xen release {release}"),
    ]);
    output.expect(&MACHINE);
    let banner = format!("console banner (XEN) Xen version {version} (");
    assert!(output.0.iter().any(|line| line.starts_with(&banner)), "{:#?}", output.0);
}

/// What xl says too.
#[track_caller]
fn check_with_xl(output: &Output) {
    let info = |name| output.info(name);
    output.expect(&[
        format!("machine cpus {} nodes {}", info("nr_cpus"), info("nr_nodes")),
        format!("machine threads {} cores {}", info("threads_per_core"), info("cores_per_socket")),
        format!("machine memory {}", info("total_memory")),
    ]);
    // Number 6 is that of credit2.
    assert_eq!(info("xen_scheduler"), "credit2");
    let (memory, vcpus) = output.first_domain();
    output.expect(&[
        "dom0 id 0 hvm false running true".to_owned(),
        format!("dom0 vcpus {vcpus} max Some(0)"),
        format!("dom0 memory {memory}"),
        "dom0 address size 64".to_owned(),
    ]);
}

fn check_on_x86(release: &str, interface_versions: &str, lacks: &str, gsi: &str) {
    let output = Output::of(release, Arch::X86_64);
    check_machine(&output, release, output.info("xen_version"), interface_versions);
    check_with_xl(&output);
    let lacks = format!("guest lacking refused: {lacks}: Xen {release} does not have it");
    output.expect(&[&[&*lacks][..], &CREATED, &[gsi], &ACCESS, &CPUPOOL].concat());
    output.expect(&[&CPUPOOL[..], &STATE, &EVENTS, &PAUSE, &MODEL, &END].concat());
    check_create(&output);
    output.expect(&WATCHED_REGISTER);
    output.expect(&["through"]);
}

/// The example `create`: a kernel of ours from its start to its end, one without enough memory, one that is
/// interrupted.
#[track_caller]
fn check_create(output: &Output) {
    let lines = output.between("created d", "left ");
    let hello = "hello from a PVH guest, told \"a=1 b\"";
    let mut lines = lines.iter().map(String::as_str).filter(|line| {
        // What depends on the time.
        !line.contains("seconds after") && !line.starts_with("shared a page")
    });
    for expected in [
        "created d",
        hello,
        "copied 4096 bytes: Ok(\"shared\")",
        "received 1 event",
        "shut down: poweroff",
        "destroyed",
        "create: no memory for guest frame 0x",
        "created d",
        "interrupted",
        "destroyed",
        "left 1",
    ] {
        let line = lines.next().unwrap_or_default();
        assert!(line.starts_with(expected), "{line:?} is not {expected:?} in {:#?}", output.0);
    }
}

#[test]
fn works_with_4_17() {
    let gsi = "guest gsi refused: XEN_DOMCTL_gsi_permission: Xen 4.17 does not have it";
    let lacks = "xen_domctl_createdomain.altp2m_opts";
    check_on_x86("4.17", "domctl 0x15, sysctl 0x15", lacks, gsi);
}

#[test]
fn works_with_4_20() {
    let lacks = "xen_domctl_createdomain.altp2m.nr";
    check_on_x86("4.20", "domctl 0x17, sysctl 0x15", lacks, "guest gsi ()");
}

#[test]
fn works_with_4_20_on_aarch64() {
    let output = Output::of("4.20", Arch::Aarch64);
    let version = output.0.iter().find_map(|line| line.strip_prefix("xen found Xen "));
    let version = version.and_then(|line| line.split(' ').next()).expect("the release");
    check_machine(&output, "4.20", version, "domctl 0x17, sysctl 0x15");
    let own = [
        "dom0 id 0 hvm true running true",
        "dom0 vcpus 1 max Some(0)",
        "dom0 memory 256",
        "dom0 address size refused: XEN_DOMCTL_get_address_size: not implemented (ENOSYS)",
        "guest lacking refused: xen_domctl_createdomain.altp2m.nr: Xen 4.20 does not have it",
    ];
    let gsi = "guest gsi refused: XEN_DOMCTL_gsi_permission: not implemented (ENOSYS)";
    output.expect(&[&own[..], &CREATED, &[gsi], &CPUPOOL, &EVENTS, &PAUSE, &END].concat());
    output.expect(&NOT_WATCHED);
    output.expect(&["through"]);
}

const MACHINE: [&str; 16] = [
    "machine free true",
    "machine scheduler 6",
    "machine topology has 1",
    "machine idle 1",
    "machine nodes has 1",
    "machine node of 1 has free memory true",
    "machine cpupool Some(CpuPoolInfo { id: 0, scheduler: 6, domains: 1 })",
    "machine cpupool has cpus 0b1",
    "machine cpupool after it None",
    "console key true",
    "console once true",
    "dom0 of 1",
    "dom0 same true",
    "dom0 vcpu online 1",
    "dom0 pause refused: XEN_DOMCTL_pausedomain: invalid argument (EINVAL)",
    "dom0 destroy refused: XEN_DOMCTL_destroydomain: invalid argument (EINVAL)",
];

/// A guest for which the machine has not enough memory, and one whose program is interrupted. After that there
/// is the first domain.
const INTERRUPTED: [&str; 3] = [
    "! /programs/create --memory 1000 /kernel 2>&1",
    "/programs/create --paused /kernel & sleep 3; kill -INT $!; wait $!",
    "echo left $(xl list | tail -n +2 | wc -l)",
];

/// A domain, and what it may have.
const CREATED: [&str; 21] = [
    "guest of too many vcpus refused: XEN_DOMCTL_createdomain: invalid argument (EINVAL)",
    "guest created true",
    "guest of the same id refused: XEN_DOMCTL_createdomain: exists already (EEXIST)",
    "guest listed as it is true",
    "guest paused true hvm true dying false",
    "guest handle true",
    "guest vcpus None pages 0",
    "guest one vcpu refused: XEN_DOMCTL_max_vcpus: invalid argument (EINVAL)",
    "guest two vcpus ()",
    "guest vcpus Some(1)",
    "guest vcpu online 0",
    "guest third vcpu refused: XEN_DOMCTL_getvcpuinfo: invalid argument (EINVAL)",
    "guest pages at most 1024",
    "guest pool ()",
    "guest pool size 4194304",
    // Of eight more than it may have.
    "guest populated 1024",
    "guest pages 1024",
    "guest new handle true",
    "guest scheduler Credit2 { weight: 256, cap: 0 }",
    "guest other scheduler refused: XEN_DOMCTL_scheduler_op: invalid argument (EINVAL)",
    "guest scheduler set true",
];

/// What it may use of the machine, on x86.
const ACCESS: [&str; 2] = [
    "guest interrupt refused: XEN_DOMCTL_irq_permission: invalid argument (EINVAL)",
    "guest memory of devices ()",
];

/// A cpupool without a processor.
const CPUPOOL: [&str; 3] = [
    "guest cpupool 1 of 0 domains",
    "guest moved refused: XEN_SYSCTL_cpupool_op: no such entry (ENOENT)",
    "guest cpupool destroyed ()",
];

/// What x86 has of its state.
const STATE: [&str; 9] = [
    "guest state too long refused: XEN_DOMCTL_gethvmcontext: no space left (ENOSPC)",
    "guest state true",
    "guest state restored ()",
    "guest clock 1",
    "guest address size refused: XEN_DOMCTL_get_address_size: not supported (EOPNOTSUPP)",
    "guest log ()",
    "guest log again refused: XEN_DOMCTL_shadow_op: invalid argument (EINVAL)",
    "guest log of 1024",
    "guest log ended ()",
];

/// What a monitor may be told of.
const EVENTS: [&str; 12] = [
    "guest events true",
    "guest event ()",
    "guest event again refused: XEN_DOMCTL_monitor_op: exists already (EEXIST)",
    "guest event off ()",
    "monitor without a ring refused: XEN_DOMCTL_vm_event_op: not supported (EOPNOTSUPP)",
    "monitor off refused: XEN_DOMCTL_vm_event_op: invalid argument (EINVAL)",
    "monitor resumed refused: XEN_DOMCTL_vm_event_op: device does not exist (ENODEV)",
    "monitor has a port true",
    "monitor again refused: XEN_DOMCTL_vm_event_op: in use (EBUSY)",
    "monitor is bound",
    "monitor resumed ()",
    "monitor off ()",
];

/// AMD's processors, of which the emulated one is, cannot restrict pages: the write to a register is seen.
const WATCHED_REGISTER: [&str; 4] = [
    "writes cannot be watched: XENMEM_access_op: invalid argument (EINVAL)",
    "the page holds 0",
    "vCPU 0: control register 0 was 0x11 and becomes 0x31",
    "the guest has shut down, and the page holds 3",
];

/// Debian's hypervisors for Arm are built without what restricts pages; `cargo xtask live --from-source` builds
/// one that does, and boots it.
const NOT_WATCHED: [&str; 2] = [
    "writes cannot be watched: XENMEM_access_op: not implemented (ENOSYS)",
    "the guest has shut down, and the page holds 3",
];

/// A new domain is paused once.
const PAUSE: [&str; 5] = [
    "guest unpaused ()",
    "guest paused false",
    "guest unpaused again refused: XEN_DOMCTL_unpausedomain: invalid argument (EINVAL)",
    "guest pause ()",
    "guest paused true",
];

/// Its vCPU's accesses to ports, which an I/O request server answers.
const MODEL: [&str; 12] = [
    "vcpu before refused: XEN_DOMCTL_getvcpucontext: no data (ENODATA)",
    "model has a port for its ring true",
    "model has a ring true",
    "model range again true",
    "model read 0x510 size 4",
    "model write 0x514 size 4",
    "model written 0xcafef00d",
    "guest shut down Some(0)",
    "guest has read 0xcafef00d",
    "vcpu after refused: XEN_DOMCTL_getvcpucontext: no data (ENODATA)",
    "vcpu has run true",
    "model destroyed",
];

const END: [&str; 4] = [
    "guest destroyed ()",
    "guest listed false",
    "guest info refused: XEN_DOMCTL_getdomaininfo: no such domain (ESRCH)",
    "guest destroyed again refused: XEN_DOMCTL_destroydomain: no such domain (ESRCH)",
];
