//! Names that a release lacks, in modules that re-export another release's.

/// Makes each name private to the module, in place of the public one that comes with a glob.
///
/// A unit structure occupies the name for types and for values. So a use of the name does not compile:
///
#[cfg_attr(feature = "toolstack-4-17", doc = "```")]
#[cfg_attr(
    feature = "toolstack-4-17",
    doc = "use xen_abi::toolstack::v4_18::sysctl::xen_cppc_para;"
)]
#[cfg_attr(feature = "toolstack-4-17", doc = "```")]
///
#[cfg_attr(feature = "toolstack-4-17", doc = "```compile_fail,E0603")]
#[cfg_attr(
    feature = "toolstack-4-17",
    doc = "use xen_abi::toolstack::v4_17::sysctl::xen_cppc_para;"
)]
#[cfg_attr(feature = "toolstack-4-17", doc = "```")]
macro_rules! absent {
    ($($name:ident)*) => {$(
        #[allow(dead_code, reason = "only its name matters")]
        #[allow(hidden_glob_reexports, reason = "hides the name of another release")]
        struct $name;
    )*};
}
pub(crate) use absent;
