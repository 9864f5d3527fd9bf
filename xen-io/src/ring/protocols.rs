//! The protocols of `xen/include/public/io` whose rings carry requests and responses, and that of
//! `vm_event.h`.
//!
//! PCI devices (`pciif.h`) and TPMs (`tpmif.h`) have no ring: one request at a time lies in a shared
//! page.

use xen_abi::io::{blkif, cameraif, displif, fsif, netif, pvcalls, sndif, usbif, vscsiif};

use super::protocol::{Protocol, entry_size};

macro_rules! protocols {
    ($($(#[$meta:meta])* $name:ident = $text:literal: $request:ty, $response:ty, $entry:ty;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        $(#[$meta])*
        impl Protocol for $name {
            type Request = $request;
            type Response = $response;
            const NAME: &'static str = $text;
        }

        // The entry is as large as C makes it.
        $(#[$meta])*
        const _: () = assert!(entry_size::<$name>() == size_of::<$entry>());
    )*};
}

protocols! {
    /// Block devices, between domains of the same architecture.
    ///
    /// The requests that are not [`blkif_request`](blkif::blkif_request) lie in the same bytes: see
    /// [`block::Request`](crate::block::Request).
    Blkif = "blkif": blkif::blkif_request, blkif::blkif_response, blkif::blkif_sring_entry;

    /// Network devices: packets from the front end.
    NetifTx = "netif tx":
        netif::netif_tx_request, netif::netif_tx_response, netif::netif_tx_sring_entry;

    /// Network devices: packets to the front end.
    NetifRx = "netif rx":
        netif::netif_rx_request, netif::netif_rx_response, netif::netif_rx_sring_entry;

    /// Network devices: control messages.
    NetifCtrl = "netif ctrl":
        netif::xen_netif_ctrl_request, netif::xen_netif_ctrl_response,
        netif::xen_netif_ctrl_sring_entry;

    /// SCSI devices.
    Vscsiif = "vscsiif":
        vscsiif::vscsiif_request, vscsiif::vscsiif_response, vscsiif::vscsiif_sring_entry;

    /// USB controllers: transfers.
    UsbifUrb = "usbif urb":
        usbif::usbif_urb_request, usbif::usbif_urb_response, usbif::usbif_urb_sring_entry;

    /// USB controllers: devices that are plugged in and out.
    UsbifConn = "usbif conn":
        usbif::usbif_conn_request, usbif::usbif_conn_response, usbif::usbif_conn_sring_entry;

    /// Displays. Their events are in [`DisplifEvents`](super::event::DisplifEvents).
    Displif = "displif":
        displif::xendispl_req, displif::xendispl_resp, displif::xen_displif_sring_entry;

    /// Sound devices. Their events are in [`SndifEvents`](super::event::SndifEvents).
    Sndif = "sndif": sndif::xensnd_req, sndif::xensnd_resp, sndif::xen_sndif_sring_entry;

    /// Cameras. Their events are in [`CameraifEvents`](super::event::CameraifEvents).
    Cameraif = "cameraif":
        cameraif::xencamera_req, cameraif::xencamera_resp, cameraif::xen_cameraif_sring_entry;

    /// Socket calls. The sockets' data are in streams: [`stream::flex`](crate::stream::flex).
    Pvcalls = "pvcalls":
        pvcalls::xen_pvcalls_request, pvcalls::xen_pvcalls_response,
        pvcalls::xen_pvcalls_sring_entry;

    /// File systems.
    Fsif = "fsif": fsif::fsif_request, fsif::fsif_response, fsif::fsif_sring_entry;

    /// Events of a domain's virtual CPUs. Xen is the front end.
    #[cfg(feature = "toolstack")]
    #[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
    VmEvent = "vm_event":
        xen_abi::vm_event::vm_event_request_t, xen_abi::vm_event::vm_event_response_t,
        xen_abi::vm_event::vm_event_sring_entry;

    /// Block devices of a front end that is compiled for 32-bit x86, whatever this side is compiled
    /// for.
    #[cfg(feature = "foreign")]
    #[cfg_attr(docsrs, doc(cfg(feature = "foreign")))]
    BlkifX86_32 = "blkif x86_32":
        xen_abi::foreign::x86_32::io::blkif::blkif_request,
        xen_abi::foreign::x86_32::io::blkif::blkif_response,
        xen_abi::foreign::x86_32::io::blkif::blkif_sring_entry;

    /// Block devices of a front end that is compiled for 64-bit x86, whatever this side is compiled
    /// for.
    #[cfg(feature = "foreign")]
    #[cfg_attr(docsrs, doc(cfg(feature = "foreign")))]
    BlkifX86_64 = "blkif x86_64":
        xen_abi::foreign::x86_64::io::blkif::blkif_request,
        xen_abi::foreign::x86_64::io::blkif::blkif_response,
        xen_abi::foreign::x86_64::io::blkif::blkif_sring_entry;
}
