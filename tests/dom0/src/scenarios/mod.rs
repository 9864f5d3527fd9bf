//! The scenarios. Those named after a device issue ioctls without the library, also those that it would
//! refuse.

mod evtchn;
mod gntalloc;
mod gntdev;
mod gntdev_copy;
mod gntdev_dmabuf;
mod gntdev_notify;
mod grants;
mod hypercalls;
mod pages;
pub(crate) mod peers;
mod privcmd;
mod xenbus_backend;

use rustix::io::Errno;

use crate::transcript::Transcript;

/// A scenario. Its error is that of a step that the others need.
type Scenario = fn(&mut Transcript) -> Result<(), Errno>;

/// All of them, by name.
pub(crate) const ALL: [(&str, Scenario); 10] = [
    ("gntalloc", gntalloc::run),
    ("gntdev", gntdev::run),
    ("gntdev-notify", gntdev_notify::run),
    ("gntdev-copy", gntdev_copy::run),
    ("gntdev-dmabuf", gntdev_dmabuf::run),
    ("grants", grants::run),
    ("evtchn", evtchn::run),
    ("privcmd", privcmd::run),
    ("hypercalls", hypercalls::run),
    ("xenbus-backend", xenbus_backend::run),
];
