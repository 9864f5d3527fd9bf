//! Bitmaps of processors.

use xen_abi::Errno;
use xen_abi::xen::xenctl_bitmap;
use xen_ops::Hypercall;
use xen_ops::hypercall::HypercallBuffer;

use super::capacity;

/// A bitmap that Xen reads or writes, and the argument that names it.
pub(crate) fn argument<H: Hypercall>(
    buffer: &HypercallBuffer<'_, H, [u8]>,
    bytes: usize,
) -> xenctl_bitmap {
    let nr_bits = capacity(bytes.saturating_mul(8));
    xenctl_bitmap { bitmap: buffer.handle(), nr_bits, ..xenctl_bitmap::ZERO }
}

/// A buffer for Xen to write a bitmap to.
pub(crate) fn buffer<'a, H: Hypercall>(
    xen: &'a H,
    bitmap: &'a mut [u8],
) -> Result<HypercallBuffer<'a, H, [u8]>, Errno> {
    // Xen leaves bytes beyond its own bitmap alone.
    bitmap.fill(0);
    HypercallBuffer::to_write(xen, bitmap)
}
