//! Panics in code of the caller's that runs in the middle of an operation: wakers, closures, iterators,
//! pages, targets, backends, and the hook of the simulator.
//!
//! Each test runs once for every call of such code, and that call panics. Afterwards no reference has two
//! owners, no page was returned while a peer had it mapped, no target while something was mapped there,
//! and each waiter was woken.
#![allow(unsafe_code, reason = "implements what the operations rely on")]

#[path = "unwinding/batches.rs"]
mod batches;
#[path = "unwinding/deferred.rs"]
mod deferred;
#[path = "unwinding/exchanging.rs"]
mod exchanging;
#[path = "unwinding/granting.rs"]
mod granting;
#[path = "unwinding/mapping.rs"]
mod mapping;
#[path = "unwinding/support.rs"]
mod support;
#[path = "unwinding/targets.rs"]
mod targets;
#[path = "unwinding/waiting.rs"]
mod waiting;
