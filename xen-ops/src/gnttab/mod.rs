//! Grant tables: lending pages to other domains, and using what they lend.

pub mod batch;
pub mod copy;
#[cfg(test)]
mod fake;
pub mod flush;
pub mod foreign;
pub mod gone;
pub mod map;
pub mod replace;
pub mod retry;
pub mod swap;
pub mod target;
#[cfg(test)]
mod tests;
pub mod transfer;
