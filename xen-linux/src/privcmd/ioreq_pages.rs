//! The pages of an I/O request server: the vCPUs' requests, and the ring of buffered ones.

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

use std::sync::atomic::Ordering;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::ioreq::*;
use xen_ops::field;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Place;

use super::ResourceFrames;
use crate::{ReadWrite, View};

/// Requests in a page.
const PER_PAGE: usize = PAGE_SIZE / size_of::<ioreq>();

/// How many frames hold the requests of so many vCPUs.
pub(super) const fn frames_of(vcpus: usize) -> usize {
    vcpus.div_ceil(PER_PAGE)
}

/// An access of a guest that the server is to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoRequest {
    /// What is accessed: `IOREQ_TYPE_*`.
    pub kind: u8,
    /// The port, or the guest physical address, in bytes. For `IOREQ_TYPE_PCI_CONFIG` segment, bus, device
    /// and function in the upper half, the register below.
    pub address: u64,
    /// Bytes of each access.
    pub size: u32,
    /// Repetitions, of a string instruction.
    pub count: u32,
    /// Whether the guest writes.
    pub is_write: bool,
    /// The value that the guest writes, or the guest physical address of the values.
    pub data: u64,
    /// Whether `data` is an address.
    pub data_is_pointer: bool,
    /// Whether the repetitions go to lower addresses.
    pub descending: bool,
}

/// The request of a vCPU, which waits until it is completed.
#[derive(Debug)]
#[must_use = "the vCPU waits until the request is completed"]
pub struct VcpuRequest<'a> {
    place: RequestPlace<'a>,
    request: IoRequest,
}

/// The mapped pages of an I/O request server.
#[derive(Debug)]
#[must_use = "pages that are dropped are unmapped"]
pub struct IoreqPages {
    frames: ResourceFrames<ReadWrite>,
    vcpus: usize,
    /// Whether the first frame is the ring of buffered requests.
    has_ring: bool,
}

impl IoreqPages {
    pub(super) const fn new(
        frames: ResourceFrames<ReadWrite>,
        vcpus: usize,
        has_ring: bool,
    ) -> Self {
        Self { frames, vcpus, has_ring }
    }

    /// How many vCPUs have a request here.
    #[must_use]
    pub const fn vcpus(&self) -> usize {
        self.vcpus
    }

    /// The guest's port of a vCPU, to bind to: it tells of requests, and the server signals it when it has
    /// completed one. `None` past the last vCPU, and while Xen has not set it.
    #[must_use]
    pub fn port(&self, vcpu: usize) -> Option<evtchn_port_t> {
        let port = self.place(vcpu)?.port.load(Ordering::Acquire);
        Some(evtchn_port_t(port)).filter(|port| port.0 != 0)
    }

    /// Takes the request of a vCPU, if it has one.
    #[must_use = "the vCPU waits until the request is completed"]
    pub fn request(&self, vcpu: usize) -> Option<VcpuRequest<'_>> {
        self.place(vcpu)?.take()
    }

    /// Takes the next buffered request, for which no vCPU waits: a write.
    #[must_use]
    pub fn next_buffered(&self) -> Option<IoRequest> {
        let ring = if self.has_ring { self.frames.frame(0)? } else { return None };
        next_buffered(&ring)
    }

    fn place(&self, vcpu: usize) -> Option<RequestPlace<'_>> {
        if vcpu >= self.vcpus {
            return None;
        }
        let frame = usize::from(self.has_ring) + vcpu / PER_PAGE;
        RequestPlace::new(self.frames.frame(frame)?, vcpu % PER_PAGE)
    }
}

/// Where a vCPU's request is.
#[derive(Debug)]
struct RequestPlace<'a> {
    page: View<'a, ReadWrite>,
    offset: usize,
    state: Place<'a, u8, ReadWrite>,
    port: Place<'a, u32, ReadWrite>,
}

impl<'a> RequestPlace<'a> {
    fn new(page: View<'a, ReadWrite>, index: usize) -> Option<Self> {
        let offset = index.checked_mul(size_of::<ioreq>())?;
        let state = page.at(field!(ioreq, _bits0).moved(offset).ok()?);
        let port = page.at(field!(ioreq, vp_eport).moved(offset).ok()?);
        Some(Self { page, offset, state, port })
    }

    /// Xen writes nothing more to a request that is ready until it is completed.
    fn take(self) -> Option<VcpuRequest<'a>> {
        if u32::from(self.state.load(Ordering::Acquire) & STATE) != STATE_IOREQ_READY {
            return None;
        }
        let request: ioreq = self.page.read_obj(self.offset).ok()?;
        self.set_state(STATE_IOREQ_INPROCESS);
        let request = IoRequest {
            kind: request.type_,
            address: request.addr.into(),
            size: request.size,
            count: request.count,
            is_write: u32::from(request.dir()) == IOREQ_WRITE,
            data: request.data.into(),
            data_is_pointer: request.data_is_ptr() != 0,
            descending: request.df() != 0,
        };
        Some(VcpuRequest { place: self, request })
    }

    /// The other bits of the byte are the request's.
    fn set_state(&self, state: u32) {
        let others = self.state.load(Ordering::Relaxed) & !STATE;
        self.state.store(others | state as u8, Ordering::Release);
    }
}

