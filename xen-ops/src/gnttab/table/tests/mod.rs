//! Tests of the granting side, against a Xen of a few lines.

#![allow(unsafe_code, reason = "plays Xen and its memory")]
#![allow(non_upper_case_globals, reason = "upstream's names in patterns")]

mod defects;
mod fake;
mod granting;
mod local;
mod references;
mod starting;
#[cfg(not(target_arch = "x86"))]
mod wide;
