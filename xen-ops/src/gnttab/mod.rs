//! Grant tables: lending pages to other domains, and using what they lend.

pub mod batch;
pub mod copy;
#[cfg(test)]
mod fake;
#[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
pub mod flush;
pub mod foreign;
pub mod map;
pub mod replace;
pub mod retry;
pub mod swap;
pub mod target;
#[cfg(test)]
mod tests;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod transfer;
