//! `xen_fuzz::drivers` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| xen_fuzz::drivers(bytes));
