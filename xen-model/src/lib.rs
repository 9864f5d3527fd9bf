//! A Xen inside one process.
