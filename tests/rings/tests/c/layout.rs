//! As many entries as C counts, where C has them.

use xen_io::ring::protocols::{
    Blkif, Cameraif, Displif, Fsif, NetifCtrl, NetifRx, NetifTx, Pvcalls, Sndif, UsbifConn,
    UsbifUrb, VmEvent, Vscsiif,
};
use xen_io::ring::{Front, Protocol};
use xen_io::xen_abi::from_bytes;
use xen_rings::Memory;

use super::peer;

fn agrees<P: Protocol>(tag: &str) {
    // SAFETY: these are their types.
    let (entries, offset) = unsafe {
        (
            peer().function::<unsafe extern "C" fn(usize) -> u32>(&format!("{tag}_entries")),
            peer().function::<unsafe extern "C" fn(u32) -> usize>(&format!("{tag}_entry_offset")),
        )
    };
    for pages in [1, 2, 3, 4, 8, 16] {
        // SAFETY: it computes.
        let in_c = unsafe { entries(pages * 4096) };
        assert_eq!(P::entries(pages), Some(in_c), "{tag}: {pages} pages");
    }
    // Each request lies where C has it, and is no larger.
    let memory = Memory::new(2);
    let mut front = Front::<P, _>::new(memory.views()).unwrap();
    let ones = vec![0xff; size_of::<P::Request>()];
    let request: P::Request = from_bytes(&ones).unwrap();
    for index in 0..front.size() {
        front.put(&request).unwrap();
        let views = memory.views();
        let byte = |at: usize| views[at / 4096].read_obj::<u8>(at % 4096).unwrap();
        // SAFETY: it computes.
        let start = unsafe { offset(index) };
        assert!((start..start + ones.len()).all(|at| byte(at) == 0xff), "{tag}: {index}");
        assert!((start + ones.len()..2 * 4096).all(|at| byte(at) == 0), "{tag}: {index}");
        views.iter().for_each(|view| view.clear());
    }
}

#[test]
fn entries_of_every_protocol_lie_where_c_has_them() {
    agrees::<Blkif>("blkif");
    agrees::<NetifTx>("netif_tx");
    agrees::<NetifRx>("netif_rx");
    agrees::<NetifCtrl>("xen_netif_ctrl");
    agrees::<Vscsiif>("vscsiif");
    agrees::<UsbifUrb>("usbif_urb");
    agrees::<UsbifConn>("usbif_conn");
    agrees::<Displif>("xen_displif");
    agrees::<Sndif>("xen_sndif");
    agrees::<Cameraif>("xen_cameraif");
    agrees::<Pvcalls>("xen_pvcalls");
    agrees::<Fsif>("fsif");
    agrees::<VmEvent>("vm_event");
}
