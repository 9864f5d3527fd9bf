//! Code that panics at a chosen call, and what must hold afterwards.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{RawWaker, RawWakerVTable, Waker};

use xen_ops::gnttab::{
    BitmapLine, Config, GrantTable, Granted, PageAllocator, ReaperSlot, TableStorage,
};
use xen_ops::hypercall::Hypercall;
use xen_ops::page::Exhausted;
use xen_ops::xen_abi::xen::xen_pfn_t;
use xen_ops::{DomainId, ReadWrite, RemoteGrant, page};
use xen_sim::{Domain, DomainConfig, GrantFrames, GuestKind, Xen};

/// The payload of the panics that this file causes.
struct Injected;

thread_local! {
    /// Calls of foreign code that return before one panics; `None` while none is to.
    static CALLS_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static VIOLATIONS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What each piece of foreign code calls: it panics if its turn has come.
pub(super) fn foreign_code() {
    if !ARMED.get() {
        return;
    }
    match CALLS_LEFT.get() {
        None => {}
        Some(0) => {
            CALLS_LEFT.set(None);
            resume_unwind(Box::new(Injected));
        }
        Some(left) => CALLS_LEFT.set(Some(left - 1)),
    }
}

/// One test at a time: they look at a counter of the process's, [`leaked`](xen_ops::gnttab::map::leaked).
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `test` once for each call of foreign code inside [`during`], which panics, and once without a
/// panic.
pub(super) fn at_every_call(test: impl Fn()) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for calls in 0..1000 {
        CALLS_LEFT.set(Some(calls));
        test();
        let violations = VIOLATIONS.take();
        assert!(violations.is_empty(), "panic at call {calls}: {violations:?}");
        if CALLS_LEFT.take().is_some() {
            assert_ne!(calls, 0, "no foreign code was called");
            return;
        }
    }
    panic!("foreign code is called without an end");
}

/// The result of `operation`, or `None` if foreign code panicked in it.
pub(super) fn during<R>(operation: impl FnOnce() -> R) -> Option<R> {
    ARMED.set(true);
    let result = catch_unwind(AssertUnwindSafe(operation));
    ARMED.set(false);
    result
        .map_err(|payload| {
            if !payload.is::<Injected>() {
                resume_unwind(payload);
            }
        })
        .ok()
}

/// Notes what must not have happened, where a panic would be one too many.
fn violation(text: String) {
    VIOLATIONS.with_borrow_mut(|all| all.push(text));
}

/// A backend all of whose methods, clones and drops are foreign code.
#[derive(Debug)]
pub(super) struct Backend(pub(super) Domain);

// SAFETY: hands everything on to the simulator.
unsafe impl Hypercall for Backend {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        foreign_code();
        // SAFETY: the caller's promise. Once it is done, the hook is called.
        unsafe { self.0.call(number, arguments) }
    }
}

impl Clone for Backend {
    fn clone(&self) -> Self {
        foreign_code();
        Self(self.0.clone())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        foreign_code();
    }
}

/// A page all of whose methods are foreign code.
#[derive(Debug)]
pub(super) struct Page(pub(super) xen_sim::GuestPage);

// SAFETY: as the page inside.
unsafe impl page::Page for Page {
    fn frame(&self) -> xen_pfn_t {
        foreign_code();
        self.0.frame()
    }

    fn address(&self) -> NonNull<u8> {
        foreign_code();
        page::Page::address(&self.0)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        foreign_code();
    }
}

/// A target of a translated guest, all of whose methods are foreign code. It notes if it is dropped
/// while something is mapped there.
#[derive(Debug)]
pub(super) struct Target {
    domain: Domain,
    target: xen_sim::GuestTarget,
}

// SAFETY: as the target inside.
unsafe impl page::MapTarget for Target {
    fn host_addr(&self) -> u64 {
        foreign_code();
        self.target.host_addr()
    }

    fn address(&self) -> NonNull<u8> {
        foreign_code();
        page::MapTarget::address(&self.target)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let host_addr = page::MapTarget::host_addr(&self.target);
        if self.domain.machine_frame(xen_pfn_t((host_addr >> 12) as _)).is_some() {
            violation(format!(
                "target {host_addr:#x} was returned while something is mapped there"
            ));
        }
        foreign_code();
    }
}

/// How often a waker was woken. Everything that is done with its [`waker`](Self::waker) is foreign code.
#[derive(Clone, Debug, Default)]
pub(super) struct Woken(Arc<AtomicUsize>);

