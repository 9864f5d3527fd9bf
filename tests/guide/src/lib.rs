//! The pages of the guide, so that rustdoc runs their snippets. There is nothing else here.

#[doc = include_str!("../../../docs/guide/start.md")]
pub mod start {}
