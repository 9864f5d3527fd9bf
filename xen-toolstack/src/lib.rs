#![doc = include_str!("../README.md")]
#![no_std]
#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

mod control;
mod detect;
mod error;
mod every;
pub mod raw;
mod reader;
mod release;

pub use control::{Altp2m, ArchConfig, CreateConfig, Monitor, MonitorEvent, Toolstack};
pub use detect::{DetectError, Detected};
pub use error::Error;
pub use reader::{
    ConsoleRead, CpuPoolInfo, DomainBuffer, DomainInfo, Domains, Reader, Scheduler,
    SchedulerParams, TscInfo,
};
pub use release::{Release, Versions};
pub use xen_abi;
pub use xen_ops;
