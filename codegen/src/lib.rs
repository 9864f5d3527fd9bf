//! Xen's public headers to Rust.
//!
//! Headers come from [`xen_headers`]; [`import`] runs bindgen over them and builds the [`ir`];
//! [`transform`] applies one rule a file; [`validate`] checks the result; [`emit`] prints
//! `xen-abi`'s modules and [`view`] everything a person or another program reads.

pub mod arch;
pub mod error;
pub mod docs;
pub mod emit;
mod exceptions;
pub mod families;
pub mod import;
pub mod ir;
pub mod layout;
pub mod transform;