/// The bits of the state in its byte.
const STATE: u8 = 0xf;

impl VcpuRequest<'_> {
    /// The access.
    #[must_use]
    pub const fn get(&self) -> IoRequest {
        self.request
    }

    /// Completes it: `data` is what the guest reads; for a write it does not matter. Then notify the vCPU's
    /// port, or the vCPU goes on waiting.
    pub fn complete(self, data: u64) {
        let Self { place, request } = self;
        if !request.is_write && !request.data_is_pointer {
            let offset = place.offset + field!(ioreq, data).offset();
            // The place is inside the page, so that this writes.
            let _ = place.page.write_obj(offset, &data);
        }
        place.set_state(STATE_IORESP_READY);
    }
}

/// The next request of a ring that was made with `HVM_IOREQSRV_BUFIOREQ_ATOMIC`: Xen may take whole turns
/// off both pointers at any time.
fn next_buffered(page: &View<'_, ReadWrite>) -> Option<IoRequest> {
    let read_pointer = page.at(field!(buffered_iopage, read_pointer));
    let write_pointer = page.at(field!(buffered_iopage, write_pointer));
    let mut read = read_pointer.load(Ordering::Acquire);
    let filled = loop {
        let written = write_pointer.load(Ordering::Acquire);
        let again = read_pointer.load(Ordering::Acquire);
        if again == read {
            break written.wrapping_sub(read);
        }
        read = again;
    };
    if filled == 0 || filled > IOREQ_BUFFER_SLOT_NUM {
        return None;
    }
    let slot = |number: u32| -> Option<buf_ioreq> {
        let index = (number % IOREQ_BUFFER_SLOT_NUM) as usize;
        let slots = core::mem::offset_of!(buffered_iopage, buf_ioreq);
        page.read_obj(slots + index * size_of::<buf_ioreq>()).ok()
    };
    let first = slot(read)?;
    let size = 1 << first.size();
    let mut data = u64::from(first.data);
    let slots = if size == 8 { 2 } else { 1 };
    if slots > filled {
        return None;
    }
    if size == 8 {
        data |= u64::from(slot(read.wrapping_add(1))?.data) << 32;
    }
    read_pointer.fetch_add(slots, Ordering::AcqRel);
    Some(IoRequest {
        kind: first.type_,
        address: first.addr().into(),
        size,
        count: 1,
        is_write: u32::from(first.dir()) == IOREQ_WRITE,
        data,
        data_is_pointer: false,
        descending: false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(unsafe_code, reason = "makes views of local memory")]

    use std::ptr::NonNull;

    use super::*;
    use crate::mmap_region::{MmapRegion, prot};
    use crate::testing::memory;

    #[repr(align(4096))]
    struct Page([u8; PAGE_SIZE]);

    fn page(page: &mut Page) -> View<'_, ReadWrite> {
        // SAFETY: a page of memory, borrowed for as long, which only views access.
        unsafe { View::new(NonNull::from(&mut page.0).cast()) }
    }

    fn ready(address: u64, write: bool) -> ioreq {
        let mut request = ioreq { addr: address.into(), size: 4, count: 1, ..ioreq::ZERO };
        request.data = 0x1234_u64.into();
        request.set_dir(u8::from(!write));
        request.set_state(STATE_IOREQ_READY as u8);
        request
    }

    #[test]
    fn a_request_is_taken_once_and_answered() {
        let mut memory = Page([0; PAGE_SIZE]);
        let view = page(&mut memory);
        let offset = 3 * size_of::<ioreq>();
        view.write_obj(offset, &ready(0x60, false)).unwrap();
        assert!(RequestPlace::new(view, 2).unwrap().take().is_none());
        let request = RequestPlace::new(view, 3).unwrap().take().unwrap();
        let expected = IoRequest {
            kind: 0,
            address: 0x60,
            size: 4,
            count: 1,
            is_write: false,
            data: 0x1234,
            data_is_pointer: false,
            descending: false,
        };
        assert_eq!(request.get(), expected);
        let taken: ioreq = view.read_obj(offset).unwrap();
        assert_eq!(u32::from(taken.state()), STATE_IOREQ_INPROCESS);
        assert_eq!((u32::from(taken.dir()), taken.df(), taken.data_is_ptr()), (IOREQ_READ, 0, 0));
        assert!(RequestPlace::new(view, 3).unwrap().take().is_none(), "it is in process");
        request.complete(0xff);
        let done: ioreq = view.read_obj(offset).unwrap();
        assert_eq!(u32::from(done.state()), STATE_IORESP_READY);
        assert_eq!((u64::from(done.data), u32::from(done.dir())), (0xff, IOREQ_READ));
    }

    /// Whose values are in the guest's memory.
    #[test]
    fn the_answer_to_a_string_instruction_leaves_the_address() {
        let mut memory = Page([0; PAGE_SIZE]);
        let view = page(&mut memory);
        let mut string = ready(0x70, false);
        string.set_data_is_ptr(1);
        string.set_df(1);
        view.write_obj(0, &string).unwrap();
        let request = RequestPlace::new(view, 0).unwrap().take().unwrap();
        assert!(request.get().data_is_pointer && request.get().descending);
        request.complete(0);
        let done: ioreq = view.read_obj(0).unwrap();
        assert_eq!((u64::from(done.data), done.df(), done.data_is_ptr()), (0x1234, 1, 1));
    }

    #[test]
    fn the_answer_to_a_write_leaves_the_data() {
        let mut memory = Page([0; PAGE_SIZE]);
        let view = page(&mut memory);
        view.write_obj(0, &ready(0x70, true)).unwrap();
        let request = RequestPlace::new(view, 0).unwrap().take().unwrap();
        assert_eq!((request.get().is_write, request.get().data), (true, 0x1234));
        request.complete(0);
        assert_eq!(u64::from(view.read_obj::<ioreq>(0).unwrap().data), 0x1234);
    }

    /// Writes a slot and counts it, as Xen does.
    fn put(view: &View<'_, ReadWrite>, size: u8, data: u32) {
        let pointer = view.at(field!(buffered_iopage, write_pointer));
        let at = pointer.load(Ordering::Relaxed) % IOREQ_BUFFER_SLOT_NUM;
        let mut slot = buf_ioreq { data, ..buf_ioreq::ZERO };
        slot.set_addr(0xa0000);
        slot.set_size(size);
        slot.set_dir(IOREQ_WRITE as u8);
        view.write_obj(8 + at as usize * 8, &slot).unwrap();
        pointer.fetch_add(1, Ordering::Release);
    }

    #[test]
    fn buffered_requests_come_in_order_and_wide_ones_take_two_slots() {
        let mut memory = Page([0; PAGE_SIZE]);
        let view = page(&mut memory);
        // At the end of the ring, so that the second half is in the first slot.
        let start = (IOREQ_BUFFER_SLOT_NUM - 2).to_ne_bytes();
        view.write(0, &start).unwrap();
        view.write(4, &start).unwrap();
        assert_eq!(next_buffered(&view), None);
        put(&view, 2, 7);
        put(&view, 3, 0x8765_4321);
        assert_eq!(next_buffered(&view).map(|request| (request.size, request.data)), Some((4, 7)));
        assert_eq!(next_buffered(&view), None, "half of a request");
        put(&view, 3, 0xcba9);
        let wide = next_buffered(&view).unwrap();
        assert_eq!((wide.size, wide.data, wide.address), (8, 0xcba9_8765_4321, 0xa0000));
        assert!(wide.is_write);
        assert_eq!(next_buffered(&view), None);
    }

    #[test]
    fn pointers_that_are_too_far_apart_are_an_empty_ring() {
        let mut memory = Page([0; PAGE_SIZE]);
        let view = page(&mut memory);
        view.write(4, &(IOREQ_BUFFER_SLOT_NUM + 1).to_ne_bytes()).unwrap();
        assert_eq!(next_buffered(&view), None);
        view.write(4, &IOREQ_BUFFER_SLOT_NUM.to_ne_bytes()).unwrap();
        assert!(next_buffered(&view).is_some());
    }

    #[test]
    fn each_page_has_the_requests_of_128_vcpus() {
        assert_eq!([1, 128, 129].map(frames_of), [1, 1, 2]);
    }

    /// The pages of 132 vCPUs, behind a ring or without one.
    fn pages(has_ring: bool) -> IoreqPages {
        let size = (usize::from(has_ring) + 2) * PAGE_SIZE;
        let (device, _) = memory("ioreq-pages", size);
        let region = MmapRegion::map(&device, 0, size, prot::<ReadWrite>()).unwrap();
        IoreqPages::new(ResourceFrames::new(region), 132, has_ring)
    }

    #[test]
    fn requests_follow_the_ring() {
        for has_ring in [false, true] {
            let pages = pages(has_ring);
            assert_eq!(pages.vcpus(), 132);
            let last = pages.frames.frame(usize::from(has_ring) + 1).unwrap();
            // The vCPUs 131 and 132, of which there is only the first.
            for index in [3, 4] {
                let request = ioreq { vp_eport: 7, ..ready(0x60, false) };
                last.write_obj(index * size_of::<ioreq>(), &request).unwrap();
            }
            assert_eq!(
                [130, 131, 132].map(|vcpu| pages.port(vcpu).map(|port| port.0)),
                [None, Some(7), None]
            );
            assert!([130, 132].iter().all(|&vcpu| pages.request(vcpu).is_none()));
            assert_eq!(pages.request(131).unwrap().get().address, 0x60);
        }
    }

    #[test]
    fn buffered_requests_are_in_the_first_frame_of_a_server_with_a_ring() {
        for has_ring in [false, true] {
            let pages = pages(has_ring);
            put(&pages.frames.frame(0).unwrap(), 2, 7);
            assert_eq!(pages.next_buffered().map(|request| request.data), has_ring.then_some(7));
        }
    }
}
