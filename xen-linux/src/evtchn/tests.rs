//! Events over a socket in place of the device.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Instant;

use rustix::fs::{
    MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create, open,
};

use super::*;
use crate::testing::{allocations, in_child};

/// A device whose other side is the test: it writes pending ports, and reads unmasked ones.
fn device() -> (Evtchn, UnixStream) {
    let (own, other) = UnixStream::pair().unwrap();
    own.set_nonblocking(true).unwrap();
    (Evtchn { device: Device::new(own.into()).unwrap() }, other)
}

fn ports<const N: usize>(numbers: [u32; N]) -> [evtchn_port_t; N] {
    numbers.map(evtchn_port_t)
}

#[test]
fn pending_ports_are_read_in_order() {
    let (events, mut other) = device();
    let mut buffer = ports([0; 3]);
    assert_eq!(events.pending(&mut buffer), Ok(None));
    assert_eq!(events.wait(Some(Duration::ZERO)), Ok(false));
    other.write_all(bytes(&ports([5, 3, 9, 7]))).unwrap();
    assert_eq!(events.wait(None), Ok(true));
    assert_eq!(events.pending(&mut buffer), Ok(Some(&ports([5, 3, 9])[..])));
    assert_eq!(events.pending(&mut buffer), Ok(Some(&ports([7])[..])));
    assert_eq!(events.pending(&mut buffer), Ok(None));
}

#[test]
fn a_wait_ends_after_its_timeout() {
    let (events, _other) = device();
    let begin = Instant::now();
    assert_eq!(events.wait(Some(Duration::from_millis(30))), Ok(false));
    assert!(begin.elapsed() >= Duration::from_millis(30));
}

#[test]
fn an_empty_buffer_is_an_error() {
    let (events, _other) = device();
    let error = events.pending(&mut []).unwrap_err();
    assert_eq!(error.cause(), &Cause::Count { count: 0, min: 1, max: MAX_PORTS_PER_CALL });
}

