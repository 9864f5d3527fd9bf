//! Several vCPUs: an event goes round, each vCPU sleeps until an upcall brings it, and all of them use one grant
//! table at once. Meanwhile they ring each other's bells, ports of the same words, whose events no other vCPU may take.

#![allow(unsafe_code, reason = "upcalls, and data that all vCPUs share")]

use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use xen_abi::event_channel::evtchn_port_t;
use xen_guest::backend::Backend;
use xen_guest::upcall::{Delivery, Upcalls};
use xen_guest::{GrantFrames, Guest, GuestPage, PagePool, SharedInfo, println};
use xen_ops::events::{Port, PortVcpus, TwoLevel};
use xen_ops::gnttab::{PerCpuRefs, Storage, copy};
use xen_ops::hypercall::event_channel_op;
use xen_ops::{DomainId, GrantTable, Page as _, ReadOnly, RemoteGrant};

/// At most so many vCPUs; how often the event goes round; how many grants each vCPU makes
/// each time.
const MAX: usize = 4;
const ROUNDS: u32 = 25;
const GRANTS_A_ROUND: u32 = 4;

static POOL: PagePool<64> = PagePool::new();
static STORAGE: Storage<GuestPage, 4, 64> = Storage::new();

/// How many events the handler has seen on each vCPU, and how many it should not have.
static RECEIVED: [AtomicU32; MAX] = [const { AtomicU32::new(0) }; MAX];
static STRAY: AtomicU32 = AtomicU32::new(0);
/// How many grants went wrong, and how many vCPUs are through.
static WRONG: AtomicU32 = AtomicU32::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);
/// Which vCPU receives which port.
static VCPUS: PortVcpus = PortVcpus::new();
/// The ports of the vCPUs, and further ones that they ring, known to the handler.
static PORTS: [AtomicU32; MAX] = [const { AtomicU32::new(0) }; MAX];
static BELLS: [AtomicU32; MAX] = [const { AtomicU32::new(0) }; MAX];

type Table = GrantTable<'static, Backend, GrantFrames, GuestPage>;
type Refs<'t> = PerCpuRefs<'t, 'static, Backend, GrantFrames, GuestPage>;

/// What all vCPUs use, on the stack of the first one, which stays until the end.
struct Shared<'g> {
    guest: &'g Guest,
    me: DomainId,
    table: Table,
    events: [TwoLevel<'static>; MAX],
    ports: [Port<Backend>; MAX],
    bells: [Port<Backend>; MAX],
    count: usize,
    delivery: Delivery,
}

static SHARED: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// How many vCPUs the command line wants, if it does.
pub(crate) fn wanted(arguments: &str) -> Option<usize> {
    let word = arguments.split_whitespace().find_map(|word| word.strip_prefix("vcpus="))?;
    word.parse().ok().filter(|count| (1..=MAX).contains(count))
}

pub(crate) fn run(guest: &Guest, count: usize, arguments: &str) {
    let has_apic = arguments.split_whitespace().any(|word| word == "apic");
    let delivery = if has_apic { Delivery::LocalApic } else { Delivery::Direct };
    let xen = guest.xen();
    let shared_info = SharedInfo::map(guest, page(guest)).expect("the shared page");
    let me = DomainId::new(guest.domid().expect("its number")).expect("no reserved number");
    let frames = GrantFrames::new::<2, 64>(guest, &POOL).expect("the table's place");
    let storage = STORAGE.take().expect("the storage");
    // SAFETY: nothing else in this kernel uses the domain's grant table.
    let table = unsafe { GrantTable::start(xen, frames, storage, Default::default()) };
    let table = table.expect("a grant table");
    let free = table.free_refs();
    let events = core::array::from_fn(|vcpu| events(guest, &shared_info, vcpu, count));
    let ports = bind(xen, &PORTS, &events[0], count);
    let bells = bind(xen, &BELLS, &events[0], count);
    let shared = Shared { guest, me, table, events, ports, bells, count, delivery };
    SHARED.store(ptr::from_ref(&shared).cast_mut().cast(), Ordering::Release);
    start_others(guest, count);
    // The first round.
    shared.ports[0].notify().expect("an event");
    let upcalls = work(&shared, 0);
    // The vCPU that is through last sends one more.
    upcalls.wait_until(|| RECEIVED[0].load(Ordering::Acquire) > ROUNDS);
    for (vcpu, received) in RECEIVED.iter().enumerate().take(count) {
        println!("vcpu {vcpu} took {} events in upcalls", received.load(Ordering::Relaxed));
    }
    println!(
        "vcpus {count}: {} stray events, {} wrong grants, {} references missing",
        STRAY.load(Ordering::Relaxed),
        WRONG.load(Ordering::Relaxed),
        free - shared.table.free_refs(),
    );
}

fn page(guest: &Guest) -> GuestPage {
    POOL.take(guest).expect("a page of the pool")
}

/// A port for each vCPU, which it alone receives.
fn bind(
    xen: Backend,
    known: &[AtomicU32; MAX],
    events: &TwoLevel<'static>,
    count: usize,
) -> [Port<Backend>; MAX] {
    core::array::from_fn(|at| {
        // Those of vCPUs that there are not are never used.
        let vcpu = if at < count { at as u32 } else { 0 };
        let port = Port::bind_ipi(xen, vcpu).expect("a port");
        VCPUS.assign(&xen, events, port.number(), vcpu).expect("a port of the 2-level ABI");
        known[at].store(port.number().0, Ordering::Relaxed);
        port
    })
}

