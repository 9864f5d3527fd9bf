//! Rings of requests and responses.
