#![doc = include_str!("../README.md")]

pub mod catalogue;
pub mod cells;
mod embedded;
mod error;
pub mod model;
mod records;
mod spell;
mod text;
pub mod view;

pub use embedded::{files, records, records_within, records_without_lines};
pub use error::Error;
pub use records::{Entry, Header, Records, Variant};
pub use spell::{integer, spell};
pub use text::{FORMAT, Files, sealed};
