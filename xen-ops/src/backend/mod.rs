//! Backends: the ways to a hypervisor.
