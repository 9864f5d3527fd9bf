//! Xen's grants, hypercalls and event channels from Linux user space: the devices below `/dev/xen`.
//!
//! | device | module | what it gives |
//! |---|---|---|
//! | `/dev/xen/gntdev` | [`gntdev`] | other domains' pages: mapped, copied, as buffers of devices |
//! | `/dev/xen/gntalloc` | [`gntalloc`] | own pages that other domains may use |
//! | `/dev/xen/evtchn` | [`evtchn`] | events from and to other domains |
//! | `/dev/xen/privcmd`, `/dev/xen/hypercall` | [`privcmd`] | hypercalls, other domains' memory, device models |
//!
//! ```no_run
//! use xen_linux::gntalloc::Gntalloc;
//! use xen_linux::gntdev::{Gntdev, Mapping};
//! use xen_linux::xen_abi::{grant_table::grant_ref_t, xen::domid_t};
//! use xen_linux::xen_ops::gnttab::{DomainId, RemoteGrant};
//! use xen_linux::xen_ops::view::{ReadOnly, ReadWrite};
//!
//! let peer = DomainId::new(domid_t(3))?;
//!
//! // Two pages that domain 3 may read, and what it has to be told of them.
//! let shared = Gntalloc::open()?.share::<ReadOnly>(peer, 2)?;
//! shared.page(0).ok_or("no page")?.write(0, b"hello")?;
//! println!("{:?}", shared.references().collect::<Vec<_>>());
//!
//! // A page of domain 3's.
//! let grant = RemoteGrant::new(peer, grant_ref_t(8));
//! let mapping: Mapping<ReadWrite> = Gntdev::open()?.map(grant)?;
//! let mut line = [0; 16];
//! mapping.page(0).ok_or("no page")?.read(64, &mut line)?;
//! mapping.unmap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Domains, grants, and the [views](xen_ops::view) through which shared pages are touched are those
//! of [`xen_ops`], so that code which works on pages does not ask where it runs.
//!
//! # What a value owns
//!
//! Whatever a device gives out is a value, and is given back when the value goes: pages are unmapped
//! and their index is released, in this order and once; a descriptor is closed by its last owner. A
//! step that fails half way undoes what was done before it. Methods that give back say what went wrong;
//! dropping does the same and says nothing. All values can be sent to other threads and used by several.
//!
//! Threads of one program that use the same bytes at the same time do so in
//! [accesses of the same size](xen_ops::view::View): nothing here can see to that. They do so through two
//! views of one page, and through two pages that are the same memory: a grant that is mapped twice, or a
//! page of gntalloc's that the program itself has mapped by gntdev.
//!
//! # Errors
//!
//! An [`Error`] names the operation, by the name of its ioctl in Linux' headers or of its system
//! call, and its [`Cause`]. What cannot work is refused before any system call: counts of none
//! and above the kernel's limit, offsets behind the page. Signals interrupt nothing but
//! a wait for events: what else the kernel breaks off for one is done again.
//!
//! # Fork
//!
//! A child has copies of its parent's values; what they stand for is the parent's. So in a child they
//! do nothing: pages are not to be had, operations fail with [`Cause::Forked`], and dropping leaves all
//! as it is. A child that needs grants opens the devices itself. That takes no system call to find out,
//! but memory that is wiped by fork, which Linux has from 4.14 on.
//!
//! Views, slices and addresses that were taken before the fork know nothing of it. What privcmd has mapped,
//! and in a PV domain what gntdev has, is not there in a child: an address of it may lead nowhere, or to
//! something else. So whoever forks, which is `unsafe`, promises that the child does not use them.
//!
//! Children have the parent's descriptors until `exec`, and its mappings too, but for those of privcmd, and
//! those of gntdev in a PV domain. So what the parent unmaps or does not share any more stays in use by such
//! a child until that calls `exec` or ends.
//!
//! # Kernels with larger pages
//!
//! A grant is 4096 bytes, whatever the kernel's page size is. On arm64 with pages of 16 or 64 KiB the
//! kernel begins a page of its own with each grant, mapped or shared, and uses no more of it. So the
//! addresses of several grants have gaps between them, which `stride` tells; `page` and `notify` take
//! them into account. What needs grants in one piece, buffers for devices and slices for `vm-memory`,
//! is refused there: [`Cause::KernelPages`]. Copies do not depend on it.
//!
//! # System calls
//!
//! | operation | system calls |
//! |---|---|
//! | map and unmap, however many grants | `ioctl`, `mmap`, `munmap`, `ioctl` |
//! | share and end that, however many pages | `ioctl`, `mmap`, `munmap`, `ioctl` |
//! | copy, however many segments | `ioctl` |
//! | hypercall, with arguments and lists of up to 256 KiB in whole chunks of 4 KiB each | `ioctl` |
//! | look for pending events; unmask up to 1024 ports; notify | `read`; `write`; `ioctl` |
//!
//! None of these allocates but sharing, which keeps a list of its references: a list of
//! [`Grants`](gntdev::Grants) and a slice of [`Segment`](gntdev::Segment)s are what the kernel reads, and
//! can be used again.
//!
//! # From libxengnttab
//!
//! | C | here |
//! |---|---|
//! | `xengnttab_open` | [`Gntdev::open`](gntdev::Gntdev::open) |
//! | `xengnttab_close` | dropping the last of the [`Gntdev`](gntdev::Gntdev)s and what came from it |
//! | `xengnttab_fd` | [`AsFd`](std::os::fd::AsFd) |
//! | `xengnttab_set_max_grants` | none: today's kernels have no such limit |
//! | `xengnttab_map_grant_ref` | [`Gntdev::map`](gntdev::Gntdev::map) |
//! | `xengnttab_map_grant_refs` | [`Gntdev::map_all`](gntdev::Gntdev::map_all) |
//! | `xengnttab_map_domain_grant_refs` | the same, with grants of one domain |
//! | `xengnttab_map_grant_ref_notify` | [`Mapping::notify`](gntdev::Mapping::notify) after it is mapped |
//! | `xengnttab_unmap` | [`Mapping::unmap`](gntdev::Mapping::unmap), or dropping it |
//! | `xengnttab_grant_copy` | [`Gntdev::copy`](gntdev::Gntdev::copy) |
//! | `xengnttab_dmabuf_exp_from_refs` | [`Gntdev::export`](gntdev::Gntdev::export) |
//! | `xengnttab_dmabuf_exp_wait_released` | [`Exported::release`](gntdev::Exported::release), then [`Releasing::wait`](gntdev::Releasing::wait) |
//! | `xengnttab_dmabuf_imp_to_refs` | [`Gntdev::import`](gntdev::Gntdev::import) |
//! | `xengnttab_dmabuf_imp_release` | [`Imported::release`](gntdev::Imported::release), or dropping it |
//! | `xengntshr_open` | [`Gntalloc::open`](gntalloc::Gntalloc::open) |
//! | `xengntshr_close` | dropping the last of the [`Gntalloc`](gntalloc::Gntalloc)s and what came from it |
//! | `xengntshr_fd` | [`AsFd`](std::os::fd::AsFd) |
//! | `xengntshr_share_pages` | [`Gntalloc::share`](gntalloc::Gntalloc::share) |
//! | `xengntshr_share_page_notify` | [`Shared::notify`](gntalloc::Shared::notify) after it is shared |
//! | `xengntshr_unshare` | [`Shared::unshare`](gntalloc::Shared::unshare), or dropping it |
//!
//! # From the command line
//!
//! The example `gnttab` shares, maps and copies: `cargo run -p xen-linux --example gnttab -- --help`.
//!
//! # Features
//!
//! `vm-memory` adds the module `volatile`: grants as memory of the crate `vm-memory`, which
//! is for 64-bit processors.
#![cfg(target_os = "linux")]

mod device;
mod error;
pub mod evtchn;
mod fam;
mod fork;
pub mod gntalloc;
pub mod gntdev;
mod index;
mod mmap_region;
pub mod notify;
mod pages;
pub mod privcmd;
#[cfg(test)]
mod testing;
#[cfg(all(feature = "vm-memory", target_pointer_width = "64"))]
pub mod volatile;
mod wide;

pub use error::{Cause, Error};
pub use rustix::io::Errno;
pub use xen_ops;
pub use xen_ops::xen_abi;
