#![doc = include_str!("../README.md")]
#![no_std]
#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod build;
mod control;
mod detect;
mod error;
mod every;
mod owned;
pub mod raw;
mod reader;
mod release;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use build::{
    BuildError, BuiltGuest, KernelError, MAX_MODULES, Module, PvhGuest, PvhKernel, Segment,
    SharedRing,
};
pub use control::{
    Altp2m, ArchConfig, CreateConfig, Monitor, MonitorEvent, Toolstack, vm_event_response,
};
pub use detect::{DetectError, Detected};
pub use error::Error;
pub use owned::OwnedDomain;
pub use reader::{
    ConsoleRead, CpuPoolInfo, DomainBuffer, DomainInfo, Domains, Reader, Scheduler,
    SchedulerParams, TscInfo,
};
pub use release::{Release, Versions};
pub use xen_abi;
pub use xen_ops;
