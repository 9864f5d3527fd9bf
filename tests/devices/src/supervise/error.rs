//! Why a program could not be supervised.

use std::io;

use nix::errno::Errno;

/// Why a program could not be supervised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program could not be started.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The kernel refused to trace it, or a request of ptrace failed.
    #[error(
        "ptrace: {0}; where a container forbids it, its seccomp profile must allow ptrace and \
         process_vm_readv"
    )]
    Trace(#[from] Errno),
    /// There is no space for its output, or no descriptor left for the supervisor.
    #[error("the supervisor's own files: {0}; TMPDIR sets their directory")]
    Files(#[from] io::Error),
}
