//! The pages of the guide, so that rustdoc runs their snippets. There is nothing else here.

#[doc = include_str!("../../../docs/guide/from-c.md")]
pub mod from_c {}
#[doc = include_str!("../../../docs/guide/from-kernels.md")]
pub mod from_kernels {}
#[doc = include_str!("../../../docs/guide/from-rust.md")]
pub mod from_rust {}
#[doc = include_str!("../../../docs/guide/start.md")]
pub mod start {}
