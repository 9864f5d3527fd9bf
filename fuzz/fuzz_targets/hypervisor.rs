//! `xen_fuzz::hypervisor` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xen_fuzz::hypervisor(bytes));