/// Where the events of a vCPU are announced.
fn events(guest: &Guest, shared_info: &SharedInfo, vcpu: usize, count: usize) -> TwoLevel<'static> {
    // One of those that there are not.
    let vcpu = if vcpu < count { vcpu as u32 } else { 0 };
    shared_info.events_of(vcpu, &VCPUS).unwrap_or_else(|| {
        let registered = xen_guest::register_vcpu_info(guest, vcpu, page(guest), 0);
        let (view, field) = registered.expect("information of its own");
        TwoLevel::new(shared_info.view(), view, field).for_vcpu(vcpu, &VCPUS)
    })
}

#[cfg(not(target_arch = "arm"))]
fn start_others(guest: &Guest, count: usize) {
    use xen_guest::smp::{self, Stack, StartError};

    static STACKS: [Stack; MAX] = [const { Stack::new() }; MAX];

    fn main(vcpu: u32) -> ! {
        let shared = SHARED.load(Ordering::Acquire).cast::<Shared<'static>>();
        // SAFETY: the first vCPU has put it there, and waits until all are through.
        let upcalls = work(unsafe { &*shared }, vcpu);
        upcalls.wait_until(|| false);
        unreachable!("it sleeps")
    }

    for (vcpu, stack) in (0..).zip(&STACKS).take(count).skip(1) {
        smp::start(guest, vcpu, stack, main).expect("a vCPU");
    }
    match smp::start(guest, 99, &STACKS[0], main) {
        Err(StartError::Hypercall(_) | StartError::Psci(-2)) => println!("vcpu 99 is refused"),
        other => println!("vcpu 99: {other:?}"),
    }
}

#[cfg(target_arch = "arm")]
fn start_others(_: &Guest, count: usize) {
    assert_eq!(count, 1, "no further vCPU can be started here");
    println!("vcpu 99 is refused");
}

/// What each vCPU does.
fn work(shared: &Shared<'_>, vcpu: u32) -> Upcalls {
    let (at, xen) = (vcpu as usize, shared.guest.xen());
    // SAFETY: this is that vCPU, and the kernel has no other descriptors.
    let upcalls = unsafe {
        Upcalls::install(shared.guest, vcpu, shared.events[at], shared.delivery, received)
    };
    let upcalls = upcalls.expect("upcalls");
    let next = &shared.ports[(at + 1) % shared.count];
    let mut refs = shared.table.per_cpu(at);
    let mut pages = Pages { granted: Some(page(shared.guest)), own: page(shared.guest) };
    for round in 1..=ROUNDS {
        upcalls.wait_until(|| RECEIVED[at].load(Ordering::Acquire) >= round);
        // The first vCPU has the event at the end of the last round.
        if round < ROUNDS || at + 1 < shared.count {
            next.notify().expect("an event");
        }
        let bells = shared.bells.iter().take(shared.count).enumerate();
        bells.filter(|(other, _)| *other != at).for_each(|(_, bell)| {
            bell.notify().expect("an event");
        });
        // The others go on meanwhile.
        upcalls.enable();
        for number in 0..GRANTS_A_ROUND {
            grants(shared, &mut refs, &mut pages, vcpu << 24 | round << 8 | number);
        }
        upcalls.disable();
    }
    drop(refs);
    if DONE.fetch_add(1, Ordering::AcqRel) + 1 == shared.count {
        let first = evtchn_port_t(PORTS[0].load(Ordering::Relaxed));
        event_channel_op::send(&xen, first).expect("an event");
    }
    upcalls
}

/// The handler of all vCPUs.
fn received(vcpu: u32, port: evtchn_port_t) {
    let is = |ports: &[AtomicU32; MAX]| {
        ports.get(vcpu as usize).is_some_and(|own| own.load(Ordering::Relaxed) == port.0)
    };
    if is(&PORTS) {
        RECEIVED[vcpu as usize].fetch_add(1, Ordering::AcqRel);
    } else if !is(&BELLS) {
        STRAY.fetch_add(1, Ordering::Relaxed);
    }
}

/// The pages of a vCPU: one that it grants, and one that it copies to.
struct Pages {
    granted: Option<GuestPage>,
    own: GuestPage,
}

/// Grants a page to this domain itself, and copies from it, with the cache of this vCPU and without.
fn grants(shared: &Shared<'_>, refs: &mut Refs<'_>, pages: &mut Pages, value: u32) {
    let page = pages.granted.take().expect("the page that was revoked");
    page.view().write_obj(0, &value).expect("four bytes");
    let granted = match value % 2 {
        0 => refs.grant(shared.me, page, ReadOnly),
        _ => shared.table.grant(shared.me, page, ReadOnly),
    };
    let granted = granted.map_err(|failed| failed.error).expect("a grant");
    let remote = RemoteGrant::new(shared.me, granted.reference());
    let copied = copy::read(&shared.guest.xen(), remote, 0, &mut pages.own).is_ok();
    let is_right = copied && pages.own.view().read_obj::<u32>(0) == Ok(value);
    WRONG.fetch_add((!is_right).into(), Ordering::Relaxed);
    let revoked = granted.revoke().map_err(drop).expect("nothing has the page mapped");
    pages.granted = Some(revoked.1);
}
