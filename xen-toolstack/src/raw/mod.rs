//! Every domctl and sysctl of each release, with its argument typed by that release's headers.
//!
//! Each release has a module with one constant for each operation. What the crate's other types do not
//! offer is called here.
//!
//! A call with another release's constant is refused by Xen if the interface version differs, and
//! misunderstood if it does not: [`Reader::release`](crate::Reader::release) says which one to use.
//!
//! Upstream: `xen/include/public/domctl.h` and `sysctl.h`.

mod domctl;
mod sysctl;

use core::marker::PhantomData;

use xen_abi::domctl::{xen_domctl, xen_domctl_u};
use xen_abi::sysctl::{xen_sysctl, xen_sysctl_u};
use xen_abi::xen::{__HYPERVISOR_domctl, __HYPERVISOR_sysctl, domid_t};
use xen_abi::{Errno, Plain, as_bytes, from_bytes};
use xen_ops::Hypercall;
use xen_ops::hypercall::{Error, HypercallBuffer};

/// The argument of an operation that has none.
pub type Nothing = [u8; 0];

/// The union of arguments, as bytes.
type Bytes = [u8; 128];

/// Marks operations that no argument makes a danger to the caller's memory.
#[derive(Clone, Copy, Debug)]
pub struct Safe(());

/// Marks operations whose argument has addresses in the caller's memory, or that can change what memory
/// the caller itself has.
#[derive(Clone, Copy, Debug)]
pub struct Unsafe(());

/// Stands for an argument that goes in and comes out.
type Marker<K, A, S> = PhantomData<(K, fn(A) -> A, S)>;

/// An operation of one release, whose argument is an `A`.
#[derive(Debug)]
pub struct Operation<K, A, S = Safe> {
    name: &'static str,
    command: u32,
    version: u32,
    marker: Marker<K, A, S>,
}

/// Marks operations on a domain.
#[derive(Clone, Copy, Debug)]
pub struct OnDomain(());

/// Marks operations on the machine.
#[derive(Clone, Copy, Debug)]
pub struct OnMachine(());

/// A domctl of one release, whose argument is an `A`.
pub type Domctl<A, S = Safe> = Operation<OnDomain, A, S>;

/// A sysctl of one release, whose argument is an `A`.
pub type Sysctl<A, S = Safe> = Operation<OnMachine, A, S>;

/// A domctl's answer beside its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The result of the hypercall: 0, or a value.
    pub value: usize,
    /// The domain, which some operations set.
    pub domain: domid_t,
}

impl<K, A, S> Clone for Operation<K, A, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A, S> Copy for Operation<K, A, S> {}

impl<K, A: Plain, S> Operation<K, A, S> {
    const fn new(name: &'static str, command: u32, version: u32) -> Self {
        assert!(size_of::<A>() <= size_of::<Bytes>());
        Self { name, command, version, marker: PhantomData }
    }

    /// Upstream's name, such as `XEN_DOMCTL_pausedomain`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Upstream's number.
    #[must_use]
    pub const fn command(&self) -> u32 {
        self.command
    }

    /// The version that the argument carries; 0 for an operation that is stable.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }
}

impl<A: Plain, S> Domctl<A, S> {
    /// Makes the call, with another version unless the operation is stable.
    ///
    /// # Safety
    ///
    /// As [`call`](Domctl::call) of an unsafe operation.
    #[allow(unsafe_code, reason = "issues the hypercall")]
    pub(crate) unsafe fn issue<H: Hypercall>(
        &self,
        version: u32,
        xen: &H,
        domain: domid_t,
        argument: &mut A,
    ) -> Result<Reply, Error> {
        let mut op = xen_domctl {
            cmd: self.command,
            interface_version: if self.version == 0 { 0 } else { version },
            domain,
            u: xen_domctl_u::from_pad(padded(argument)),
            ..xen_domctl::ZERO
        };
        let result = HypercallBuffer::to_write(xen, &mut op).map(|buffer| {
            // SAFETY: the argument is a whole domctl. The caller promises the rest.
            unsafe { xen.call1(__HYPERVISOR_domctl, [buffer.address()]) }
        });
        let value = value(self.name, result)?;
        unpad(op.u.pad(), argument);
        Ok(Reply { value, domain: op.domain })
    }
}

