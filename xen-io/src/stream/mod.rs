//! Streams of bytes over a shared page.