impl Woken {
    pub(super) fn waker(&self) -> Waker {
        // SAFETY: the functions do what their names say with a counted reference.
        unsafe { Waker::from_raw(raw(self.0.clone())) }
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

fn raw(count: Arc<AtomicUsize>) -> RawWaker {
    RawWaker::new(Arc::into_raw(count).cast(), &VTABLE)
}

const VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        foreign_code();
        // SAFETY: `data` is a counted reference, which stays one.
        unsafe { Arc::increment_strong_count(data.cast::<AtomicUsize>()) };
        RawWaker::new(data, &VTABLE)
    },
    |data| {
        // SAFETY: `data` is a counted reference, which is used up.
        unsafe { Arc::from_raw(data.cast::<AtomicUsize>()) }.fetch_add(1, Relaxed);
        foreign_code();
    },
    |data| {
        // SAFETY: `data` is a counted reference, which stays one.
        unsafe { &*data.cast::<AtomicUsize>() }.fetch_add(1, Relaxed);
        foreign_code();
    },
    |data| {
        // SAFETY: `data` is a counted reference, which is used up.
        drop(unsafe { Arc::from_raw(data.cast::<AtomicUsize>()) });
        foreign_code();
    },
);

pub(super) type Table = GrantTable<'static, Backend, GrantFrames, Page>;

/// A machine with two domains. The hook that it calls once for each hypercall is foreign code.
pub(super) struct Machine {
    pub(super) xen: Xen,
    pub(super) alice: Domain,
    pub(super) bob: Domain,
}

impl Machine {
    pub(super) fn new(kind: GuestKind) -> Self {
        let xen = Xen::new();
        let domain = || xen.domain(DomainConfig::new(kind).pages(64)).unwrap();
        let (alice, bob) = (domain(), domain());
        xen.on_hypercall(|_| foreign_code());
        Self { xen, alice, bob }
    }

    pub(super) fn peer(&self) -> DomainId {
        self.bob.domid()
    }

    /// Alice's table of one frame, which can grow to four.
    pub(super) fn table(&self) -> Table {
        let lines = std::iter::repeat_with(BitmapLine::new).take(8).collect::<Vec<_>>().leak();
        let slots = std::iter::repeat_with(ReaperSlot::new).take(4).collect::<Vec<_>>().leak();
        let frames = self.alice.table_frames().unwrap();
        let storage = TableStorage::new(lines, slots);
        // SAFETY: nothing else uses the table, and Alice maps none of her own grants.
        unsafe {
            GrantTable::start(Backend(self.alice.clone()), frames, storage, Config::default())
        }
        .unwrap()
    }

    pub(super) fn page(&self) -> Page {
        Page(self.alice.page().unwrap())
    }

    /// Grants of `N` pages of Alice's to Bob.
    pub(super) fn granted<'t, const N: usize>(
        &self,
        table: &'t Table,
    ) -> [Option<Granted<'t, Page, ReadWrite>>; N] {
        std::array::from_fn(|_| Some(table.grant(self.peer(), self.page(), ReadWrite).unwrap()))
    }

    pub(super) fn remote(&self, granted: &Granted<'_, Page, ReadWrite>) -> RemoteGrant {
        RemoteGrant::new(self.alice.domid(), granted.reference())
    }

    /// A target of Bob's.
    pub(super) fn target(&self) -> Target {
        Target { domain: self.bob.clone(), target: self.bob.target() }
    }

    pub(super) fn backend(&self) -> Backend {
        Backend(self.bob.clone())
    }

    /// What must hold whatever has panicked.
    pub(super) fn check(&self) {
        if let Err(error) = self.xen.check_invariants() {
            violation(error);
        }
    }

    /// As [`check`](Self::check), and no reference has two owners: those of `held`, and those that can
    /// be allocated. Returns how many there are.
    pub(super) fn check_references<'t>(
        &self,
        table: &'t Table,
        held: &[Option<Granted<'t, Page, ReadWrite>>],
    ) -> usize {
        self.check();
        let mut references = HashSet::new();
        for granted in held.iter().flatten() {
            references.insert(granted.reference());
        }
        let mut free = Vec::new();
        while let Ok(reference) = table.alloc() {
            if !references.insert(reference.reference()) {
                violation(format!("reference {} has two owners", reference.reference().0));
            }
            free.push(reference);
        }
        // One that has two owners would be freed twice.
        free.into_iter().for_each(std::mem::forget);
        references.len()
    }
}

impl PageAllocator for Machine {
    type Page = Page;

    fn take(&self) -> Result<Page, Exhausted> {
        foreign_code();
        self.alice.page().map(Page).ok_or(Exhausted)
    }
}

/// All references of a table of `frames` frames.
pub(super) const fn references(frames: usize) -> usize {
    frames * 512 - 8
}
