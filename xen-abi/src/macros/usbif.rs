//! USB pipes: `usbif_urb_request.pipe`.
//!
//! Upstream: `xen/include/public/io/usbif.h`.

use crate::io::usbif::{
    USBIF_PIPE_DEV_MASK, USBIF_PIPE_DEV_SHIFT, USBIF_PIPE_DIR, USBIF_PIPE_EP_MASK,
    USBIF_PIPE_EP_SHIFT, USBIF_PIPE_PORT_MASK, USBIF_PIPE_TYPE_BULK, USBIF_PIPE_TYPE_CTRL,
    USBIF_PIPE_TYPE_INT, USBIF_PIPE_TYPE_ISOC, USBIF_PIPE_TYPE_MASK, USBIF_PIPE_TYPE_SHIFT,
    USBIF_PIPE_UNLINK,
};

/// The port of the virtual host controller, 0 to 31.
///
/// `usbif_pipeportnum` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipeportnum(pipe: u32) -> u32 {
    pipe & USBIF_PIPE_PORT_MASK
}

/// `pipe` at port `portnum`, of which the low five bits count; another port in it is replaced, where
/// C would mix the two.
///
/// `usbif_setportnum_pipe` of `io/usbif.h`.
///
/// ```
/// # use xen_abi::macros::usbif::{usbif_pipeportnum, usbif_setportnum_pipe};
/// assert_eq!(usbif_pipeportnum(usbif_setportnum_pipe(0x8000_0001, 4)), 4);
/// ```
#[must_use]
pub const fn usbif_setportnum_pipe(pipe: u32, portnum: u32) -> u32 {
    pipe & !USBIF_PIPE_PORT_MASK | portnum & USBIF_PIPE_PORT_MASK
}

/// Whether the request takes back an earlier one.
///
/// `usbif_pipeunlink` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipeunlink(pipe: u32) -> bool {
    pipe & USBIF_PIPE_UNLINK != 0
}

/// Whether the request asks for a transfer.
///
/// `usbif_pipesubmit` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipesubmit(pipe: u32) -> bool {
    !usbif_pipeunlink(pipe)
}

/// `pipe`, to take an earlier request back.
///
/// `usbif_setunlink_pipe` of `io/usbif.h`.
#[must_use]
pub const fn usbif_setunlink_pipe(pipe: u32) -> u32 {
    pipe | USBIF_PIPE_UNLINK
}

/// Whether data goes from the device to the guest.
///
/// `usbif_pipein` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipein(pipe: u32) -> bool {
    pipe & USBIF_PIPE_DIR != 0
}

/// Whether data goes from the guest to the device.
///
/// `usbif_pipeout` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipeout(pipe: u32) -> bool {
    !usbif_pipein(pipe)
}

/// The device's address, 0 to 127.
///
/// `usbif_pipedevice` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipedevice(pipe: u32) -> u32 {
    pipe >> USBIF_PIPE_DEV_SHIFT & USBIF_PIPE_DEV_MASK
}

/// The device's endpoint, 0 to 15.
///
/// `usbif_pipeendpoint` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipeendpoint(pipe: u32) -> u32 {
    pipe >> USBIF_PIPE_EP_SHIFT & USBIF_PIPE_EP_MASK
}

/// The kind of transfer: `USBIF_PIPE_TYPE_*`.
///
/// `usbif_pipetype` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipetype(pipe: u32) -> u32 {
    pipe >> USBIF_PIPE_TYPE_SHIFT & USBIF_PIPE_TYPE_MASK
}

/// Whether transfers are isochronous.
///
/// `usbif_pipeisoc` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipeisoc(pipe: u32) -> bool {
    usbif_pipetype(pipe) == USBIF_PIPE_TYPE_ISOC
}

/// Whether transfers are by interrupt.
///
/// `usbif_pipeint` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipeint(pipe: u32) -> bool {
    usbif_pipetype(pipe) == USBIF_PIPE_TYPE_INT
}

/// Whether transfers are for control.
///
/// `usbif_pipectrl` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipectrl(pipe: u32) -> bool {
    usbif_pipetype(pipe) == USBIF_PIPE_TYPE_CTRL
}

/// Whether transfers are in bulk.
///
/// `usbif_pipebulk` of `io/usbif.h`.
#[must_use]
pub const fn usbif_pipebulk(pipe: u32) -> bool {
    usbif_pipetype(pipe) == USBIF_PIPE_TYPE_BULK
}
