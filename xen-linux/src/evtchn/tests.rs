//! Events over a socket in the device's place.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::fs::{
    MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create, open,
};

use super::*;
use crate::testing::{allocations, in_child};

/// A device whose other side is the test: what is pending is written there, what is unmasked read.
fn device() -> (Evtchn, UnixStream) {
    let (own, other) = UnixStream::pair().unwrap();
    own.set_nonblocking(true).unwrap();
    (Evtchn { device: Device::new(own.into()).unwrap() }, other)
}

fn ports<const N: usize>(numbers: [u32; N]) -> [evtchn_port_t; N] {
    numbers.map(evtchn_port_t)
}

#[test]
fn what_is_pending_is_read_in_its_order() {
    let (events, mut other) = device();
    let mut room = ports([0; 3]);
    assert_eq!(events.pending(&mut room), Ok(None));
    assert_eq!(events.wait(Some(Duration::ZERO)), Ok(false));
    other.write_all(bytes(&ports([5, 3, 9, 7]))).unwrap();
    assert_eq!(events.wait(None), Ok(true));
    assert_eq!(events.pending(&mut room), Ok(Some(&ports([5, 3, 9])[..])));
    assert_eq!(events.pending(&mut room), Ok(Some(&ports([7])[..])));
    assert_eq!(events.pending(&mut room), Ok(None));
}

#[test]
fn a_wait_ends_when_its_time_is_over() {
    let (events, _other) = device();
    let begin = Instant::now();
    assert_eq!(events.wait(Some(Duration::from_millis(30))), Ok(false));
    assert!(begin.elapsed() >= Duration::from_millis(30));
}

#[test]
fn room_for_no_port_is_an_error() {
    let (events, _other) = device();
    let error = events.pending(&mut []).unwrap_err();
    assert_eq!(error.cause(), &Cause::Count { count: 0, least: 1, most: MOST });
}

/// A file takes as much as fits in it, and then refuses.
#[test]
fn what_the_kernel_has_not_taken_is_written_again() {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("unmask", flags).unwrap();
    ftruncate(&file, 4096).unwrap();
    fcntl_add_seals(&file, SealFlags::GROW).unwrap();
    let events = Evtchn { device: Device::new(file.try_clone().unwrap()).unwrap() };
    events.unmask(&[]).unwrap();
    let numbers: Vec<_> = (0..1025).map(evtchn_port_t).collect();
    let error = events.unmask(&numbers).unwrap_err();
    assert_eq!(error, Error::new("write", Cause::Errno(Errno::PERM)));
    let mut written = vec![0; 4096];
    File::from(file).read_exact_at(&mut written, 0).unwrap();
    assert_eq!(written, bytes(&numbers[..1024]));
}

#[test]
fn the_kernels_refusal_is_an_error() {
    let (events, other) = device();
    drop(other);
    let error = events.unmask(&ports([1])).unwrap_err();
    assert_eq!((error.operation(), error.as_errno()), ("write", Some(Errno::PIPE)));
    let error = events.bind_virq(0).unwrap_err();
    assert_eq!((error.operation(), error.cause()), ("IOCTL_EVTCHN_BIND_VIRQ", &Cause::Unsupported));
    // What takes no more is none that takes nothing for ever.
    let full = Evtchn { device: Device::open(Path::new("/dev/full")).unwrap() };
    assert_eq!(full.unmask(&ports([1])).unwrap_err().as_errno(), Some(Errno::NOSPC));
}

#[test]
fn another_device_is_not_taken_for_evtchn() {
    let error = Evtchn::open_at("/dev/null").unwrap_err();
    assert_eq!(error, Error::new(UNBIND, Cause::Unsupported));
    let descriptor = OwnedFd::from(File::open("/dev/null").unwrap());
    assert_eq!(Evtchn::try_from(descriptor).unwrap_err(), error);
    let path = open("/dev/null", OFlags::PATH, Mode::empty()).unwrap();
    let error = Evtchn::try_from(path).unwrap_err();
    assert_eq!(error, Error::new(UNBIND, Cause::Errno(Errno::BADF)));
}

#[test]
fn a_port_is_unbound_once() {
    let (events, _other) = device();
    let port = |port| Port { device: events.device.clone(), port, is_bound: true };
    let error = port(evtchn_port_t(7)).unbind().unwrap_err();
    assert_eq!(error, Error::new(UNBIND, Cause::Unsupported));
    let mut twice = port(evtchn_port_t(7));
    assert!(twice.take_down().is_err());
    assert_eq!(twice.take_down(), Ok(()));
    assert_eq!(twice.number(), evtchn_port_t(7));
}

#[test]
fn a_child_has_no_events() {
    let (events, mut other) = device();
    other.write_all(bytes(&ports([5]))).unwrap();
    let port = Port { device: events.device.clone(), port: evtchn_port_t(1), is_bound: true };
    in_child(|| {
        let mut room = ports([0; 3]);
        let forked = |operation| Error::new(operation, Cause::Forked);
        assert_eq!(events.pending(&mut room), Err(forked("read")));
        assert_eq!(events.wait(None), Err(forked("poll")));
        assert_eq!(events.unmask(&room), Err(forked("write")));
        assert_eq!(port.unmask(), Err(forked("write")));
        assert_eq!(port.notify(), Err(forked(NOTIFY)));
        assert_eq!(port.unbind(), Err(forked(UNBIND)));
    });
    assert_eq!(events.pending(&mut ports([0; 3])), Ok(Some(&ports([5])[..])));
}

#[test]
fn events_allocate_nothing() {
    let (events, mut other) = device();
    let mut room = ports([0; 3]);
    let before = allocations();
    other.write_all(bytes(&ports([5, 3, 9]))).unwrap();
    assert_eq!(events.wait(None), Ok(true));
    let pending = events.pending(&mut room).unwrap().unwrap();
    events.unmask(pending).unwrap();
    assert_eq!(allocations(), before);
}
