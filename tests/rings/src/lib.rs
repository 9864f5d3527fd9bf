//! What the tests of rings share: memory that two ends share, and the other end in C.

#![allow(unsafe_code, reason = "C is called, and shares memory")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::{fmt, io};

use devtools::{Arch, compilers};
use libloading::Library;
use xen_headers::{HeaderTree, Options, pins};
use xen_ops::page::PAGE_SIZE;
use xen_ops::{ReadWrite, View};

/// Contiguous pages, zero at first. C needs them to be contiguous.
pub struct Memory {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is accessed through views, and by C, which is another side.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// So many pages.
    ///
    /// # Panics
    ///
    /// If `pages` is 0.
    #[must_use]
    pub fn new(pages: usize) -> Self {
        assert!(pages > 0);
        let layout = Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).expect("a valid size");
        // SAFETY: the size is not 0.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout));
        Self { base, layout }
    }

    /// The address of the first byte.
    #[must_use]
    pub fn address(&self) -> *mut c_void {
        self.base.as_ptr().cast()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// The pages.
    #[must_use]
    pub fn views(&self) -> Vec<View<'_, ReadWrite>> {
        let starts = (0..self.bytes()).step_by(PAGE_SIZE);
        // SAFETY: pages of the allocation, which lives as long as the borrow.
        starts.map(|start| unsafe { View::new(self.base.add(start)) }).collect()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and no view is left.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

/// Why there is no other end.
#[derive(Debug)]
pub enum Error {
    /// The headers could not be obtained.
    Headers(xen_headers::Error),
    /// There is no C compiler.
    NoCompiler,
    /// It could not be run, or wrote nothing.
    Io(io::Error),
    /// It does not compile.
    NotCompiled(String),
    /// It cannot be loaded, or lacks a function.
    NotLoaded(libloading::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(error) => error.fmt(f),
            Self::NoCompiler => f.write_str("no C compiler; install one with `cargo xtask setup`"),
            Self::Io(error) => write!(f, "cannot run the C compiler: {error}"),
            Self::NotCompiled(text) => f.write_str(text),
            Self::NotLoaded(error) => write!(f, "cannot load what was compiled: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// The functions in C, compiled against the headers of the newest pinned release and loaded.
pub struct Peer {
    library: Library,
}

impl Peer {
    /// Compiles `c/rings.c` with `-O2` into the directory `to`, and loads it.
    ///
    /// # Errors
    ///
    /// [`Error`] says what is missing.
    pub fn compile(to: &Path) -> Result<Self, Error> {
        Self::compile_with(to, &[])
    }

    /// As [`compile`](Self::compile), with more options for the compiler.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn compile_with(to: &Path, options: &[&str]) -> Result<Self, Error> {
        let release = &pins().default_release().name;
        let tree = HeaderTree::obtain(pins(), release, &Options::from_env());
        let include = include_dir(&tree.map_err(Error::Headers)?.root);
        let arch = Arch::ALL.into_iter().find(|arch| arch.is_native());
        let compiler = compilers().into_iter().find(|compiler| Some(compiler.arch) == arch);
        let compiler = compiler.ok_or(Error::NoCompiler)?;
        // Tests compile it at the same time: each to a file of its own.
        let library = to.join(format!("rings-{}.so", std::process::id()));
        let output = compiler
            .command()
            .args(["-O2", "-std=gnu11", "-w", "-shared", "-fPIC"])
            .args(options)
            .arg(format!("-I{}", include.display()))
            .arg("-o")
            .arg(&library)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("c/rings.c"))
            .output()
            .map_err(Error::Io)?;
        if !output.status.success() {
            return Err(Error::NotCompiled(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        // SAFETY: the library is ours, and does nothing when it is loaded.
        let loaded = unsafe { Library::new(&library) };
        // Once it is loaded, the file is not needed.
        let _ = std::fs::remove_file(&library);
        Ok(Self { library: loaded.map_err(Error::NotLoaded)? })
    }

    /// The function of this name.
    ///
    /// # Safety
    ///
    /// `F` is its type.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub unsafe fn function<F: Copy>(&self, name: &str) -> F {
        // SAFETY: the caller's promise.
        let symbol = unsafe { self.library.get::<F>(name.as_bytes()) };
        *symbol.unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The directory that has `xen/xen.h`.
fn include_dir(root: &Path) -> PathBuf {
    if root.join("xen/xen.h").exists() {
        return root.to_owned();
    }
    root.parent().unwrap_or(root).to_owned()
}

/// One end of a ring in C.
pub struct End {
    private: Box<[u64]>,
    functions: Functions,
}

#[derive(Clone, Copy)]
struct Functions {
    take: unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32,
    put: unsafe extern "C" fn(*mut c_void, *const c_void) -> i32,
    push: unsafe extern "C" fn(*mut c_void) -> i32,
    final_check: unsafe extern "C" fn(*mut c_void) -> i32,
}

impl End {
    /// The front end (`"front"`, which initialises the ring) or the back end (`"back"`) of a ring of
    /// the protocol that C calls `tag`. The memory must outlive it.
    #[must_use]
    pub fn new(peer: &Peer, tag: &str, side: &str, memory: &Memory) -> Self {
        let name = |what: &str| format!("{tag}_{side}_{what}");
        // SAFETY: the functions have these types.
        let (size, init, functions) = unsafe {
            let size: unsafe extern "C" fn() -> usize =
                peer.function(&format!("{tag}_private_size"));
            let init: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) =
                peer.function(&name("init"));
            let functions = Functions {
                take: peer.function(&name("take")),
                put: peer.function(&name("put")),
                push: peer.function(&name("push")),
                final_check: peer.function(&name("final_check")),
            };
            (size(), init, functions)
        };
        let mut private = vec![0; size.div_ceil(8)].into_boxed_slice();
        // SAFETY: there is as much memory as C says.
        unsafe { init(private.as_mut_ptr().cast(), memory.address(), memory.bytes()) };
        Self { private, functions }
    }

    fn private(&mut self) -> *mut c_void {
        self.private.as_mut_ptr().cast()
    }

    /// Copies the next entry out, if there is one.
    ///
    /// # Panics
    ///
    /// If C finds the index impossible.
    pub fn take<T: xen_io::xen_abi::Plain>(&mut self) -> Option<T> {
        let mut entry = xen_io::xen_abi::zeroed::<T>();
        // SAFETY: C copies an entry, which is of type T.
        let result = unsafe { (self.functions.take)(self.private(), (&raw mut entry).cast()) };
        assert!(result >= 0, "C finds the index impossible");
        (result > 0).then_some(entry)
    }

    /// Writes an entry. False if the ring is full.
    pub fn put<T: xen_io::xen_abi::Plain>(&mut self, entry: &T) -> bool {
        // SAFETY: C copies an entry, which is of type T.
        unsafe { (self.functions.put)(self.private(), (&raw const *entry).cast()) != 0 }
    }

    /// Shows the other end what was put, and says whether to notify it.
    pub fn push(&mut self) -> bool {
        // SAFETY: the private state is of this ring.
        unsafe { (self.functions.push)(self.private()) != 0 }
    }

    /// Whether there is something to take. If not, the other end will notify.
    pub fn final_check(&mut self) -> bool {
        // SAFETY: the private state is of this ring.
        unsafe { (self.functions.final_check)(self.private()) != 0 }
    }
}
