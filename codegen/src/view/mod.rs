//! The ABI for people and for other programs to read.

pub mod diff;
pub mod export;
pub mod layout;
pub mod text;