impl<A: Plain> Domctl<A> {
    /// Makes the call for `domain`, and writes what Xen answers to `argument`.
    ///
    /// # Errors
    ///
    /// What Xen answers: `EACCES` if it has another interface version, `EPERM` if the caller is no control
    /// domain, `ESRCH` if there is no such domain, and the operation's own.
    pub fn call<H: Hypercall>(
        &self,
        xen: &H,
        domain: domid_t,
        argument: &mut A,
    ) -> Result<Reply, Error> {
        self.call_as(self.version, xen, domain, argument)
    }

    #[allow(unsafe_code, reason = "a safe operation")]
    pub(crate) fn call_as<H: Hypercall>(
        &self,
        version: u32,
        xen: &H,
        domain: domid_t,
        argument: &mut A,
    ) -> Result<Reply, Error> {
        // SAFETY: the table marks the operation as safe: its argument has no addresses, and Xen refuses it
        // for the caller's own domain or does not touch that domain's memory.
        unsafe { self.issue(version, xen, domain, argument) }
    }
}

impl<A: Plain> Domctl<A, Unsafe> {
    /// Makes the call for `domain`, and writes what Xen answers to `argument`.
    ///
    /// # Errors
    ///
    /// What Xen answers: `EACCES` if it has another interface version, `EPERM` if the caller is no control
    /// domain, `ESRCH` if there is no such domain, and the operation's own.
    ///
    /// # Safety
    ///
    /// Every handle in the argument is null or the address of as many bytes as the argument says, which
    /// the hypervisor can reach and may access as the operation does. If `domain` is the caller's own,
    /// nothing relies on the memory that the operation changes.
    #[allow(unsafe_code, reason = "an unsafe operation")]
    pub unsafe fn call<H: Hypercall>(
        &self,
        xen: &H,
        domain: domid_t,
        argument: &mut A,
    ) -> Result<Reply, Error> {
        // SAFETY: the caller's promise.
        unsafe { self.issue(self.version, xen, domain, argument) }
    }
}

impl<A: Plain, S> Sysctl<A, S> {
    /// Makes the call, with another version.
    ///
    /// # Safety
    ///
    /// As [`call`](Sysctl::call) of an unsafe operation.
    #[allow(unsafe_code, reason = "issues the hypercall")]
    pub(crate) unsafe fn issue<H: Hypercall>(
        &self,
        version: u32,
        xen: &H,
        argument: &mut A,
    ) -> Result<usize, Error> {
        let u = xen_sysctl_u::from_pad(padded(argument));
        let mut op = xen_sysctl { cmd: self.command, interface_version: version, u };
        let result = HypercallBuffer::to_write(xen, &mut op).map(|buffer| {
            // SAFETY: the argument is a whole sysctl. The caller promises the rest.
            unsafe { xen.call1(__HYPERVISOR_sysctl, [buffer.address()]) }
        });
        let value = value(self.name, result)?;
        unpad(op.u.pad(), argument);
        Ok(value)
    }
}

impl<A: Plain> Sysctl<A> {
    /// Makes the call, writes what Xen answers to `argument`, and returns the result of the hypercall.
    ///
    /// # Errors
    ///
    /// What Xen answers: `EACCES` if it has another interface version, `EPERM` if the caller is no control
    /// domain, and the operation's own.
    pub fn call<H: Hypercall>(&self, xen: &H, argument: &mut A) -> Result<usize, Error> {
        self.call_as(self.version, xen, argument)
    }

    #[allow(unsafe_code, reason = "a safe operation")]
    pub(crate) fn call_as<H: Hypercall>(
        &self,
        version: u32,
        xen: &H,
        argument: &mut A,
    ) -> Result<usize, Error> {
        // SAFETY: the table marks the operation as safe: its argument has no addresses.
        unsafe { self.issue(version, xen, argument) }
    }
}

impl<A: Plain> Sysctl<A, Unsafe> {
    /// Makes the call, writes what Xen answers to `argument`, and returns the result of the hypercall.
    ///
    /// # Errors
    ///
    /// What Xen answers: `EACCES` if it has another interface version, `EPERM` if the caller is no control
    /// domain, and the operation's own.
    ///
    /// # Safety
    ///
    /// Every handle in the argument is null or the address of as many bytes as the argument says, which
    /// the hypervisor can reach and may access as the operation does.
    #[allow(unsafe_code, reason = "an unsafe operation")]
    pub unsafe fn call<H: Hypercall>(&self, xen: &H, argument: &mut A) -> Result<usize, Error> {
        // SAFETY: the caller's promise.
        unsafe { self.issue(self.version, xen, argument) }
    }
}

