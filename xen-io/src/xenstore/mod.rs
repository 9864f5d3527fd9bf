//! The xenstore protocol.