/// A file takes as many bytes as fit, and then refuses.
#[test]
fn ports_that_the_kernel_has_not_taken_are_written_again() {
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

/// A file takes half a port where files may have so many bytes and no more.
#[test]
fn a_device_that_takes_no_whole_port_is_an_error() {
    in_child(|| {
        let file = memfd_create("half-a-port", MemfdFlags::CLOEXEC).unwrap();
        let events = Evtchn { device: Device::new(file).unwrap() };
        let limit = libc::rlimit { rlim_cur: 2, rlim_max: 2 };
        // SAFETY: it limits what this child writes.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
        let error = events.unmask(&ports([1])).unwrap_err();
        assert_eq!(error, Error::new("write", Cause::Errno(Errno::IO)));
    });
}

#[test]
fn a_refusal_of_the_kernel_is_an_error() {
    let (events, other) = device();
    drop(other);
    let error = events.unmask(&ports([1])).unwrap_err();
    assert_eq!((error.operation(), error.as_errno()), ("write", Some(Errno::PIPE)));
    let error = events.bind_virq(0).unwrap_err();
    assert_eq!((error.operation(), error.cause()), ("IOCTL_EVTCHN_BIND_VIRQ", &Cause::Unsupported));
    // A device that takes nothing does not make it loop.
    let full = Evtchn { device: Device::open(Path::new("/dev/full")).unwrap() };
    assert_eq!(full.unmask(&ports([1])).unwrap_err().as_errno(), Some(Errno::NOSPC));
}

#[test]
fn another_device_is_not_taken_for_evtchn() {
    let error = Evtchn::open_at("/dev/null").unwrap_err();
    assert_eq!(error, Error::new(EVTCHN.0, Cause::Unsupported));
    let descriptor = OwnedFd::from(File::open("/dev/null").unwrap());
    let failed = Evtchn::try_from(descriptor).unwrap_err();
    assert_eq!((&failed.error, failed.returned.is_some()), (&error, true));
    let path = open("/dev/null", OFlags::PATH, Mode::empty()).unwrap();
    let failed = Evtchn::try_from(path).unwrap_err();
    assert_eq!(failed.error, Error::new(EVTCHN.0, Cause::Unsupported));
}

#[test]
fn a_port_that_is_not_unbound_is_returned() {
    let (events, _other) = device();
    let port = Port::new(&events.device, evtchn_port_t(7));
    let failed = port.unbind().unwrap_err();
    assert_eq!(failed.error, Error::new(UNBIND, Cause::Unsupported));
    assert_eq!(failed.returned.unwrap().number(), evtchn_port_t(7));
}

#[test]
fn a_child_has_no_events() {
    let (events, mut other) = device();
    other.write_all(bytes(&ports([5]))).unwrap();
    let port = Port::new(&events.device, evtchn_port_t(1));
    in_child(|| {
        let mut buffer = ports([0; 3]);
        let forked = |operation| Error::new(operation, Cause::Forked);
        assert_eq!(events.pending(&mut buffer), Err(forked("read")));
        assert_eq!(events.wait(None), Err(forked("poll")));
        assert_eq!(events.unmask(&buffer), Err(forked("write")));
        assert_eq!(port.unmask(), Err(forked("write")));
        assert_eq!(port.notify(), Err(forked(NOTIFY)));
        assert_eq!(port.unbind().unwrap_err().error, forked(UNBIND));
    });
    assert_eq!(events.pending(&mut ports([0; 3])), Ok(Some(&ports([5])[..])));
}

#[test]
fn events_allocate_nothing() {
    let (events, mut other) = device();
    let mut buffer = ports([0; 3]);
    let before = allocations();
    other.write_all(bytes(&ports([5, 3, 9]))).unwrap();
    assert_eq!(events.wait(None), Ok(true));
    let pending = events.pending(&mut buffer).unwrap().unwrap();
    events.unmask(pending).unwrap();
    assert_eq!(allocations(), before);
}

/// A set with these ports, the values being their numbers, and the other side of its device.
fn set<const N: usize>(numbers: [u32; N]) -> (PortSet<u32>, UnixStream) {
    let (events, other) = device();
    let mut set = PortSet::from(events.clone());
    for number in numbers {
        set.add(Port::new(&events.device, evtchn_port_t(number)), number);
    }
    (set, other)
}

#[test]
fn a_set_returns_events_one_by_one() {
    let (mut set, mut other) = set([3, 5, 9]);
    assert!(set.iter().map(|(port, &value)| (port.0, value)).eq([(3, 3), (5, 5), (9, 9)]));
    assert_eq!(set.wait(Some(Duration::ZERO)), Ok(None));
    // Port 7 is not in the set.
    other.write_all(bytes(&ports([5, 7, 3]))).unwrap();
    assert_eq!(set.wait(None), Ok(Some(evtchn_port_t(5))));
    // One that has been read is returned without another system call.
    assert_eq!(set.wait(Some(Duration::ZERO)), Ok(Some(evtchn_port_t(3))));
    assert_eq!(set.wait(Some(Duration::ZERO)), Ok(None));
    assert_eq!(set.get(evtchn_port_t(3)), Some(&3));
    *set.get_mut(evtchn_port_t(3)).unwrap() = 4;
    assert_eq!((set.get(evtchn_port_t(3)), set.get(evtchn_port_t(7))), (Some(&4), None));
}

#[test]
fn a_set_waits_no_longer_than_its_timeout() {
    let (mut set, mut other) = set([3]);
    // Events of other ports neither end the wait nor prolong it.
    let writer = std::thread::spawn(move || {
        for _ in 0..50 {
            other.write_all(bytes(&ports([7]))).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        other
    });
    let begin = Instant::now();
    assert_eq!(set.wait(Some(Duration::from_millis(100))), Ok(None));
    let elapsed = begin.elapsed();
    assert!(elapsed >= Duration::from_millis(100) && elapsed < Duration::from_millis(900));
    writer.join().unwrap();
}

/// Each datagram is one read, as if another thread's events came meanwhile.
#[test]
fn a_set_reads_all_that_has_come_and_no_more() {
    let (own, other) = UnixDatagram::pair().unwrap();
    own.set_nonblocking(true).unwrap();
    let mut set = PortSet::from(Evtchn { device: Device::new(own.into()).unwrap() });
    set.add(Port::new(&set.evtchn().device, evtchn_port_t(3)), ());
    let now = Some(Duration::ZERO);
    // Fewer than are read at once: there were no others.
    for number in [7, 3] {
        other.send(bytes(&ports([number]))).unwrap();
    }
    assert_eq!(set.wait(now), Ok(None));
    assert_eq!(set.wait(now), Ok(Some(evtchn_port_t(3))));
    // As many as are read at once.
    other.send(bytes(&ports([7; 64]))).unwrap();
    other.send(bytes(&ports([3]))).unwrap();
    assert_eq!(set.wait(now), Ok(Some(evtchn_port_t(3))));
}

#[test]
fn a_driver_s_set_unmasks_the_port_whose_event_it_returns() {
    use std::io::Read as _;
    use std::os::fd::AsRawFd as _;

    use xen_ops::events::EventChannelSet;

    let (mut set, mut other) = set([5]);
    other.write_all(bytes(&ports([5]))).unwrap();
    assert_eq!(set.wait_any(None), Ok(Some(evtchn_port_t(5))));
    let mut unmasked = [0; 4];
    other.read_exact(&mut unmasked).unwrap();
    assert_eq!(u32::from_ne_bytes(unmasked), 5);
    assert_eq!(set.wait_any(Some(Duration::ZERO)), Ok(None));
    let notified = EventChannelSet::notify(&set, evtchn_port_t(5));
    assert_eq!(notified, Err(Error::new(NOTIFY, Cause::Unsupported)));
    assert_eq!(set.as_raw_fd(), set.as_fd().as_raw_fd());
}

#[test]
fn a_port_that_was_removed_has_no_events() {
    let (mut set, mut other) = set([3, 5]);
    other.write_all(bytes(&ports([3, 5]))).unwrap();
    assert!(set.wait(None).is_ok());
    // The device takes no ioctl, and the value is returned all the same.
    let failed = set.remove(evtchn_port_t(5)).unwrap_err();
    assert_eq!((failed.error.operation(), failed.returned), (UNBIND, Some(5)));
    assert!(matches!(set.remove(evtchn_port_t(5)), Ok(None)));
    assert_eq!((set.len(), set.is_empty()), (1, false));
    assert!(self::set([]).0.is_empty());
    assert_eq!(set.wait(Some(Duration::ZERO)), Ok(None));
}

/// The descriptor registers with an event loop, which sees each event once.
#[test]
fn events_wake_a_task_of_tokio_s() {
    let (events, mut other) = device();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // SAFETY: it owns its descriptor, and neither replaces nor closes it before it is dropped.
        let events = unsafe { tokio::io::unix::AsyncFd::register(events) }.unwrap();
        let mut buffer = ports([0; 3]);
        let none = tokio::time::timeout(Duration::from_millis(20), events.readable());
        assert!(none.await.is_err(), "no event yet");
        for number in [5, 6] {
            other.write_all(bytes(&ports([number]))).unwrap();
            let mut ready = events.readable().await.unwrap();
            let pending = ready.get_inner().pending(&mut buffer);
            assert_eq!(pending, Ok(Some(&ports([number])[..])));
            assert_eq!(ready.get_inner().pending(&mut buffer), Ok(None));
            ready.clear_ready();
        }
    });
}

#[test]
fn a_channel_waits_for_its_port_and_lets_the_next_event_come() {
    use std::io::Read as _;

    use xen_ops::events::EventChannel as _;

    let (events, mut other) = device();
    let port = Port::new(&events.device, evtchn_port_t(5));
    let channel = Channel::of(events, port);
    assert_eq!(channel.wait(Some(Duration::ZERO)), Ok(false));
    other.write_all(bytes(&ports([5]))).unwrap();
    assert_eq!(channel.wait(None), Ok(true));
    let mut unmasked = [0; 4];
    other.read_exact(&mut unmasked).unwrap();
    assert_eq!(u32::from_ne_bytes(unmasked), 5);
    assert_eq!(channel.wait(Some(Duration::ZERO)), Ok(false));
    assert_eq!(channel.notify(), Err(Error::new(NOTIFY, Cause::Unsupported)));
}