fn padded<A: Plain>(argument: &A) -> Bytes {
    let mut bytes = [0; size_of::<Bytes>()];
    let argument = as_bytes(argument);
    bytes[..argument.len()].copy_from_slice(argument);
    bytes
}

fn unpad<A: Plain>(bytes: &Bytes, argument: &mut A) {
    if let Some(value) = bytes.get(..size_of::<A>()).and_then(from_bytes) {
        *argument = value;
    }
}

/// A result that is not negative, or the error.
fn value(name: &'static str, result: Result<isize, Errno>) -> Result<usize, Error> {
    let result = result.map_err(|errno| Error::from_errno(name, errno))?;
    usize::try_from(result).map_err(|_| Error::from_result(name, result))
}

/// A constant for each row of a table.
macro_rules! rows {
    (
        $kind:ident $union:ident $version:ident;
        $($safety:ident $name:ident = $number:ident $(($argument:ident) $member:ident $from:ident)?;)*
    ) => {$(
        #[doc = concat!("`", stringify!($number), "`")]
        pub const $name: crate::raw::$kind<
            crate::raw::argument!($($argument)?),
            crate::raw::safety!($safety),
        > = crate::raw::$kind::new(
            stringify!($number),
            $number,
            crate::raw::version!($safety $version),
        );

        // The member of the union has this type.
        $(const _: (fn($argument) -> $union, fn(&$union) -> &$argument) =
            ($union::$from, $union::$member);)?
    )*};
}
use rows;

macro_rules! argument {
    () => {
        crate::raw::Nothing
    };
    ($argument:ident) => {
        $argument
    };
}
use argument;

macro_rules! safety {
    (unsafe) => {
        crate::raw::Unsafe
    };
    ($safe:ident) => {
        crate::raw::Safe
    };
}
use safety;

/// The version in the argument: stable operations have none.
macro_rules! version {
    (stable $version:ident) => {
        0
    };
    ($unstable:ident $version:ident) => {
        $version
    };
}
use version;

macro_rules! release {
    ($($module:ident: $name:literal { $($has:ident)* })*) => {$(
        #[doc = concat!("The operations of Xen ", $name, ".")]
        #[allow(non_upper_case_globals, reason = "upstream's names")]
        pub mod $module {
            pub use xen_abi::toolstack::$module as abi;

            /// Operations on a domain.
            pub mod domctl {
                use xen_abi::toolstack::$module::domctl::*;

                crate::raw::domctl::domctls! { $($has)* }

                // The envelope is the same in all releases.
                const _: () = assert!(
                    size_of::<xen_domctl>() == size_of::<xen_abi::domctl::xen_domctl>()
                        && core::mem::offset_of!(xen_domctl, u)
                            == core::mem::offset_of!(xen_abi::domctl::xen_domctl, u)
                );
            }

            /// Operations on the machine.
            pub mod sysctl {
                use xen_abi::toolstack::$module::sysctl::*;

                crate::raw::sysctl::sysctls! { $($has)* }

                const _: () = assert!(
                    size_of::<xen_sysctl>() == size_of::<xen_abi::sysctl::xen_sysctl>()
                        && core::mem::offset_of!(xen_sysctl, u)
                            == core::mem::offset_of!(xen_abi::sysctl::xen_sysctl, u)
                );
            }
        }
    )*};
}

// After each release what it has and others lack.
release! {
    v4_17: "4.17" { until_4_21 }
    v4_18: "4.18" { until_4_21 since_4_18 }
    v4_19: "4.19" { until_4_21 since_4_18 since_4_19 }
    v4_20: "4.20" { until_4_21 since_4_18 since_4_19 since_4_20 }
    v4_21: "4.21" { until_4_21 since_4_18 since_4_19 since_4_20 since_4_21 }
    v4_22: "4.22" { since_4_18 since_4_19 since_4_20 since_4_21 }
}
