//! Rings of events in a page, of as many entries as fit: where an entry lies.
//!
//! Upstream: `XEN*_RING` and `XEN*_RING_REF` of the headers in `xen/include/public/io`. Those make
//! pointers; these functions give the entry's offset in the page, in bytes, from its free-running
//! index. The ring itself begins at the generated constant `XEN*_RING_OFFS`, entry 0 with it.

macro_rules! rings {
    ($($(#[$doc:meta])* $name:ident: $event:ident, $offset:ident, $length:ident of $header:ident;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub const fn $name(idx: u32) -> usize {
                use crate::io::$header::{$event, $length, $offset};
                $offset as usize + idx as usize % $length as usize * size_of::<$event>()
            }

            // The last entry ends within the page.
            const _: () = assert!(
                $name(crate::io::$header::$length as u32 - 1)
                    + size_of::<crate::io::$header::$event>()
                    <= super::FRAME_SIZE as usize
            );
        )*
    };
}

rings! {
    /// The place of a camera's event in its event page.
    ///
    /// `XENCAMERA_IN_RING_REF` of `io/cameraif.h`.
    xencamera_in_ring_ref: xencamera_evt, XENCAMERA_IN_RING_OFFS, XENCAMERA_IN_RING_LEN of cameraif;
    /// The place of a display's event in its event page.
    ///
    /// `XENDISPL_IN_RING_REF` of `io/displif.h`.
    ///
    /// ```
    /// # use xen_abi::macros::page_ring::xendispl_in_ring_ref;
    /// assert_eq!(xendispl_in_ring_ref(64), 64 + 64); // entry 64 modulo 63, after the header
    /// ```
    xendispl_in_ring_ref: xendispl_evt, XENDISPL_IN_RING_OFFS, XENDISPL_IN_RING_LEN of displif;
    /// The place of an event to the frame buffer's front end in its page.
    ///
    /// `XENFB_IN_RING_REF` of `io/fbif.h`.
    xenfb_in_ring_ref: xenfb_in_event, XENFB_IN_RING_OFFS, XENFB_IN_RING_LEN of fbif;
    /// The place of an event from the frame buffer's front end in its page.
    ///
    /// `XENFB_OUT_RING_REF` of `io/fbif.h`.
    xenfb_out_ring_ref: xenfb_out_event, XENFB_OUT_RING_OFFS, XENFB_OUT_RING_LEN of fbif;
    /// The place of an event to the keyboard's front end in its page.
    ///
    /// `XENKBD_IN_RING_REF` of `io/kbdif.h`.
    xenkbd_in_ring_ref: xenkbd_in_event, XENKBD_IN_RING_OFFS, XENKBD_IN_RING_LEN of kbdif;
    /// The place of an event from the keyboard's front end in its page.
    ///
    /// `XENKBD_OUT_RING_REF` of `io/kbdif.h`.
    xenkbd_out_ring_ref: xenkbd_out_event, XENKBD_OUT_RING_OFFS, XENKBD_OUT_RING_LEN of kbdif;
    /// The place of a sound card's event in its event page.
    ///
    /// `XENSND_IN_RING_REF` of `io/sndif.h`.
    xensnd_in_ring_ref: xensnd_evt, XENSND_IN_RING_OFFS, XENSND_IN_RING_LEN of sndif;
}
