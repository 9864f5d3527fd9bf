//! Typed Xen hypercall wrappers from a table of operations.
//!
//! [`hypercalls!`] is re-exported by `xen-ops`, whose traits its expansion uses; depend on that crate
//! rather than on this one.

mod check;
mod expand;
mod parse;
mod table;
#[cfg(test)]
mod tests;

/// Expands a table of one hypercall's operations into typed wrappers.
///
/// A table begins with the hypercall's number and what it takes, in order: `command`, `argument`,
/// `count`, and numbers of its own that every operation has, as `vcpuid: u32`. Where names are regular
/// the rule follows that turns a row's name into the command and the structure: a row that follows
/// the rule cannot pair a command with another one's argument. The part about `arguments` may be
/// missing. An underscore at the end of a row's name, which keeps it apart from a keyword, is none of
/// the command's name.
///
/// A table is a promise, which is why it begins with `unsafe`. Rows that do not are functions that
/// anyone can call, so whoever writes the table answers for this: Xen reads and writes no memory but
/// what the row names, and whatever it writes there is a value of the type.
///
/// ```text
/// unsafe hypercall __HYPERVISOR_grant_table_op(command, argument, count);
/// commands GNTTABOP_*, arguments gnttab_*;
///
/// /// How large a grant table is and may become, in frames.
/// single query_size {
///     in dom: domid_t,
///     out nr_frames: u32,
///     out max_nr_frames: u32,
///     out status: GrantStatus,
/// } -> status;
///
/// /// Maps granted frames.
/// ///
/// /// # Safety
/// ///
/// /// ...
/// unsafe batch map_grant_ref {
///     in host_addr: u64,
///     in flags: u32,
///     in ref_: grant_ref_t,
///     in dom: domid_t,
///     out status: GrantStatus,
///     out handle: grant_handle_t,
///     out dev_bus_addr: u64,
/// } -> status;
/// ```
///
/// # A row
///
/// `[unsafe] FORM NAME [= COMMAND] [: STRUCTURE] [on ARCHITECTURES] [ARGUMENT] -> CONVENTION;`
///
/// | part | what it says |
/// |---|---|
/// | `unsafe` | a call can break memory; the row's documentation then has a section `# Safety` |
/// | `single` | Xen takes one argument |
/// | `batch` | Xen takes an array of them |
/// | `= COMMAND`, `: STRUCTURE` | the names that the rule does not give; the command begins as it says |
/// | `on x86`, `on arm` | the architectures that have it: `x86`, `x86_32`, `x86_64`, `arm`, `arm32`, `aarch64`, several with commas |
///
/// | argument | what it is |
/// |---|---|
/// | none | the address is 0 |
/// | `(in name: type)` | a value without a structure around it; `out` and `inout` too |
/// | `(in name: &type)` | the same where the caller has it; `out` and `inout` by `&mut type` |
/// | `(in name: [type])` | the elements of a slice, counted by the hypercall's `count` |
/// | `{ in a: type, out b: type, ... }` | a structure: those members that anyone says or reads; the others are zero |
/// | `out list: [type] counted by nr` | a member that is a handle to a slice, and the one with its length |
/// | `... untyped` | behind such a member: upstream's handle is to `void` |
///
/// | convention | what the hypercall returns | what the wrapper returns |
/// |---|---|---|
/// | `status` | 0 or an error number, and a grant status in each argument | `Result<Out, Error>`; for a batch `Batch`, with statuses to look at |
/// | `errno` | 0 or an error number | `Result<Out, Error>` |
/// | `errno_and_out` | the same, and what comes out counts when it fails too | `(Result<(), Error>, Out)` |
/// | `count` | how many elements were done, never an error number for a failure of one | `Result<usize, Error>` |
/// | `value` | a value that is not negative, or an error number | `Result<usize, Error>` |
///
/// A `cfg` of a row is for all that the row expands to; other attributes are for its function.
///
/// # What it expands to
///
/// A `single` row is a function: what goes in are its parameters, in the order of the row, and what
/// comes out is its result: `()`, the one member that comes out, or a structure named after the row
/// that has them all. A member that comes out cannot be read before the call, since it is nowhere.
///
/// A `batch` row is a type named after the row, transparent over upstream's structure, and a function
/// that takes a slice of it. The type has a state: `Request` until the call, with `new` and what goes
/// in; `Done` afterwards, with what came out as well.
///
/// Xen looks at the low 32 bits of `count`. A `status` batch hands the number of its elements over
/// unchecked: those that Xen does not see are left untouched, which their statuses say. In other rows
/// a number that does not fit goes as the largest. So does the length of a slice if the member that
/// counts it is too small. Where one member counts several slices it is the length of the shortest.
#[proc_macro]
pub fn hypercalls(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand::hypercalls(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
